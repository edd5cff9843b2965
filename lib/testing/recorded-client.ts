import type { Client } from '../client/client.ts'
import type { NodeData } from '../client/values.ts'
import { isZkError } from '../core/errors.ts'
import type { Stat } from '../core/tree/stat.ts'
import type { HistoryRecorder, Invocation } from './history.ts'
import type { ZnodeInput, ZnodeOutput } from './linearizable-models.ts'

/** How a RecordedClient reads. */
export interface RecordedReadOptions {
  /**
   * False: what the session's own server has, which may be older than what others were told; such reads are not
   * linearizable, and nobody promises that they are. True, or left out: after a `sync`.
   */
  readonly sync?: boolean
}

/**
 * The data operations of a client, on znodes whose data is text, noted for `znodeModel`. Every call does what the
 * client's does, and rejects as it does. `process` names the client in the history.
 *
 * NoNode, NodeExists and BadVersion are answers. What the client certainly did not carry out counts as failed; of the
 * rest of the errors of a write nothing is known; a read that failed says nothing.
 */
export class RecordedClient {
  readonly #zk: Client
  readonly #recorder: HistoryRecorder<ZnodeInput, ZnodeOutput>
  readonly #process: string

  constructor(zk: Client, recorder: HistoryRecorder<ZnodeInput, ZnodeOutput>, process: string) {
    this.#zk = zk
    this.#recorder = recorder
    this.#process = process
  }

  get(path: string, options: RecordedReadOptions = {}): Promise<NodeData> {
    const zk = this.#zk
    return this.#note(path, { kind: 'get' }, async () => {
      if (options.sync !== false) await zk.sync(path)
      return zk.get(path)
    }, (node) => ({ value: node.text(), version: node.stat.version }))
  }

  create(path: string, value: string): Promise<string> {
    return this.#note(path, { kind: 'create', value }, () => this.#zk.create(path, value), () => ({ done: true }))
  }

  /** `version` is the one that it must have, any when left out. */
  set(path: string, value: string, version = -1): Promise<Stat> {
    return this.#note(path, { kind: 'set', value, version }, () => this.#zk.set(path, value, { version }),
      (stat) => ({ version: stat.version }))
  }

  /** Likewise. */
  delete(path: string, version = -1): Promise<void> {
    return this.#note(path, { kind: 'delete', version }, () => this.#zk.delete(path, { version }),
      () => ({ done: true }))
  }

  async #note<T>(
    path: string, input: ZnodeInput, work: () => Promise<T>, pick: (value: T) => ZnodeOutput,
  ): Promise<T> {
    const invocation = this.#recorder.invoke(this.#process, path, input)
    let value: T
    try {
      value = await work()
    } catch (error) {
      noteError(invocation, input, error)
      throw error
    }
    invocation.ok(pick(value))
    return value
  }
}

function noteError(invocation: Invocation<ZnodeOutput>, { kind }: ZnodeInput, error: unknown): void {
  for (const code of ['NoNode', 'NodeExists', 'BadVersion'] as const) {
    if (isZkError(error, code)) return invocation.ok({ error: code })
  }
  if (kind === 'get' || (isZkError(error) && !error.mayHaveHappened)) invocation.failed()
  else invocation.unknown()
}
