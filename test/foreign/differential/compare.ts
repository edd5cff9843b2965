/**
 * Compares what two servers answered to the same steps. Zxids, session ids and times differ between any two servers,
 * so they are compared by what they mean: zxids must correspond one to one and in the same order over the whole run,
 * session ids must belong to the same session, and a time must lie within the step that assigned its zxid.
 */
import type { Plain } from '../raw-bytes.ts'
import type { Arrival } from '../raw-replies.ts'

/** A record of decoded fields. */
export type Fields = { readonly [key: string]: Plain }

const ZXIDS: ReadonlySet<string> = new Set(['zxid', 'czxid', 'mzxid', 'pzxid'])
const TIMES: Readonly<Record<string, string>> = { ctime: 'czxid', mtime: 'mzxid' }
const UNORDERED: ReadonlySet<string> = new Set(['children', 'ephemerals', 'clients'])
/** Clocks of one machine, read in two processes. */
const CLOCK_SLACK_MS = 3n

/** True for a record. */
export const isFields = (value: Plain | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Prints any value on one line. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => typeof part === 'bigint' ? `0x${part.toString(16)}` : part)
    ?.replaceAll(/"(\w+)":/g, '$1:') ?? 'undefined'
}

/** Pairs of zxids that correspond, ascending in both. */
class Zxids {
  readonly #pairs: (readonly [bigint, bigint])[] = []
  /** Zxids on the left that have none of their own on the right: what is on the right at that time. */
  readonly #skipped = new Map<bigint, bigint>()

  /** The left server used up this zxid for something that is no txn on the right. */
  skip(left: bigint, right: bigint): boolean {
    const last = this.#pairs.at(-1)
    if (last === undefined || left <= last[0] || last[1] !== right) return false
    this.#skipped.set(left, right)
    return true
  }

  /** Says why the two cannot correspond; null when they do. */
  pair(left: bigint, right: bigint): string | null {
    if (left <= 0n || right <= 0n) return left === right ? null : `zxid ${left} against ${right}`
    const skipped = this.#skipped.get(left)
    if (skipped !== undefined) return skipped === right ? null : `zxid ${left} stood for ${skipped}, now for ${right}`
    let low = 0
    let high = this.#pairs.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#pairs[middle]?.[0] ?? 0n) < left) low = middle + 1
      else high = middle
    }
    const at = this.#pairs[low]
    if (at?.[0] === left) return at[1] === right ? null : `zxid ${left} stood for ${at[1]}, now for ${right}`
    const before = this.#pairs[low - 1]
    if ((before !== undefined && before[1] >= right) || (at !== undefined && at[1] <= right)) {
      return `zxids ${left} and ${right} are out of order: between ${show(before)} and ${show(at)}`
    }
    this.#pairs.splice(low, 0, [left, right])
    return null
  }
}

/** What is remembered about one server. */
export class Side {
  /** By id. */
  readonly sessions: Map<bigint, string> = new Map()
  /** When a zxid was new, in ms. */
  readonly #windows = new Map<bigint, readonly [from: bigint, to: bigint]>()
  #last = 0n

  /** Every zxid since the last one noted was assigned within these times. */
  note(zxid: bigint, from: number, to: number): void {
    for (let each = this.#last + 1n; each <= zxid && zxid - this.#last < 1_000n; each += 1n) {
      this.#windows.set(each, [BigInt(from) - CLOCK_SLACK_MS, BigInt(to) + CLOCK_SLACK_MS])
    }
    if (zxid > this.#last) this.#last = zxid
  }

  isPlausible(time: bigint, zxid: bigint): boolean {
    if (zxid === 0n) return true
    const window = this.#windows.get(zxid)
    return window === undefined ? time > 0n : time >= window[0] && time <= window[1]
  }
}

const textOf = (data: Plain | undefined): string => typeof data === 'string' ? Buffer.from(data, 'hex').toString() : ''
/** True for what /zookeeper/config holds in an ensemble. */
const isConfig = (data: Plain | undefined): boolean => /^server\.\d/.test(textOf(data))

/** Entries of one `auth:` come in no order. */
function sortedAcl(acl: readonly Plain[]): readonly Plain[] {
  const runs: Plain[][] = []
  for (const entry of acl) {
    const last = runs.at(-1)?.[0]
    const isSameRun = isFields(last) && isFields(entry) && last['perms'] === entry['perms'] &&
      last['scheme'] === 'digest' && entry['scheme'] === 'digest'
    if (isSameRun) runs.at(-1)?.push(entry)
    else runs.push([entry])
  }
  return runs.flatMap((run) => run.sort((a, b) => show(a) < show(b) ? -1 : 1))
}

const sorted = (list: readonly Plain[]): readonly Plain[] => [...list].sort((a, b) => show(a) < show(b) ? -1 : 1)

/** Compares arrivals over a whole run. */
export class Comparison {
  readonly #zxids = new Zxids()
  readonly left: Side
  readonly right: Side

  constructor(left: Side, right: Side) {
    this.left = left
    this.right = right
  }

  /** As `Zxids.skip`, for two replies. */
  skip(left: Arrival | undefined, right: Arrival | undefined): boolean {
    return left?.kind === 'reply' && right?.kind === 'reply' && this.#zxids.skip(left.zxid, right.zxid)
  }

  /** What differs; nothing when the two mean the same. */
  differences(left: Arrival | undefined, right: Arrival | undefined): string[] {
    if (left === undefined) return ['only on the right']
    if (right === undefined) return ['only on the left']
    const found: string[] = []
    this.#walk('', left as unknown as Fields, right as unknown as Fields, found)
    return found
  }

  #walk(at: string, left: Plain | undefined, right: Plain | undefined, found: string[]): void {
    if (Array.isArray(left) && Array.isArray(right)) {
      if (left.length !== right.length) found.push(`${at}: ${left.length} elements against ${right.length}`)
      for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
        this.#walk(`${at}[${i}]`, left[i] as Plain | undefined, right[i] as Plain | undefined, found)
      }
    } else if (isFields(left) && isFields(right)) {
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) this.#field(at, key, left, right, found)
    } else if (left !== right) found.push(`${at}: ${show(left)} against ${show(right)}`)
  }

  #field(at: string, key: string, leftAll: Fields, rightAll: Fields, found: string[]): void {
    const left = leftAll[key]
    const right = rightAll[key]
    const here = at === '' ? key : `${at}.${key}`
    if (typeof left === 'bigint' && typeof right === 'bigint') {
      const problem = this.#number(key, left, right, leftAll, rightAll)
      if (problem !== null) found.push(`${here}: ${problem}`)
    } else if (key === 'data' && left !== right && isConfig(left) && isConfig(right)) {
      const lines = (data: Plain | undefined): string => textOf(data).replaceAll(/(?<=[:;])\d+|(?<=version=)\w+/g, 'N')
      this.#walk(here, lines(left), lines(right), found)
    } else if (key === 'password') this.#password(here, left, right, found)
    else if (Array.isArray(left) && Array.isArray(right)) {
      const order = UNORDERED.has(key) ? sorted : key === 'acl' ? sortedAcl : (list: readonly Plain[]) => list
      this.#walk(here, order(left), order(right), found)
    } else this.#walk(here, left, right, found)
  }

  #number(key: string, left: bigint, right: bigint, leftAll: Fields, rightAll: Fields): string | null {
    if (ZXIDS.has(key)) return this.#zxids.pair(left, right)
    const source = TIMES[key]
    if (source !== undefined) {
      const isFine = (side: Side, time: bigint, all: Fields): boolean =>
        typeof all[source] === 'bigint' && side.isPlausible(time, all[source])
      if ((left === 0n) !== (right === 0n)) return `${left} against ${right}`
      return isFine(this.left, left, leftAll) && isFine(this.right, right, rightAll) ? null
        : `${left} or ${right} is not when that was`
    }
    if (left === 0n || right === 0n) return left === right ? null : `${show(left)} against ${show(right)}`
    const names = [this.left.sessions.get(left), this.right.sessions.get(right)]
    if (names[0] === names[1] && names[0] !== undefined) return null
    return `session ${show(names[0])} against ${show(names[1])}`
  }

  /** Made of the session id: only its length and whether it is all zeros can be equal. */
  #password(at: string, left: Plain | undefined, right: Plain | undefined, found: string[]): void {
    const shape = (value: Plain | undefined): string =>
      typeof value !== 'string' ? show(value) : `${value.length / 2} bytes${/^0*$/.test(value) ? ', all 0' : ''}`
    if (shape(left) !== shape(right)) found.push(`${at}: ${shape(left)} against ${shape(right)}`)
  }
}

/** Sorts the events between two replies: the order in which a session's ephemerals go is nobody's promise. */
export function sortEvents(arrivals: readonly Arrival[]): Arrival[] {
  const ordered: Arrival[] = []
  let events: Arrival[] = []
  const text = (arrival: Arrival): string => arrival.kind === 'event' ? show(arrival.event) : ''
  const flush = (): void => {
    ordered.push(...events.sort((a, b) => text(a) < text(b) ? -1 : 1))
    events = []
  }
  for (const arrival of arrivals) {
    if (arrival.kind === 'event') {
      events.push(arrival)
      continue
    }
    flush()
    ordered.push(arrival)
  }
  flush()
  return ordered
}
