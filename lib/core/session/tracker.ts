import type { SessionId } from '../tree/stat.ts'

interface Tracked {
  readonly timeoutMs: number
  /** End of the bucket the session expires with. */
  bucketMs: number
  /** The bucket that holds it: that one, or an earlier one that it has not been moved from yet. */
  heldMs: number
  /** Peer the session is attached to; null until somebody claims it. */
  owner: number | null
  /** How often a connection was attached to it, under this leader. */
  attachments: number
}

/** What `act` says of a session that acts elsewhere. */
export const MOVED = -1

/**
 * Timers of all sessions, on the established leader alone: buckets of one tick, deadlines rounded up, so a session is
 * never expired early by the leader's clock (ZooKeeper: ExpiryQueue, SessionTrackerImpl). A session that is heard of is
 * not moved until its bucket is over: sessions in the process of their peer are heard of at every tick, all of them.
 * Buckets are by a clock that stands still while the leader does.
 */
export class SessionTracker {
  readonly #tickMs: number
  readonly #sessions = new Map<SessionId, Tracked>()
  readonly #buckets = new Map<number, Set<SessionId>>()
  /** Smallest bucket that may hold a session. */
  #nextMs = Infinity
  /** How far that clock is behind the leader's. */
  #stoodMs = 0

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  get size(): number {
    return this.#sessions.size
  }

  /** When the next bucket may expire. */
  get deadlineMs(): number {
    return this.#nextMs + this.#stoodMs
  }

  add(session: SessionId, timeoutMs: number, owner: number | null, nowMs: number): void {
    this.remove(session)
    const bucketMs = this.#bucketOf(nowMs + timeoutMs)
    this.#sessions.set(session, { timeoutMs, bucketMs, heldMs: bucketMs, owner, attachments: 0 })
    this.#enter(session, bucketMs)
  }

  #bucketOf(atMs: number): number {
    return (Math.floor((atMs - this.#stoodMs) / this.#tickMs) + 1) * this.#tickMs
  }

  #enter(session: SessionId, bucketMs: number): void {
    const bucket = this.#buckets.get(bucketMs)
    if (bucket === undefined) this.#buckets.set(bucketMs, new Set([session]))
    else bucket.add(session)
    if (bucketMs < this.#nextMs) this.#nextMs = bucketMs
  }

  #leave(session: SessionId, bucketMs: number): void {
    const bucket = this.#buckets.get(bucketMs)
    bucket?.delete(session)
    if (bucket?.size === 0) this.#buckets.delete(bucketMs)
  }

  /**
   * A session acts through one peer at a time, the one it attached to last; MOVED through another one. Who acts is
   * alive; one that is not tracked may act. Returns how often a connection was attached to it, which is the number to
   * ask with later: MOVED then also where another one was attached meanwhile, as this belongs to one that it left.
   */
  act(session: SessionId, peer: number, nowMs: number, attachments: number | null = null): number {
    const tracked = this.#sessions.get(session)
    const known = tracked === undefined ? 0 : tracked.attachments
    if (attachments !== null && attachments !== known) return MOVED
    if (tracked === undefined) return known
    tracked.owner ??= peer
    if (tracked.owner !== peer) return MOVED
    this.#touch(tracked, nowMs)
    return known
  }

  /** Something was heard of the session: it lives for its whole timeout from now. */
  touch(session: SessionId, nowMs: number): void {
    const tracked = this.#sessions.get(session)
    if (tracked !== undefined) this.#touch(tracked, nowMs)
  }

  #touch(tracked: Tracked, nowMs: number): void {
    const bucketMs = this.#bucketOf(nowMs + tracked.timeoutMs)
    if (bucketMs > tracked.bucketMs) tracked.bucketMs = bucketMs
  }

  remove(session: SessionId): void {
    const tracked = this.#sessions.get(session)
    if (tracked === undefined) return
    this.#leave(session, tracked.heldMs)
    this.#sessions.delete(session)
  }

  timeoutOf(session: SessionId): number | undefined {
    return this.#sessions.get(session)?.timeoutMs
  }

  /** When each session expires unless it is heard of before, soonest first. */
  expiries(): { readonly session: SessionId, readonly atMs: number }[] {
    const all: { readonly session: SessionId, readonly atMs: number }[] = []
    for (const [session, { bucketMs }] of this.#sessions) all.push({ session, atMs: bucketMs + this.#stoodMs })
    return all.sort((a, b) => a.atMs - b.atMs)
  }

  ownerOf(session: SessionId): number | null {
    return this.#sessions.get(session)?.owner ?? null
  }

  own(session: SessionId, owner: number): void {
    const tracked = this.#sessions.get(session)
    if (tracked === undefined) return
    tracked.owner = owner
    tracked.attachments++
  }

  /** That number, for tests. */
  attachmentsOf(session: SessionId): number {
    return this.#sessions.get(session)?.attachments ?? 0
  }

  /**
   * The leader stood still, and heard nobody: each session has as long to live as it had then. Not its whole timeout
   * again: where that happens once in each, nobody would ever expire.
   */
  stoodStill(gapMs: number): void {
    this.#stoodMs += gapMs
  }

  /**
   * Takes out the sessions whose bucket is over, up to one that `isLast`, asked of each; the caller proposes to close
   * them. The others stay, and are due at once. One that is not born yet, which nobody can speak for, gets a whole
   * timeout again.
   */
  expire(
    nowMs: number, isBorn: (session: SessionId) => boolean = () => true,
    isLast: (session: SessionId) => boolean = () => false,
  ): SessionId[] {
    const expired: SessionId[] = []
    const endMs = nowMs - this.#stoodMs
    if (endMs < this.#nextMs) return expired
    let next = Infinity
    let isOver = false
    for (const [bucketMs, bucket] of this.#buckets) {
      if (bucketMs > endMs) {
        if (bucketMs < next) next = bucketMs
        continue
      }
      for (const session of bucket) {
        if (isOver) break
        bucket.delete(session)
        const tracked = this.#sessions.get(session)
        if (tracked !== undefined && tracked.bucketMs <= endMs && !isBorn(session)) this.#touch(tracked, nowMs)
        if (tracked !== undefined && tracked.bucketMs > endMs) {
          tracked.heldMs = tracked.bucketMs
          this.#enter(session, tracked.bucketMs)
          continue
        }
        this.#sessions.delete(session)
        expired.push(session)
        isOver = isLast(session)
      }
      if (bucket.size === 0) this.#buckets.delete(bucketMs)
      else if (bucketMs < next) next = bucketMs
    }
    this.#nextMs = next
    return expired
  }
}
