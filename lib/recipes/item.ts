import type { Client } from '../client/client.ts'
import type { NodeData } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { isLost, isOver } from './connection.ts'
import type { Guard } from './guard.ts'
import type { Hold } from './hold.ts'
import { backOff, retried } from './pause.ts'
import { priorityOf } from './queue-layout.ts'
import type { QueueLayout } from './queue-layout.ts'
import type { Token } from './token.ts'

/**
 * An item of a queue that was taken, and is this consumer's until it is done, or given back, or the session ends: then
 * it is delivered again. What `held`, `leftMs`, `signal`, `token` and `guard` promise is what a lock's do: they end
 * before anybody else can have the item, and a guarded write is refused when it is lost.
 */
export class Item {
  /** Of its node: one name for every delivery of the item. */
  readonly name: string
  /** How often it was taken by clients of this package, this time included; 1 at first. */
  readonly deliveries: number
  readonly #zk: Client
  readonly #layout: QueueLayout
  readonly #node: NodeData
  readonly #hold: Hold
  #done: Promise<void> | null = null
  #released: Promise<void> | null = null

  /** @internal Queues make them. */
  constructor(zk: Client, layout: QueueLayout, taken: {
    readonly name: string, readonly node: NodeData, readonly deliveries: number, readonly hold: Hold,
  }) {
    this.#zk = zk
    this.#layout = layout
    this.name = taken.name
    this.deliveries = taken.deliveries
    this.#node = taken.node
    this.#hold = taken.hold
  }

  /** The bytes that were put, yours to keep and change. */
  get data(): Uint8Array {
    return this.#node.data
  }

  text(): string {
    return this.#node.text()
  }

  /** Throws SyntaxError when it is no JSON. */
  json<T = unknown>(): T {
    return this.#node.json<T>()
  }

  get priority(): number {
    return priorityOf(this.name)
  }

  /** When it was put, or became due, in ms since 1970 by the leader's clock. */
  get since(): number {
    return this.#node.stat.ctime
  }

  /** See `Hold.held`. */
  get held(): boolean {
    return this.#hold.held
  }

  /** See `Hold.leftMs`. */
  get leftMs(): number {
    return this.#hold.leftMs
  }

  /** Aborts when it is lost, done or given back; the reason is a LockLost error. */
  get signal(): AbortSignal {
    return this.#hold.signal
  }

  /** Greater at every delivery of this item. */
  get token(): Token {
    return this.#hold.token
  }

  /** Writes that are refused when it is not held any more. */
  get guard(): Guard {
    return this.#hold.guard
  }

  /**
   * Removes it for good: nobody gets it again. Resolves when that surely happened, over as many connections as it
   * takes. Errors: LockLost when it was lost before; it is or will be delivered to somebody else then, but with
   * `mayHaveHappened` it may have been removed. Idempotent.
   */
  done(): Promise<void> {
    if (this.#released !== null) return Promise.reject(this.#lost(false))
    return this.#done ??= this.#remove()
  }

  /**
   * Gives it back: it is delivered again at once, to whoever takes it. Nothing happens when it is done or lost.
   * Resolves when others can have it, or are sure to when the session ends. Idempotent, never rejects.
   */
  release(): Promise<void> {
    return this.#released ??= this.#done === null ? this.#giveBack() : this.#done.catch(() => this.#giveBack())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  async #remove(): Promise<void> {
    const [entry, claim] = [this.#layout.entry(this.name), this.#layout.claim(this.name)]
    let isUnknown = false
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#hold.guard.multi().delete(entry).delete(claim).commit()
        break
      } catch (error) {
        if (isZkError(error, 'LockLost')) throw this.#lost(isUnknown)
        // Somebody removed it by other means.
        if (isZkError(error, 'NoNode')) {
          await this.#giveBack()
          return
        }
        if (!isLost(error)) throw error
        isUnknown ||= isZkError(error) && error.mayHaveHappened
      }
      if (isUnknown && await this.#isRemoved(entry)) break
      if (!isOver(this.#zk)) await backOff(this.#zk, attempt)
    }
    this.#hold.lose('it is done')
  }

  /** After a lost answer: true when the item is gone. Errors: LockLost. */
  async #isRemoved(entry: string): Promise<boolean> {
    try {
      return await retried(this.#zk, undefined, async () => {
        await this.#zk.sync(entry)
        const stat = await this.#zk.exists(entry)
        return stat?.czxid !== this.#node.stat.czxid
      })
    } catch {
      throw this.#lost(true)
    }
  }

  async #giveBack(): Promise<void> {
    // The name is that of every claim of the item: only what is surely ours may be deleted.
    let isOurs = this.#hold.held
    this.#hold.lose('it was given back')
    const claim = this.#layout.claim(this.name)
    try {
      for (;;) {
        isOurs ||= await retried(this.#zk, undefined, async () => {
          await this.#zk.sync(claim)
          return (await this.#zk.exists(claim))?.czxid === this.token.zxid
        })
        if (!isOurs || await this.#tryDelete(claim)) return
        isOurs = false
      }
    } catch {
      // It is gone, or goes with the session.
      return
    }
  }

  /** False when nobody knows. */
  async #tryDelete(claim: string): Promise<boolean> {
    try {
      await this.#zk.delete(claim)
      return true
    } catch (error) {
      if (isLost(error)) return false
      throw error
    }
  }

  #lost(mayHaveHappened: boolean): ZkError {
    return new ZkError('LockLost', 'the item is not held any more', {
      path: this.#layout.claim(this.name), mayHaveHappened,
    })
  }
}
