import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkPath } from '../client/requests.ts'
import type { NodeData } from '../client/values.ts'
import { ZkError } from '../core/errors.ts'
import { changeSurely, readSurely } from './surely.ts'
import { Turns } from './turns.ts'

/** A counter before and after an addition: nobody else's change lies between the two. */
export interface Added {
  readonly before: number
  readonly after: number
}

/**
 * A number that many change at once. Every change happens exactly once, whatever becomes of the connection: one whose
 * answer was lost is looked up by a witness, a child of the counter that lives for a moment. Changes by several callers
 * of one object take turns; those of different sessions compare and set, and step back at random.
 *
 * What it does not promise: `get` may lag behind changes that other sessions made a moment ago (after `zk.sync(path)`
 * it does not). When the session ends, or the caller aborts, while an answer is missing, the change may have happened:
 * the error's `mayHaveHappened` says so. Whoever deletes the node sets the counter to 0.
 *
 * Layout: decimal text in the node, none or an empty node is 0, as kazoo's Counter of integers has it. Missing parents
 * are made as containers. It takes the rights to read and write the node, and to create and delete its children.
 */
export interface Counter {
  readonly path: string
  /** Errors of all calls: ValueInvalid for a node that holds no safe integer; Aborted, SessionExpired, Closed. */
  get(options?: CallOptions): Promise<number>
  /** Adds `n`, 1 when left out. ValueInvalid when the sum is no safe integer; nothing happens then. */
  add(n?: number, options?: CallOptions): Promise<Added>
  set(value: number, options?: CallOptions): Promise<void>
  /** Sets `value` if the counter is `expected`; false when it is not. */
  compareAndSet(expected: number, value: number, options?: CallOptions): Promise<boolean>
}

/** A counter at a path; nothing is read or created before it is used. */
export function counterAt(zk: Client, path: string): Counter {
  checkPath(path)
  const turns = new Turns()
  const change = async (
    decide: (before: number) => number | undefined, isNewest: boolean, options: CallOptions | undefined,
  ): Promise<void> => {
    checkCall(options)
    const signal = options?.signal
    await turns.take(() => changeSurely(zk, {
      path, isNewest, signal,
      decide: (node) => {
        const after = decide(node === null ? 0 : integerOf(path, node))
        return after === undefined ? undefined : String(after)
      },
    }), signal)
  }
  return Object.freeze<Counter>({
    path,
    async get(options) {
      checkCall(options)
      const node = await readSurely(zk, path, false, options?.signal)
      return node === null ? 0 : integerOf(path, node)
    },
    async add(n = 1, options) {
      checkInteger('n', n)
      let added: Added = { before: 0, after: 0 }
      await change((before) => {
        const after = before + n
        if (!Number.isSafeInteger(after)) throw new ZkError('ValueInvalid', `no safe integer: ${after}`, { path })
        added = { before, after }
        return after
      }, false, options)
      return added
    },
    async set(value, options) {
      checkInteger('value', value)
      // A node that holds no number may be set right.
      checkCall(options)
      const signal = options?.signal
      const decide = (): string => String(value)
      await turns.take(() => changeSurely(zk, { path, isNewest: false, signal, decide }), signal)
    },
    async compareAndSet(expected, value, options) {
      checkInteger('expected', expected)
      checkInteger('value', value)
      let isSet = false
      await change((before) => {
        isSet = before === expected
        return isSet ? value : undefined
      }, true, options)
      return isSet
    },
  })
}

function checkInteger(name: string, value: number): void {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${typeof value}`)
  if (!Number.isSafeInteger(value)) throw new ZkError('ValueInvalid', `${name} is no safe integer: ${value}`)
}

/** The integer in a node; 0 for an empty one. Throws ValueInvalid. */
export function integerOf(path: string, node: NodeData): number {
  const text = node.text().trim()
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (text === '') return 0
  if (!Number.isSafeInteger(value)) {
    throw new ZkError('ValueInvalid', `the node holds no safe integer: ${JSON.stringify(text.slice(0, 40))}`, { path })
  }
  // No negative zero.
  return value + 0
}
