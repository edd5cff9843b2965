import { ZkError } from '../core/errors.ts'
import { validatePath } from '../core/tree/path.ts'
import { Mode, OPEN_ACL } from '../core/tree/request.ts'
import type { Acl, CreateRequest, DeleteRequest, ReconfigRequest, SetDataRequest } from '../core/tree/request.ts'
import type { Copies } from './copies.ts'
import { checkOptions, checkTypes } from './options.ts'
import type { Data } from './values.ts'
import { toBytes } from './values.ts'

/** ZooKeeper's names of the ways a node can live. */
export type CreateMode = 'persistent' | 'ephemeral' | 'persistentSequential' | 'ephemeralSequential' | 'container' |
  'persistentTtl' | 'persistentSequentialTtl'

/** How a node is created; persistent and open to everybody when nothing is said. */
export interface CreateOptions {
  /** The kind by its ZooKeeper name, instead of the switches below. */
  readonly mode?: CreateMode
  /** Deleted when the session ends. */
  readonly ephemeral?: boolean
  /** A number that rises per parent is added to the name. */
  readonly sequential?: boolean
  /** Deleted by the ensemble some time after its last child went. */
  readonly container?: boolean
  /** Deleted by the ensemble when it had no child and no change of data for so long. */
  readonly ttlMs?: number
  readonly acl?: readonly Acl[]
}

/** Names of the options of create, for the checks. */
export const CREATE_OPTIONS: readonly string[] =
  ['mode', 'ephemeral', 'sequential', 'container', 'ttlMs', 'acl']
/** The same of the writes that check a version. */
export const VERSION_OPTIONS: readonly string[] = ['version']

/** A version that must be the node's; any when left out. */
export interface VersionOptions {
  readonly version?: number
}

const LARGEST_TTL_MS = 0xff_ffff_ffff
const ANY_VERSION = -1

/** Throws TypeError for what is no string, and BadArguments for a string that is no path. */
export function checkPath(path: string): string {
  if (typeof path !== 'string') throw new TypeError(`a path must be a string, not ${typeof path}`)
  if (!validatePath(path)) throw new ZkError('BadArguments', 'not a valid path', { path })
  return path
}

/** The version to send. */
export function versionOf(options: VersionOptions | undefined): number {
  const version = options?.version
  if (version === undefined) return ANY_VERSION
  if ((version | 0) !== version) throw new TypeError(`a version must be a 32-bit integer, not ${String(version)}`)
  return version
}

/** A copy of the list. Throws TypeError for what is none; whether its entries mean something the ensemble decides. */
export function checkAcl(acl: readonly Acl[]): readonly Acl[] {
  if (!Array.isArray(acl)) throw new TypeError('acl must be an array of { perms, scheme, id }')
  return acl.map((entry: Acl) => {
    const { perms, scheme, id } = entry ?? {}
    if (!Number.isInteger(perms) || (perms | 0) !== perms || typeof scheme !== 'string' || typeof id !== 'string') {
      throw new TypeError('an entry of acl must be { perms, scheme, id }: a number and two strings')
    }
    return { perms, scheme, id }
  })
}

/** The request of create; with `stat`, of the form that answers with the stat. */
export function createRequest(
  path: string, data: Data, options: CreateOptions | undefined, stat: boolean, copies: Copies,
): CreateRequest {
  const mode = options === undefined ? 'persistent' : modeOf(options)
  const isSequential = mode.endsWith('Sequential') || mode === 'persistentSequentialTtl'
  checkPath(isSequential && typeof path === 'string' ? `${path}1` : path)
  const ttlMs = options?.ttlMs ?? -1
  const acl = options?.acl === undefined ? OPEN_ACL : checkAcl(options.acl)
  const op = mode === 'container' ? 19 : ttlMs !== -1 ? 21 : stat ? 15 : 1
  return { op, path, data: toBytes(data, copies), acl, flags: Mode[mode], ttlMs }
}

function modeOf(options: CreateOptions): CreateMode {
  const { ephemeral = false, sequential = false, container = false, ttlMs } = options
  if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs > 0 && ttlMs <= LARGEST_TTL_MS)) {
    throw new TypeError(`ttlMs must be an integer from 1 to ${LARGEST_TTL_MS}, not ${String(ttlMs)}`)
  }
  const { mode } = options
  if (mode !== undefined) {
    if (!Object.hasOwn(Mode, mode)) throw new TypeError(`the mode '${String(mode)}' is not known`)
    if (ephemeral || sequential || container) throw new TypeError('mode and its switches exclude each other')
    const isTtl = mode.endsWith('Ttl')
    if (isTtl !== (ttlMs !== undefined)) throw new TypeError('ttlMs belongs to the modes that end in Ttl')
    return mode
  }
  if (container) {
    if (ephemeral || sequential || ttlMs !== undefined) throw new TypeError('a container is of no other kind')
    return 'container'
  }
  if (ttlMs !== undefined) {
    if (ephemeral) throw new TypeError('an ephemeral node has no ttlMs')
    return sequential ? 'persistentSequentialTtl' : 'persistentTtl'
  }
  if (ephemeral) return sequential ? 'ephemeralSequential' : 'ephemeral'
  return sequential ? 'persistentSequential' : 'persistent'
}

/** The request of set. */
export function setRequest(
  path: string, data: Data, options: VersionOptions | undefined, copies: Copies,
): SetDataRequest {
  if (data === undefined) throw new TypeError('data is missing; null stores none')
  return { op: 5, path: checkPath(path), data: toBytes(data, copies), version: versionOf(options) }
}

/** The request of delete. */
export function deleteRequest(path: string, options: VersionOptions | undefined): DeleteRequest {
  return { op: 2, path: checkPath(path), version: versionOf(options) }
}

/** What becomes of the members: some join and some leave, or the whole list is replaced. */
export interface Reconfiguration {
  /** Members to add or change, `1=host:port:port:participant;clientPort` with commas. */
  readonly joining?: string
  /** Ids of members to remove, with commas. */
  readonly leaving?: string
  /** All members that there are to be, instead of the two. */
  readonly members?: string
  /** The configuration must have this version, as it says itself. */
  readonly version?: number
}

const RECONFIGURATION: readonly string[] = ['joining', 'leaving', 'members', 'version']

/** The request of reconfig. */
export function reconfigRequest(change: Reconfiguration): ReconfigRequest {
  checkOptions(change ?? null, RECONFIGURATION, 'the change')
  checkTypes(change, { joining: 'string', leaving: 'string', members: 'string' })
  const { joining = null, leaving = null, members = null, version = ANY_VERSION } = change
  if (!Number.isSafeInteger(version)) throw new TypeError(`a version must be an integer, not ${String(version)}`)
  return { op: 16, joining, leaving, members, version }
}
