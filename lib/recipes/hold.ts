import type { Client } from '../client/client.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { orLost } from './connection.ts'
import { Guard } from './guard.ts'
import { Lifeline } from './lifeline.ts'
import { retried, unlessAborted } from './pause.ts'
import { deleteSurely } from './protected-node.ts'
import { Token } from './token.ts'

/** What somebody who asks a holder to let go writes into its node, as Curator's Revoker does. */
export const REVOKE = '__REVOKE__'

/** What is held for less than that is not watched: a read, a watch and an event less. */
const WATCH_AFTER_MS = 20

/** Lets go of all, and waits for it, but for no server that is not there. */
export async function released(zk: Client, all: readonly Hold[]): Promise<void> {
  const gone = Promise.all(all.map((hold) => hold.release()))
  if (zk.state === 'connected') await gone
}

/**
 * Something that one session of the whole ensemble holds: a lock, a lease, a term of office. It is an ephemeral node.
 *
 * It ends for this program before anybody else can have it: `held`, `leftMs` and `signal` go by the moment of the last
 * proof that the leader counted the session as alive, by the longer of two clocks, less a margin. A program that stood
 * still finds `held` false at its first look when the time is over. That is as good as the clocks are: a timeout must
 * not pass on the leader 2 % faster than here. The guarded writes rely on no clock at all.
 */
export class Hold {
  /** The node that holds. */
  readonly path: string
  /** Greater than that of every earlier holder. */
  readonly token: Token
  /** Writes that the ensemble refuses when this is not held any more. */
  readonly guard: Guard
  readonly #zk: Client
  readonly #lifeline: Lifeline
  readonly #ended = new AbortController()
  readonly #revoked = new AbortController()
  #released: Promise<void> | null = null
  #watching: ReturnType<Client['clock']['setTimer']> | null = null

  /** @internal `Hold.begin` makes them. */
  constructor(zk: Client, path: string, token: Token) {
    this.#zk = zk
    this.path = path
    this.token = token
    this.#lifeline = Lifeline.of(zk)
    this.guard = new Guard(zk, [this])
    this.#lifeline.add(this)
  }

  /** True while this program may act as the holder. It never becomes true again. */
  get held(): boolean {
    this.#lifeline.check()
    return !this.#ended.signal.aborted
  }

  /** For how long it is surely held if the network fails at this moment; it grows again with every proof. */
  get leftMs(): number {
    return this.held ? this.#lifeline.leftMs : 0
  }

  /** The moment at which it will be lost if the network fails now, in ms since 1970 by this program's wall clock. */
  get deadline(): number {
    return this.#zk.clock.wall() + this.leftMs
  }

  /** Aborts when it is lost or released, before anybody else can have it; the reason is a LockLost error. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  /** Aborts when somebody asks that it be released (`requestRelease`, Curator's Revoker): nothing else happens. */
  get revoked(): AbortSignal {
    return this.#revoked.signal
  }

  /**
   * Lets go: the next in line is told. Resolves when the node is gone, or when the session may be over, within its
   * timeout: then the node goes with it, or is deleted when there is a connection again. Idempotent, never rejects.
   */
  release(): Promise<void> {
    this.#end('it was released')
    return this.#released ??= orLost(this.#zk, deleteSurely(this.#zk, this.path))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  /** @internal */
  lose(reason: string): void {
    this.#end(reason)
  }

  #end(reason: string): void {
    if (this.#ended.signal.aborted) return
    this.#lifeline.remove(this)
    this.#watching?.cancel()
    this.#ended.abort(new ZkError('LockLost', reason, { path: this.path }))
  }

  /** Looks for a request to let go, now and at every change of the node. */
  async #watchNode(): Promise<void> {
    const { signal } = this.#ended
    if (signal.aborted || this.#revoked.signal.aborted) return
    try {
      const node = await retried(this.#zk, signal,
        () => this.#zk.get(this.path, { watch: () => void this.#watchNode() }))
      if (node.text() === REVOKE) this.#revoked.abort(new ZkError('Aborted', 'somebody asks for it'))
    } catch (error) {
      // Without READ on its own node nobody can ask; the end of the session is told by other means.
      if (isZkError(error, 'NoNode')) this.lose('its node is gone')
    }
  }

  /**
   * @internal Takes what the node at `path` stands for. Resolves when the session is proved to be alive for a while.
   * Errors: NoNode when the node is not there, SessionExpired, Closed, Aborted.
   */
  static async begin(zk: Client, path: string, czxid: number, signal: AbortSignal): Promise<Hold> {
    const lifeline = Lifeline.of(zk)
    const ensemble = await unlessAborted(lifeline.ensemble(), signal)
    const enoughMs = (zk.session?.timeoutMs ?? 0) / 3
    while (lifeline.leftMs < enoughMs) {
      const beforeMs = lifeline.leftMs
      await unlessAborted(retried(zk, signal, () => lifeline.prove(path)), signal)
      // On a slow network one round trip may take longer than that; whatever is left then is true.
      if (lifeline.leftMs > 0 && lifeline.leftMs <= beforeMs) break
    }
    const hold = new this(zk, path, new Token(ensemble, czxid))
    hold.#watching = zk.clock.setTimer(WATCH_AFTER_MS, () => void hold.#watchNode(), true)
    return hold
  }
}
