import { OPEN_ACL, Perm } from '../core/tree/request.ts'
import type { Acl } from '../core/tree/request.ts'
import { formatPerms, parseAcl } from './acl.ts'
import { jsonData } from './format.ts'
import { UsageError } from './usage.ts'

const FORMAT = 'vivarium-export'
const VERSION = 1

/** One node of an exported subtree. */
export interface ExportRecord {
  /** Below the exported node: `` for itself, else `a/b`. */
  readonly path: string
  /** Null when the node has none. */
  readonly data: Uint8Array | null
  readonly acl: readonly Acl[]
  /** The session that owned it, when it was ephemeral. */
  readonly ephemeralOwner?: string
  /** To be written by hand: no client can see these two, but an import makes such nodes. */
  readonly ttlMs?: number
  readonly container?: boolean
}

/** The first line of an export. */
export function formatHeader(root: string, atMs: number): string {
  return JSON.stringify({ format: FORMAT, version: VERSION, root, exportedAt: new Date(atMs).toISOString() })
}

/** The root of the export that begins with this line. */
export function readHeader(line: string): string {
  const header = readObject(line, 1)
  if (header['format'] !== FORMAT) throw new UsageError('this is no export: its first line is not the header')
  if (header['version'] !== VERSION) throw new UsageError(`an export of version ${String(header['version'])}`)
  if (typeof header['root'] !== 'string') throw new UsageError('the header of the export names no root')
  return header['root']
}

/** One node in one line; the access-control list that lets everybody do everything is left out. */
export function formatRecord({ path, data, acl, ephemeralOwner }: ExportRecord): string {
  const entries = acl.map(({ scheme, id, perms }) => ({ scheme, id, perms: formatPerms(perms) }))
  return JSON.stringify({
    path, ...jsonData(data), ...(isOpen(acl) ? {} : { acl: entries }),
    ...(ephemeralOwner === undefined ? {} : { ephemeralOwner }),
  })
}

/** Reads what `formatRecord` wrote, or what someone edited since. */
export function readRecord(line: string, lineNumber: number): ExportRecord {
  const { path, data, base64, acl, ephemeralOwner, ttlMs, container } = readObject(line, lineNumber)
  const wrong = (what: string): UsageError => new UsageError(`line ${lineNumber} of the export: ${what}`)
  if (typeof path !== 'string' || path.startsWith('/')) throw wrong('path is not one below the root')
  if (data !== undefined && data !== null && typeof data !== 'string') throw wrong('data is no string')
  if (base64 !== undefined && typeof base64 !== 'string') throw wrong('base64 is no string')
  if (ttlMs !== undefined && typeof ttlMs !== 'number') throw wrong('ttlMs is no number')
  const bytes = typeof base64 === 'string' ? Buffer.from(base64, 'base64')
    : typeof data === 'string' ? Buffer.from(data, 'utf8') : null
  return {
    path, data: bytes, acl: acl === undefined ? OPEN_ACL : readAcl(acl, wrong),
    ...(typeof ephemeralOwner === 'string' ? { ephemeralOwner } : {}),
    ...(ttlMs === undefined ? {} : { ttlMs }), ...(container === true ? { container } : {}),
  }
}

function readAcl(list: unknown, wrong: (what: string) => UsageError): Acl[] {
  if (!Array.isArray(list) || list.length === 0) throw wrong('acl is no list of { scheme, id, perms }')
  return list.map((entry: unknown) => {
    const { scheme, id, perms } = (entry ?? {}) as Readonly<Record<string, unknown>>
    if (typeof scheme !== 'string' || typeof id !== 'string' || typeof perms !== 'string') {
      throw wrong('acl is no list of { scheme, id, perms }')
    }
    const [parsed] = parseAcl(`::${perms}`, (problem) => { throw wrong(problem) })
    return { scheme, id, perms: parsed!.perms }
  })
}

function readObject(line: string, lineNumber: number): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new UsageError(`line ${lineNumber} of the export is no JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null) throw new UsageError(`line ${lineNumber} of the export is no object`)
  return value as Readonly<Record<string, unknown>>
}

function isOpen(acl: readonly Acl[]): boolean {
  const [first, second] = acl
  return second === undefined && first?.scheme === 'world' && first.id === 'anyone' && first.perms === Perm.all
}
