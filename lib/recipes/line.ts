import type { Client } from '../client/client.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { endOf } from './connection.ts'
import { aborted, below, retried } from './pause.ts'

/** Who stands in a line: the node's name says it. */
export interface Place {
  readonly name: string
  /** Rises with every node that is created there. */
  readonly number: number
  /** Readers stand side by side. */
  readonly reads: boolean
}

/** Names of kazoo (`__lock__`, `__rlock__`) and of Curator (`-lock-`, `-latch-`, `__WRIT__`, `__READ__`). */
const NAME = /(__lock__|__rlock__|-lock-|-latch-|__WRIT__|__READ__)(-?\d{10})$/
const READERS: readonly string[] = ['__rlock__', '__READ__']

/** Those who stand in line, first come first; other children are none of them. */
export function lineOf(names: readonly string[]): Place[] {
  const places: Place[] = []
  for (const name of names) {
    const match = NAME.exec(name)
    if (match !== null) places.push({ name, number: Number(match[2]), reads: READERS.includes(match[1]!) })
  }
  return places.sort((a, b) => a.number - b.number)
}

/** The next before `name` whom it must wait for; null when it is its turn. Throws NoNode when it is not there. */
export function aheadOf(line: readonly Place[], name: string): Place | null {
  const at = line.findIndex((place) => place.name === name)
  const own = line[at]
  if (own === undefined) throw new ZkError('NoNode', 'it stands in line no more', { path: name })
  return line.slice(0, at).findLast((place) => !own.reads || !place.reads) ?? null
}

/** One who waits for his turn. */
export interface Waiter {
  readonly dir: string
  /** Of his node. */
  readonly name: string
  /** What was in the line at some moment after he came, if that was read already. */
  readonly names: readonly string[] | null
  /** Does not wait for others. */
  readonly atOnce: boolean
}

/**
 * Waits for the turn of one: looks at nobody but the one ahead, so that one who leaves wakes one. Errors: NoNode when
 * his node is gone, SessionExpired, Closed, Aborted; OperationTimeout when it is not his turn `atOnce`.
 */
export async function waitForTurn(zk: Client, waiter: Waiter, signal: AbortSignal): Promise<void> {
  const { dir, name, atOnce } = waiter
  for (let { names } = waiter; ; names = null) {
    names ??= await retried(zk, signal, () => zk.children(dir))
    const ahead = aheadOf(lineOf(names), name)
    if (ahead === null) return
    if (atOnce) throw new ZkError('OperationTimeout', 'somebody else has it', { path: dir })
    // Then the line is read again: somebody may have thrown him out of it, too.
    await retried(zk, signal, () => untilChanged(zk, below(dir, ahead.name), signal))
  }
}

/** Resolves when the node changes or is not there. Errors: those of get; SessionExpired, Closed, Aborted. */
function untilChanged(zk: Client, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = new AbortController()
    const settle = (): void => {
      off()
      signal.removeEventListener('abort', abort)
      over.abort()
    }
    const done = (): void => {
      settle()
      resolve()
    }
    const abort = (): void => {
      settle()
      reject(aborted(signal))
    }
    const off = zk.on('state', () => {
      const end = endOf(zk)
      if (end === null) return
      settle()
      reject(end)
    })
    signal.addEventListener('abort', abort, { once: true })
    zk.get(path, { watch: done, signal: over.signal }).catch((error: unknown) => {
      settle()
      if (isZkError(error, 'NoNode')) resolve()
      else reject(error instanceof Error ? error : new Error(String(error)))
    })
  })
}
