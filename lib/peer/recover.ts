import { TreeLoader } from '../core/tree/loader.ts'
import { Tree } from '../core/tree/tree.ts'
import type { TxnCodec } from '../core/tree/txn.ts'
import type { RecoveredState } from '../core/identity.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Storage } from '../ports/storage.ts'
import { makeNextTurn } from './system-clock.ts'

/** Recovery that takes longer says how far it is. */
const PROGRESS_MS = 2_000
/** The event loop gets its turn this often, also when the storage answers without one. */
const SLICE_MS = 10

/**
 * Opens a storage and loads its snapshot. What cannot be loaded is damage of the storage. On failure the storage is
 * closed. Errors: those of Storage.open, StorageDamaged, Aborted.
 */
export async function recover(
  storage: Storage, codec: TxnCodec, clock: Clock, logger: Logger, signal?: AbortSignal,
): Promise<RecoveredState> {
  const startedMs = clock.now()
  const recovered = await storage.open()
  try {
    const { meta, base, entries, damage } = recovered
    let tree = Tree.empty()
    let chunks = 0
    if (base) {
      const loader = new TreeLoader()
      const nextTurn = makeNextTurn()
      let toldMs = startedMs
      let pausedMs = startedMs
      for await (const chunk of aheadByOne(recovered.snapshot)) {
        if (signal?.aborted) throw new ZkError('Aborted', 'the start was aborted', { cause: signal.reason })
        loader.push(codec.decodeRows(chunk))
        chunks += 1
        if (clock.now() - pausedMs >= SLICE_MS) {
          await new Promise<void>((resolve) => nextTurn(resolve))
          pausedMs = clock.now()
        }
        if (clock.now() - toldMs < PROGRESS_MS) continue
        toldMs = clock.now()
        logger.info('loading the snapshot', { chunks, of: base.chunks })
      }
      if (chunks !== base.chunks) {
        throw new ZkError('StorageDamaged', `the snapshot has ${chunks} chunks of ${base.chunks}`)
      }
      tree = loader.finish()
      if (tree.zxid !== base.zxid) throw new ZkError('StorageDamaged', 'the snapshot is of another zxid than its base')
    }
    logger.info('storage recovered', {
      chunks, entries: entries.length, nodes: tree.nodeCount, damage, tookMs: clock.now() - startedMs,
    })
    return { meta, base, entries, damage, tree }
  } catch (error) {
    await storage.close()
    if (isZkError(error, 'BadFrame')) {
      throw new ZkError('StorageDamaged', 'the snapshot cannot be read', { cause: error })
    }
    throw error
  }
}

/** Asks for the next one before the last one is looked at, so that the storage reads meanwhile. */
async function * aheadByOne<T>(all: AsyncIterable<T>): AsyncGenerator<T, undefined> {
  const source = all[Symbol.asyncIterator]()
  let next = source.next()
  try {
    for (let step = await next; step.done !== true; step = await next) {
      next = source.next()
      // Whoever stops here first, by an error of his own, is not told of another one.
      void Promise.allSettled([next])
      yield step.value
    }
    return undefined
  } finally {
    await Promise.allSettled([next])
    await source.return?.()
  }
}
