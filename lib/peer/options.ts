import type { Timing } from '../core/effects.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import type { Limits } from '../core/limits.ts'
import { checkLimits, DEFAULT_LIMITS } from '../core/limits.ts'
import { checkLogger, checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import { SILENT } from '../ports/logger.ts'
import type { Storage } from '../ports/storage.ts'
import type { Transport } from '../ports/transport.ts'
import type { ClientPortOptions } from './client-port.ts'
import type { MemberAddresses } from './members.ts'
import { schemeOf } from './members.ts'
import { systemClock } from './system-clock.ts'

/** One member as the user writes it: where it can be dialled, and its role when it is not a voter. */
export type MemberOption = string | readonly string[] |
  {
    readonly addresses: string | readonly string[], readonly role?: 'voter' | 'observer',
    /** `host:port` at which it serves clients, as /zookeeper/config names it; the same on every peer. */
    readonly client?: string,
  }

/** Which ensemble a peer belongs to. */
export interface EnsembleOptions {
  /** Peers of another name refuse each other. */
  readonly name: string
  /** Every member by its id, this peer included; no address for a member that only dials. The same on all of them. */
  readonly members: Readonly<Record<number, MemberOption>>
}

/** What a peer is made of. */
export interface PeerOptions {
  readonly id: number
  readonly ensemble: EnsembleOptions
  /** The first that takes an address is used for it. */
  readonly transports: readonly Transport[]
  readonly storage: Storage
  /** Shared by all peers of the ensemble, who then prove to each other that they have it. */
  readonly secret?: string | Uint8Array
  /** May found the ensemble from empty storages without hearing from every voter; implied when it is the only voter. */
  readonly bootstrap?: boolean
  readonly timing?: Partial<Timing>
  readonly limits?: Partial<Limits>
  readonly logger?: Logger
  readonly clock?: Clock
  /**
   * 0 to 1: what this start of the peer draws its jitter from. WebCrypto's when left out; whoever wants runs that can
   * be repeated gives both this and a clock. Passwords of sessions are never drawn from it.
   */
  readonly random?: () => number
  /** `user:base64(sha1(user:password))`: who authenticates with it may do everything. */
  readonly superDigest?: string
  /** Checks no access-control lists. */
  readonly skipAcl?: boolean
  /** Nodes with a time to live may be created; true unless said otherwise. */
  readonly ttl?: boolean
  /**
   * Refuses writes that would exceed a hard quota, with QuotaExceeded; the same on every peer. What is used is counted
   * in any case, and soft quotas are for whoever looks.
   */
  readonly enforceQuota?: boolean
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal
  /** No timer of this peer keeps the process alive. */
  readonly unref?: boolean
  /** Where to bind, when that differs from the advertised addresses: `tcp://0.0.0.0:7001`. */
  readonly listen?: readonly string[]
  /** Where ZooKeeper clients connect: an address or several, `tcp://127.0.0.1:2181`; nowhere when left out. */
  readonly clients?: string | readonly string[] | ClientPortOptions
}

/**
 * Durations for a LAN and a busy host, in ms: a dead leader is replaced within about 1 s, because its links break at
 * once; a frozen one within about 2 s, when `syncMs` has passed in silence.
 */
export const DEFAULT_TIMING: Timing = {
  tickMs: 100,
  initMs: 5_000,
  syncMs: 1_500,
  pingMs: 100,
  finalizeMs: 40,
  resendMs: 50,
  resendMaxMs: 500,
  sessionMinMs: 500,
  sessionMaxMs: 120_000,
  reapMs: 5_000,
}

const LARGEST_ID = 65_535
const LONGEST_NAME = 128

/** The options with everything filled in and checked. */
export interface PeerSettings {
  readonly id: number
  readonly ensembleName: string
  /** Sorted by id. */
  readonly members: readonly MemberAddresses[]
  readonly transports: readonly Transport[]
  readonly storage: Storage
  readonly secret: string | Uint8Array | undefined
  readonly bootstrap: boolean
  readonly timing: Timing
  readonly limits: Limits
  readonly logger: Logger
  readonly clock: Clock
  readonly random: (() => number) | undefined
  readonly superDigest: string | undefined
  readonly skipAcl: boolean
  readonly ttl: boolean
  readonly enforceQuota: boolean
  readonly unref: boolean
  readonly listen: readonly string[] | undefined
  /** Null: no client port. */
  readonly clients: Required<ClientPortOptions> | null
}

/** Names of the options that all peers of an ensemble in one process share, for the checks. */
export const SHARED_OPTIONS: readonly string[] = [
  'secret', 'timing', 'limits', 'logger', 'clock', 'superDigest', 'skipAcl', 'ttl', 'enforceQuota',
  'signal', 'unref',
]
const PEER_OPTIONS = [...SHARED_OPTIONS, 'id', 'ensemble', 'transports', 'storage', 'bootstrap', 'listen', 'clients',
  'random']
const CLIENT_OPTIONS = ['listen', 'perAddress', 'connections', 'words']
const CONNECTIONS_PER_ADDRESS = 60
const CLIENT_ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/
const SUPER_DIGEST = /^[^:]+:[A-Za-z0-9+/]{27}=$/

/** Checks what the user wrote. Throws TypeError for a wrong argument and ZkError AddressInvalid for an address. */
export function readOptions(options: PeerOptions): PeerSettings {
  checkOptions(options ?? null, PEER_OPTIONS)
  const { id, ensemble, transports, storage } = options
  checkId(id)
  checkOptions(ensemble ?? null, ['name', 'members'], 'ensemble')
  checkSignal(options.signal)
  checkLogger(options.logger)
  checkTypes(options, {
    bootstrap: 'boolean', skipAcl: 'boolean', ttl: 'boolean', enforceQuota: 'boolean', unref: 'boolean',
    superDigest: 'string', random: 'function',
  })
  if (options.superDigest !== undefined && !SUPER_DIGEST.test(options.superDigest)) {
    throw new TypeError('superDigest must be of the form user:base64(sha1(user:password))')
  }
  const name = ensemble?.name
  if (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME) {
    throw new TypeError(`ensemble.name must be a string of 1 to ${LONGEST_NAME} characters`)
  }
  if (!Array.isArray(transports) || !transports.every(isTransport)) {
    throw new TypeError('transports must be an array of transports')
  }
  if (typeof storage?.open !== 'function') throw new TypeError('storage must be a Storage')
  const members = readMembers(ensemble.members)
  const self = members.find((member) => member.id === id)
  if (!self) throw new TypeError(`ensemble.members does not list peer ${id}`)
  if (self.role === 'voter' && !storage.features.durable) {
    throw new TypeError(`peer ${id} is a voter, but its storage is not durable: it can only be an observer`)
  }
  const voters = members.filter((member) => member.role === 'voter')
  if (voters.length === 0) throw new TypeError('ensemble.members must list at least one voter')
  checkSecret(options.secret)
  if (options.listen !== undefined && !Array.isArray(options.listen)) throw new TypeError('listen must be an array')
  for (const address of options.listen ?? []) schemeOf(String(address))
  return {
    id, ensembleName: name, members, transports, storage,
    secret: options.secret,
    bootstrap: options.bootstrap ?? (voters.length === 1 && self.role === 'voter'),
    timing: readTiming(options.timing),
    limits: readLimits(options.limits),
    logger: options.logger ?? SILENT,
    clock: options.clock ?? systemClock(),
    random: options.random,
    superDigest: options.superDigest,
    skipAcl: options.skipAcl ?? false,
    ttl: options.ttl ?? true,
    enforceQuota: options.enforceQuota ?? false,
    unref: options.unref ?? false,
    listen: options.listen,
    clients: readClients(options.clients),
  }
}

function readClients(given: PeerOptions['clients']): Required<ClientPortOptions> | null {
  if (given === undefined) return null
  const options: ClientPortOptions = typeof given === 'string' ? { listen: [given] }
    : Array.isArray(given) ? { listen: given as readonly string[] } : given as ClientPortOptions
  checkOptions(options ?? null, CLIENT_OPTIONS, 'clients')
  const { listen, perAddress = CONNECTIONS_PER_ADDRESS, connections = 0, words = [] } = options
  if (!Array.isArray(listen)) throw new TypeError('clients.listen must be an array of addresses')
  for (const address of listen) schemeOf(String(address))
  for (const [name, value] of Object.entries({ perAddress, connections })) {
    if (!Number.isInteger(value) || value < 0) throw new TypeError(`clients.${name} must be an integer, 0 for no bound`)
  }
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    throw new TypeError('clients.words must be an array of four-letter words')
  }
  return { listen: [...listen], perAddress, connections, words: [...words] }
}

function checkId(id: unknown): asserts id is number {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > LARGEST_ID) {
    throw new TypeError(`a peer id must be an integer from 1 to ${LARGEST_ID}, not ${String(id)}`)
  }
}

function isTransport(given: Transport | null | undefined): boolean {
  return Array.isArray(given?.schemes) && typeof given.dial === 'function'
}

function checkSecret(secret: unknown): void {
  if (secret === undefined) return
  const isText = typeof secret === 'string' || secret instanceof Uint8Array
  if (!isText || secret.length === 0) throw new TypeError('secret must be a string or bytes, and not empty')
  if (globalThis.crypto?.subtle === undefined) {
    throw new ZkError('Unimplemented', 'a secret needs WebCrypto, which this context does not have')
  }
}

function readMembers(given: EnsembleOptions['members']): readonly MemberAddresses[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError('ensemble.members must be an object of addresses by id')
  }
  const members = Object.entries(given).map(([key, option]: [string, MemberOption]): MemberAddresses => {
    const id = /^[0-9]+$/.test(key) ? Number(key) : NaN
    checkId(id)
    const isPlain = typeof option === 'string' || Array.isArray(option)
    const { addresses, role = 'voter', client } = isPlain
      ? { addresses: option as string | readonly string[], client: undefined }
      : option as Exclude<MemberOption, string | readonly string[]>
    if (role !== 'voter' && role !== 'observer') throw new TypeError(`the role of member ${id} is not known`)
    const list = typeof addresses === 'string' ? [addresses] : addresses
    if (!Array.isArray(list)) throw new TypeError(`the addresses of member ${id} must be strings`)
    for (const address of list) schemeOf(String(address))
    if (client !== undefined && !CLIENT_ADDRESS.test(client)) {
      throw new TypeError(`the client address of member ${id} must be host:port`)
    }
    const all = [...list as readonly string[]]
    return { id, role, addresses: all, ...(client === undefined ? {} : { client }) }
  })
  const owners = new Map<string, number>()
  for (const { id, addresses } of members) {
    for (const address of addresses) {
      const owner = owners.get(address)
      // Port 0 is not an address yet.
      if (owner !== undefined && !address.endsWith(':0')) {
        throw new TypeError(`members ${owner} and ${id} have the same address ${address}`)
      }
      owners.set(address, id)
    }
  }
  return members.toSorted((one, other) => one.id - other.id)
}

function readTiming(given: Partial<Timing> | undefined): Timing {
  const timing = { ...DEFAULT_TIMING, ...given }
  for (const [name, value] of Object.entries(timing)) {
    if (!(name in DEFAULT_TIMING)) throw new TypeError(`timing.${name} is not known`)
    if (!Number.isInteger(value) || value < 1) throw new TypeError(`timing.${name} must be a positive integer`)
  }
  if (timing.pingMs * 2 > timing.syncMs) throw new TypeError('timing.syncMs must be at least twice timing.pingMs')
  if (timing.sessionMinMs > timing.sessionMaxMs) {
    throw new TypeError('timing.sessionMinMs must not be above timing.sessionMaxMs')
  }
  return timing
}

function readLimits(given: Partial<Limits> | undefined): Limits {
  const limits = { ...DEFAULT_LIMITS, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in DEFAULT_LIMITS)) throw new TypeError(`limits.${name} is not known`)
    if (!Number.isInteger(value) || value < 1) throw new TypeError(`limits.${name} must be a positive integer`)
  }
  try {
    checkLimits(limits)
  } catch (error) {
    throw isZkError(error) ? error : new TypeError(`limits do not fit together: ${(error as Error).message}`)
  }
  return limits
}

const LARGEST_PORT = 65_535

/**
 * The text of /zookeeper/config, in the form of ZooKeeper's dynamic configuration, which its tools and clients parse.
 * They want two ports that differ, where a peer has one: the second is the next number, and nobody listens there.
 * Nothing for a member that stands alone.
 */
export function configText(members: readonly MemberAddresses[]): string {
  if (members.length === 1) return ''
  const lines = members.map(({ id, role, addresses, client }) => {
    const places = addresses.flatMap((address) => {
      const match = /^[a-z]+:\/\/(\[[^\]]+\]|[^:/]+):(\d+)/.exec(address)
      return match === null ? [] : [`${match[1]}:${match[2]}:${portBeside(Number(match[2]))}`]
    })
    // A member that only dials, or lives in this process alone, has no place in the network.
    const where = places.length === 0 ? '0.0.0.0:0:1' : places.join('|')
    const kind = role === 'voter' ? 'participant' : 'observer'
    return `server.${id}=${where}:${kind}${client === undefined ? '' : `;${client}`}`
  })
  return [...lines, 'version=0'].join('\n')
}

function portBeside(port: number): number {
  return port === LARGEST_PORT ? port - 1 : port + 1
}
