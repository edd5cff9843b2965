import { makeRandom } from '../../core/random.ts'
import { isWrite } from '../../core/tree/request.ts'
import type { Outcome, Request } from '../../core/tree/request.ts'
import { NO_SESSION } from '../../core/tree/stat.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { deedOf, eachPart } from './deeds.ts'
import type { Deed } from './deeds.ts'
import { foldText } from './fold-text.ts'
import { Followed } from './followed.ts'
import type { Entry, WindowCounts } from './followed.ts'

/** A request of a client, as long as it waits for the answer. */
export interface Noted {
  readonly at: number
  readonly session: SessionId
  readonly request: Request
  /** One for each node that is followed and that it names. */
  readonly entries: readonly (readonly [Followed, Entry])[]
}

/** So many nodes are followed in a run. */
const FOLLOWED = 2
/** Of those that are asked for one in so many may be. */
const EVERY = 4
/** A read is put before so many others at most. */
const REACH = 6
/** Of sessions that are over, the last so many are known. */
const ENDED = 100
const NOTHING: readonly never[] = []

/**
 * C1 without zxids, by search: what a few nodes are told to have done can have been done in some order, at some moment
 * of each operation (correctness plan, A.4). All writes are in it, with the errors that tell of the node, and reads of
 * a connection on which a write or a sync was answered before. Such a read may be late, but not behind that: so it
 * begins with the last one, and is left out where too much has happened since. Whether an unanswered write still may
 * happen is not known before its session is answered through a later connection, or is over. That a session is over,
 * and what is reaped, which nobody asks for, is known of what was delivered.
 */
export class Windows {
  readonly counts: WindowCounts = { searched: 0, operations: 0, skipped: 0, widest: 0 }
  readonly #followed = new Map<string, Followed>()
  readonly #salt: number
  readonly #nowMs: () => number
  readonly #every: number
  #moment = 0
  /** By client: when what was answered last on its connection was sent. */
  readonly #anchors = new Map<number, number>()
  readonly #ended = new Set<SessionId>()

  /** `every`: of so many nodes one may be followed. */
  constructor(seed: number, nowMs: () => number, every: number = EVERY) {
    this.#salt = makeRandom(seed ^ 0x317d).next()
    this.#nowMs = nowMs
    this.#every = every
  }

  called(client: number, session: SessionId, request: Request): Noted {
    const at = this.#moment++
    let entries: [Followed, Entry][] | null = null
    eachPart(request, ({ path }) => {
      const followed = this.#followed.get(path) ?? this.#follow(path)
      if (followed === null || entries?.some(([one]) => one === followed) === true) return
      const entry = this.#entry(`client ${client}`, session, request, at)
      followed.began(entry)
      entries ??= []
      entries.push([followed, entry])
    })
    return { at, session, request, entries: entries ?? NOTHING }
  }

  #entry(process: string, session: SessionId, request: Request | null, at: number): Entry {
    return {
      process, session, request, invoked: at, invokedMs: this.#nowMs(), returned: null, returnedMs: null, deed: null,
      lostAt: Infinity, fencedAt: this.#ended.has(session) ? at : Infinity,
    }
  }

  #follow(path: string): Followed | null {
    if (this.#followed.size >= FOLLOWED || path === '/') return null
    if ((foldText(this.#salt, path) >>> 8) % this.#every > 0) return null
    const followed = new Followed(path, this.counts)
    this.#followed.set(path, followed)
    return followed
  }

  answered(client: number, { at, session, request, entries }: Noted, outcome: Outcome): void {
    const now = this.#moment++
    const anchor = this.#anchors.get(client) ?? Infinity
    const isOrdered = isWrite(request) || request.op === 9
    if (isOrdered && outcome.code !== 'SessionMoved' && outcome.code !== 'SessionExpired') {
      this.#anchors.set(client, at)
      for (const followed of this.#followed.values()) followed.fence(session, at, now)
    }
    for (const [followed, entry] of entries) {
      const isLeftOut = !isOrdered && (anchor === Infinity || followed.since(anchor) > REACH)
      const deed = isLeftOut ? null : deedOf(followed.path, session, request, outcome)
      followed.answered(entry, deed, isOrdered ? at : Math.min(anchor, at), now, this.#nowMs())
    }
  }

  /** Its connection is over before it was answered. */
  lost({ entries }: Noted): void {
    if (entries.length === 0) return
    const now = this.#moment++
    for (const [followed, entry] of entries) followed.lost(entry, now)
  }

  /** The client has no connection any more. */
  left(client: number): void {
    this.#anchors.delete(client)
  }

  /** Its end is delivered. */
  ended(session: SessionId): void {
    this.#happens({ ends: session }, session)
    this.#ended.add(session)
    if (this.#ended.size > ENDED) this.#ended.delete(this.#ended.values().next().value!)
    for (const followed of this.#followed.values()) followed.fence(session, null, this.#moment)
  }

  /** That a node is removed for nobody is delivered. */
  reaped(path: string): void {
    const followed = this.#followed.get(path)
    if (followed !== undefined) this.#happens({ reaps: true }, NO_SESSION, followed)
  }

  #happens(deed: Deed, session: SessionId, ...at: readonly Followed[]): void {
    const [invoked, returned] = [this.#moment++, this.#moment++]
    for (const followed of at.length > 0 ? at : this.#followed.values()) {
      const entry = this.#entry('the ensemble', session, null, invoked)
      followed.happened(Object.assign(entry, { deed, returned, returnedMs: this.#nowMs() }))
    }
  }

  /** At the end. */
  check(): void {
    for (const followed of this.#followed.values()) followed.finish(this.#moment++)
  }
}
