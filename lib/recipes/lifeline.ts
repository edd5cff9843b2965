import type { Client } from '../client/client.ts'
import { Moment } from '../client/moment.ts'
import { isZkError } from '../core/errors.ts'
import { isOver } from './connection.ts'
import { ensembleName } from './token.ts'

/** What hangs on a lifeline: an ephemeral node that means something as long as it is there. */
export interface Held {
  readonly path: string
  /** It is gone, or may be. */
  lose(reason: string): void
}

/** Proofs are sent so often within the timeout, so that the last but one is never older than half of it. */
const PROOFS_PER_TIMEOUT = 4
/** What the clocks of this program and of the leader may differ by while a timeout passes, and time to stop in. */
const MARGIN_SHARE = 1 / 50
const MARGIN_MS = 50
const MOST_MARGIN_SHARE = 1 / 10
/** Timers stand still while a machine sleeps: the deadline is looked at again and again. */
const LOOK_MS = 1_000
/** Checks in one proof. */
const CHECKS = 1_000

/**
 * Until when a client surely has its session, whatever becomes of the network: a timeout after the last moment of which
 * a committed write proves that the leader counted the session as alive. It is shared by everything that the client
 * holds, and while there is something, it sends such proofs: a multi that only checks that what is held is there, four
 * times per timeout. A ping or a read proves nothing: a follower that is cut off answers them for a while.
 */
export class Lifeline {
  // One per client and as long as it: what a client holds shares its proofs.
  static readonly #lifelines: WeakMap<Client, Lifeline> = new WeakMap<Client, Lifeline>()
  readonly #zk: Client
  readonly #held = new Set<Held>()
  #touched: Moment | null = null
  #isProving = false
  #proof: ReturnType<Client['clock']['setTimer']> | null = null
  #look: ReturnType<Client['clock']['setTimer']> | null = null
  #off: (() => void) | null = null
  #ensemble: Promise<string> | null = null
  readonly #close = (): void => this.#loseAll('the session is closed')

  static of(zk: Client): Lifeline {
    let lifeline = Lifeline.#lifelines.get(zk)
    if (lifeline === undefined) Lifeline.#lifelines.set(zk, lifeline = new Lifeline(zk))
    return lifeline
  }

  private constructor(zk: Client) {
    this.#zk = zk
  }

  get #timeoutMs(): number {
    return this.#zk.session?.timeoutMs ?? 0
  }

  /** How long the session is surely alive, less what it takes to stop in time; 0 when it is not sure. */
  get leftMs(): number {
    if (this.#touched === null || isOver(this.#zk) || this.#zk.closing.aborted) return 0
    const timeoutMs = this.#timeoutMs
    const marginMs = Math.min(timeoutMs * MOST_MARGIN_SHARE, MARGIN_MS + timeoutMs * MARGIN_SHARE)
    return Math.max(0, Math.floor(timeoutMs - marginMs - this.#touched.elapsedMs(this.#zk.clock)))
  }

  /** Name of the ensemble, asked for once. Errors: those of get and create. */
  ensemble(): Promise<string> {
    return this.#ensemble ??= ensembleName(this.#zk).catch((error: unknown) => {
      this.#ensemble = null
      throw error
    })
  }

  /**
   * A write of this client that was sent at `sent` was committed: to be called as its answer comes, before there can be
   * another connection, of whose server the write proves nothing.
   */
  credit(sent: Moment): void {
    const touched = this.#zk.touchedBefore(sent)
    const { clock } = this.#zk
    if (touched === null) return
    if (this.#touched === null || touched.elapsedMs(clock) < this.#touched.elapsedMs(clock)) this.#touched = touched
  }

  /**
   * Proves that the node is there and the session alive. Errors: NoNode when it is not, ConnectionLoss and the like
   * when nobody knows.
   */
  async prove(path: string): Promise<void> {
    const sent = Moment.now(this.#zk.clock)
    await this.#zk.multi().check(path).commit()
    this.credit(sent)
  }

  /** From here on what is held is proved again and again, and lost when it cannot be. */
  add(held: Held): void {
    this.#held.add(held)
    if (this.#held.size > 1) return
    this.#off = this.#zk.on('state', ({ state }) => {
      if (isOver(this.#zk)) this.#loseAll(`the session is ${state}`)
      else if (state === 'connected') void this.#proveAll()
    })
    this.#zk.closing.addEventListener('abort', this.#close, { once: true })
    this.#watch()
    this.#later()
  }

  remove(held: Held): void {
    if (!this.#held.delete(held) || this.#held.size > 0) return
    this.#off?.()
    this.#off = null
    this.#zk.closing.removeEventListener('abort', this.#close)
    this.#proof?.cancel()
    this.#look?.cancel()
    this.#proof = this.#look = null
  }

  /** Loses everything when the deadline has passed; whoever asks whether he holds something looks first. */
  check(): void {
    if (this.#held.size > 0 && this.leftMs === 0) this.#loseAll('nothing proves that the session is alive')
  }

  #watch(): void {
    this.#look?.cancel()
    this.#look = null
    this.check()
    if (this.#held.size === 0) return
    this.#look = this.#zk.clock.setTimer(Math.max(1, Math.min(LOOK_MS, this.leftMs)), () => this.#watch(), true)
  }

  #loseAll(reason: string): void {
    for (const held of this.#held) held.lose(reason)
  }

  #later(): void {
    this.#proof?.cancel()
    this.#proof = this.#zk.clock.setTimer(this.#timeoutMs / PROOFS_PER_TIMEOUT, () => void this.#proveAll(), true)
  }

  /** One round for everything that is held; the next one follows when it is due or there is a connection again. */
  async #proveAll(): Promise<void> {
    if (this.#isProving || this.#held.size === 0 || this.#zk.state !== 'connected') return
    this.#isProving = true
    try {
      await this.#proveHeld([...this.#held])
    } finally {
      this.#isProving = false
      if (this.#held.size > 0) this.#later()
    }
  }

  async #proveHeld(all: readonly Held[]): Promise<void> {
    for (let at = 0; at < all.length; at += CHECKS) {
      let some = all.slice(at, at + CHECKS).filter((held) => this.#held.has(held))
      while (some.length > 0) some = await this.#proveSome(some)
    }
  }

  /** Gives those that are still to be proved, as one of them was not there. */
  async #proveSome(some: readonly Held[]): Promise<Held[]> {
    const sent = Moment.now(this.#zk.clock)
    const multi = this.#zk.multi()
    for (const { path } of some) multi.check(path)
    try {
      await multi.commit()
      this.credit(sent)
    } catch (error) {
      const at = isZkError(error, 'NoNode') ? error.results?.indexOf('NoNode') ?? -1 : -1
      const gone = some[at]
      if (gone === undefined) return []
      gone.lose('its node is gone')
      return some.filter((held) => held !== gone)
    }
    return []
  }
}
