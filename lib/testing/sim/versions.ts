import type { MultiOp, OpResult, Outcome, Request } from '../../core/tree/request.ts'
import type { Zxid } from '../../core/zxid.ts'
import { sameBytes } from './reference.ts'
import { Violation } from './violation.ts'

/** One version of a node, as answers told of it. */
interface Told {
  writer: string | null
  /** Undefined as long as nobody has read it. */
  data: Uint8Array | null | undefined
  /** How many answers had told of anything before. */
  readonly at: number
}

/** One life of a node: `czxid` tells lives apart and says nothing of any order here. */
interface Life {
  readonly path: string
  readonly versions: Map<number, Told>
  last: number
}

/** What one session was told last of a path. */
interface Seen {
  czxid: Zxid
  version: number
  /** The last version of this life that it wrote itself; -1 for none. */
  written: number
  /** Lives that are over. */
  readonly past: Set<Zxid>
}

/** What one session was told of each path: it does not go back (C1), nor behind what it wrote itself (C5). */
export class Sight {
  readonly #paths = new Map<string, Seen>()

  /** `isOwn`: it was told that it has written this. */
  saw(path: string, czxid: Zxid, version: number, isOwn = false): void {
    let seen = this.#paths.get(path)
    if (seen === undefined) this.#paths.set(path, seen = { czxid, version, written: -1, past: new Set() })
    if (seen.czxid !== czxid) {
      const check = seen.written < 0 ? 'C1' : 'C5'
      if (seen.past.has(czxid)) throw new Violation(check, `${path} is what it was before it was made anew`)
      seen.past.add(seen.czxid)
      seen.czxid = czxid
      seen.written = -1
    } else if (version < seen.version) {
      const check = version < seen.written ? 'C5' : 'C1'
      throw new Violation(check, `a session saw version ${seen.version} of ${path}, and then ${version}`)
    }
    seen.version = version
    if (isOwn) seen.written = version
  }
}

/**
 * C1 without zxids, which a lying server could choose: each version of a node has one value and one writer, who sent
 * it; a write has a later version than any that was told of before it was sent; no session goes back; and versions
 * that nobody was acknowledged are no more than there are writes without an answer.
 */
export class Versions {
  /** By path and czxid. */
  readonly #lives = new Map<string, Map<Zxid, Life>>()
  /** Who sent a value; values are never sent twice. */
  readonly #writers = new Map<number, string>()
  /** Changes of a path that were sent and not answered. */
  readonly #open = new Map<string, number>()
  /** Answers so far. */
  clock = 0

  sent(writer: string, request: Request): void {
    for (const op of partsOf(request)) {
      if ('data' in op) {
        const key = keyOf(op.data)
        if (key !== null) this.#writers.set(key, writer)
      }
      if (op.op === 5) this.#open.set(op.path, (this.#open.get(op.path) ?? 0) + 1)
    }
  }

  /** A write was answered at `zxid`; it was sent when the clock stood at `sentAt`. */
  wrote(writer: string, request: Request, { code, result }: Outcome, zxid: Zxid, sentAt: number, sight: Sight): void {
    this.clock++
    const parts = partsOf(request)
    for (const { op, path } of parts) if (op === 5) this.#open.set(path, this.#open.get(path)! - 1)
    if (code !== 'Ok' || result === null) return
    const results: readonly OpResult[] = 'results' in result ? result.results : [result]
    // A node that is made and deleted within one multi was there for nobody, and one made after it has the same czxid.
    const gone = new Map<string, number>()
    for (const [at, { op, path }] of parts.entries()) if (op === 2) gone.set(path, at)
    for (const [at, part] of parts.entries()) {
      const done = results[at]!
      if (done.op === -1) return
      const isGone = at < (gone.get('path' in done ? done.path : part.path) ?? 0)
      if (part.op === 5 && 'stat' in done) {
        const { czxid, version } = done.stat
        if (isGone && czxid === zxid) continue
        this.#checkLater(this.#life(part.path, czxid), version, sentAt)
        this.#tell(part.path, czxid, version, part.data, writer)
        sight.saw(part.path, czxid, version, true)
      } else if ('path' in done && 'data' in part && !isGone) {
        this.#tell(done.path, zxid, 0, part.data, writer)
        sight.saw(done.path, zxid, 0, true)
      }
    }
  }

  /** A read was answered. */
  read(request: Request, { code, result }: Outcome, sight: Sight): void {
    this.clock++
    if (code !== 'Ok' || result === null) return
    const asked = request.op === 22 ? request.ops : [request]
    const results: readonly OpResult[] = 'results' in result ? result.results : [result]
    for (const [at, one] of asked.entries()) {
      const done = results[at]!
      if (!('path' in one) || one.path === '/' || !('stat' in done)) continue
      const { czxid, version } = done.stat
      sight.saw(one.path, czxid, version)
      if (!('data' in done)) {
        this.#tell(one.path, czxid, version, undefined, null)
        continue
      }
      const key = keyOf(done.data)
      const writer = key === null ? null : this.#writers.get(key)
      if (writer === undefined) throw new Violation('C1', `${one.path} has a value that nobody sent`)
      this.#tell(one.path, czxid, version, done.data, writer)
    }
  }

  #life(path: string, czxid: Zxid): Life {
    let lives = this.#lives.get(path)
    if (lives === undefined) this.#lives.set(path, lives = new Map<Zxid, Life>())
    let life = lives.get(czxid)
    if (life === undefined) lives.set(czxid, life = { path, versions: new Map(), last: 0 })
    return life
  }

  /** Whatever was told of before a write was sent came before it. */
  #checkLater({ path, versions, last }: Life, version: number, sentAt: number): void {
    for (let later = version; later <= last; later++) {
      const told = versions.get(later)
      if (told !== undefined && told.at < sentAt) {
        throw new Violation('C1', `version ${version} of ${path} was written after version ${later} had been told of`)
      }
    }
  }

  #tell(path: string, czxid: Zxid, version: number, data: Told['data'], writer: string | null): void {
    const life = this.#life(path, czxid)
    const told = life.versions.get(version)
    if (told === undefined) {
      life.versions.set(version, { writer, data, at: this.clock - 1 })
      if (version > life.last) life.last = version
      return
    }
    if (told.writer !== null && writer !== null && told.writer !== writer) {
      throw new Violation('C1', `version ${version} of ${path} was written by ${told.writer} and by ${writer}`)
    }
    told.writer ??= writer
    if (data === undefined) return
    if (told.data !== undefined && !sameBytes(told.data, data)) {
      throw new Violation('C1', `version ${version} of ${path} has two values`)
    }
    told.data = data
  }

  /** At the end: versions rise by one, so those that nobody was told of are of writes that were not answered. */
  check(): void {
    const missing = new Map<string, number>()
    for (const [path, lives] of this.#lives) {
      for (const { versions, last } of lives.values()) {
        const untold = last + 1 - versions.size - (versions.has(0) ? 0 : 1)
        if (untold > 0) missing.set(path, (missing.get(path) ?? 0) + untold)
      }
    }
    for (const [path, count] of missing) {
      const open = this.#open.get(path) ?? 0
      if (count > open) throw new Violation('C1', `${count} versions of ${path} are nobody's, ${open} writes are open`)
    }
  }
}

/** The operations of a write, one by one. */
function partsOf(request: Request): readonly MultiOp[] {
  return request.op === 14 ? request.ops : [request as MultiOp]
}

/** What tells values of the simulator's clients apart; null for none. */
export function keyOf(data: Uint8Array | null): number | null {
  if (data === null || data.length < 4) return null
  return ((data[0]! << 24) | (data[1]! << 16) | (data[2]! << 8) | data[3]!) >>> 0
}
