import { isZkError } from '../../lib/index.ts'
import type { Client } from '../../lib/index.ts'
import type { Random } from '../../lib/core/random.ts'
import { RecordedClient } from '../../lib/testing/index.ts'
import type { History, HistoryRecorder, ZnodeInput, ZnodeOutput } from '../../lib/testing/index.ts'

/** A history of znodes. */
export type ZnodeHistory = History<ZnodeInput, ZnodeOutput>

/** What the workloads record with. */
export type ZnodeRecorder = HistoryRecorder<ZnodeInput, ZnodeOutput>

/** Nodes that nobody deletes: a version that was written there is written only once. */
export const KEPT = ['/kept-1', '/kept-2'] as const
const PASSING = ['/passing'] as const
const PATHS: readonly string[] = [...KEPT, ...PASSING]
/** Between two operations of one client. */
const LONGEST_PAUSE_MS = 300

/** One client after the other, under one name each: an expired session is followed by another. */
export class Contender {
  readonly name: string
  readonly #recorder: ZnodeRecorder
  readonly #random: Random
  readonly #versions = new Map<string, number>()
  readonly #longestPauseMs: number
  #values = 0

  constructor(name: string, recorder: ZnodeRecorder, random: Random, longestPauseMs = LONGEST_PAUSE_MS) {
    this.name = name
    this.#recorder = recorder
    this.#random = random
    this.#longestPauseMs = longestPauseMs
  }

  /** Does so many operations, with pauses, or fewer: until the session is over. Says how many were left. */
  async work(zk: Client, operations: number, isSynced = true): Promise<number> {
    const recorded = new RecordedClient(zk, this.#recorder, this.name)
    let left = operations
    while (left > 0 && zk.state !== 'expired' && zk.state !== 'closed') {
      left -= 1
      try {
        await this.#one(recorded, isSynced)
      } catch (error) {
        if (!isZkError(error)) throw error
      }
      const pauseMs = this.#random.below(3) === 0 ? 0 : this.#random.below(this.#longestPauseMs)
      await new Promise<void>((resolve) => void zk.clock.setTimer(pauseMs, resolve))
    }
    return left
  }

  async #one(zk: RecordedClient, isSynced: boolean): Promise<void> {
    const random = this.#random
    const path = PATHS[random.below(PATHS.length)]!
    const kind = random.below(20)
    if (kind < 7 || (kind === 19 && path.startsWith('/kept'))) {
      const { stat } = await zk.get(path, { sync: isSynced })
      this.#versions.set(path, stat.version)
    } else if (kind < 11) {
      this.#versions.set(path, (await zk.set(path, this.#value())).version)
    } else if (kind < 17) {
      // With the version last seen: sometimes another client was faster.
      const version = this.#versions.get(path) ?? 0
      this.#versions.set(path, (await zk.set(path, this.#value(), version)).version)
    } else if (kind < 19) {
      await zk.create(path, this.#value())
      this.#versions.set(path, 0)
    } else {
      await zk.delete(path, random.below(2) === 0 ? -1 : this.#versions.get(path) ?? 0)
    }
  }

  /** No value is ever written twice. */
  #value(): string {
    this.#values += 1
    return `${this.name}.${this.#values}`
  }
}
