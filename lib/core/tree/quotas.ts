import { PathLengths } from './path-lengths.ts'
import { formatQuota, parseQuota } from './quota-text.ts'
import type { Quota } from './quota-text.ts'

const ROOT = '/zookeeper/quota'
const LIMITS = '/zookeeper_limits'
const STATS = '/zookeeper_stats'
/** A longer text is no quota. */
const LONGEST_TEXT = 1_024

/** Where the limits of a subtree stand. */
export function limitsPath(path: string): string {
  return ROOT + path + LIMITS
}

/** Where it stands what is used of them. */
export function statsPath(path: string): string {
  return ROOT + path + STATS
}

/** The subtree whose use is told at this path, or null. */
export function countedAt(path: string): string | null {
  return ownerOf(path, STATS)
}

/** `/a` for `/zookeeper/quota/a/zookeeper_limits`; the whole tree has no quota. */
function ownerOf(path: string, name: string): string | null {
  if (!path.startsWith(ROOT) || !path.endsWith(name)) return null
  const owner = path.slice(ROOT.length, -name.length)
  return owner.startsWith('/') ? owner : null
}

/** The subtrees that have a quota, by the nodes of their limits: all that is known beside the tree itself. */
export class Quotas {
  readonly #owners = new Set<string>()
  readonly #lengths = new PathLengths()

  /** A node has come. */
  add(path: string): void {
    const owner = ownerOf(path, LIMITS)
    if (owner === null || this.#owners.has(owner)) return
    this.#owners.add(owner)
    this.#lengths.add(owner)
  }

  /** A node has gone. */
  delete(path: string): void {
    const owner = ownerOf(path, LIMITS)
    if (owner !== null && this.#owners.delete(owner)) this.#lengths.delete(owner)
  }

  /** The lowest subtree with a quota that a path is in; null when there is none. */
  ownerOf(path: string): string | null {
    if (this.#owners.size === 0) return null
    let at = this.#lengths.has(path) ? path : this.#lengths.above(path)
    for (; at !== '/'; at = this.#lengths.above(at)) if (this.#owners.has(at)) return at
    return null
  }
}

/** The quota that the data of a node says; of other data one without limits. */
export function readQuota(data: Readonly<Uint8Array> | null): Quota {
  if (data === null || data.length > LONGEST_TEXT) return parseQuota('')
  let text = ''
  for (const byte of data) text += String.fromCharCode(byte)
  return parseQuota(text)
}

/** The data that says so. */
export function writeQuota(quota: Quota): Uint8Array {
  const text = formatQuota(quota)
  const data = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i)
  return data
}

/** A soft limit that a write exceeds, which happens all the same. */
export interface SoftQuota {
  /** The subtree that has the quota. */
  readonly path: string
  readonly what: 'nodes' | 'bytes'
  /** After the write. */
  readonly used: number
  readonly limit: number
}

/** The soft limits that so many more nodes and bytes are above; a hard limit of the same kind counts instead. */
export function softlyExceeded(path: string, limits: Quota, used: Quota, nodes: number, bytes: number): SoftQuota[] {
  const { count, countHardLimit = -1, byteHardLimit = -1 } = limits
  const exceeded: SoftQuota[] = []
  if (nodes !== 0 && countHardLimit < 0 && count > -1 && used.count + nodes > count) {
    exceeded.push({ path, what: 'nodes', used: used.count + nodes, limit: count })
  }
  if (bytes !== 0 && byteHardLimit < 0 && limits.bytes > -1 && used.bytes + bytes > limits.bytes) {
    exceeded.push({ path, what: 'bytes', used: used.bytes + bytes, limit: limits.bytes })
  }
  return exceeded
}

/**
 * Whether so many more nodes and bytes would be above a hard limit (ZooKeeper: checkQuota). What does not change is not
 * looked at; what shrinks and is above the limit still, is refused too.
 */
export function exceeds(limits: Quota, used: Quota, nodes: number, bytes: number): boolean {
  const { countHardLimit = -1, byteHardLimit = -1 } = limits
  return (nodes !== 0 && countHardLimit > -1 && used.count + nodes > countHardLimit) ||
    (bytes !== 0 && byteHardLimit > -1 && used.bytes + bytes > byteHardLimit)
}
