import type { LogBatch, Storage } from '../../lib/ports/storage.ts'
import type { Database } from '../../storage/level/database.ts'
import { database } from '../../storage/level/database.ts'
import { nodeModules } from '../../storage/level/marker.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import type { DiskMode } from './protocol.ts'

const { fs } = nodeModules()!

/** A disk whose writes stall, are slow, or find no space, as it is told. Reads always succeed. */
export class MoodyDisk {
  #mode: DiskMode
  readonly #isLying: boolean
  readonly #waiting = new Set<() => void>()

  constructor(mode: DiskMode, isLying: boolean) {
    this.#mode = mode
    this.#isLying = isLying
  }

  set(mode: DiskMode): void {
    this.#mode = mode
    if (mode.isHeld) return
    for (const go of this.#waiting) go()
    this.#waiting.clear()
  }

  get isFull(): boolean {
    return this.#mode.isFull
  }

  /** Before every write. */
  async pass(): Promise<void> {
    if (this.#mode.isHeld) await new Promise<void>((resolve) => { this.#waiting.add(resolve) })
    const { delayMs } = this.#mode
    if (delayMs > 0) await new Promise((resolve) => { setTimeout(resolve, delayMs) })
  }

  refuse(): never {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  }

  /** The storage in a folder, on this disk. */
  storage(folder: string): Storage {
    return level(folder, { segments: this.#segments(), database: (location) => this.#database(location) })
  }

  #segments(): OpenSegment {
    return async (path, sync) => {
      const file = await segmentFiles(fs)(path, sync)
      let { size } = file
      return {
        get size() { return Math.max(size, file.size) },
        read: (from, to) => file.read(from, to),
        write: async (bytes, position) => {
          await this.pass()
          if (this.isFull) {
            await file.write(bytes.subarray(0, bytes.byteLength >> 1), position)
            this.refuse()
          }
          if (!this.#isLying) await file.write(bytes, position)
          size = Math.max(size, position + bytes.byteLength)
        },
        close: () => file.close(),
      }
    }
  }

  #database(location: string): Database {
    const inner = database(location)
    return {
      open: () => inner.open(),
      close: () => inner.close(),
      get: (key) => inner.get(key),
      batch: async (operations, options) => {
        await this.pass()
        if (this.isFull) this.refuse()
        await inner.batch(operations, options)
      },
      compactRange: async (start, end) => inner.compactRange?.(start, end),
      keys: (range) => inner.keys(range),
      iterator: (range) => inner.iterator(range),
    }
  }
}

/** How often a storage was told to install a snapshot of its own or of a leader, and to purge its log. */
export interface Housekeeping {
  snapshots: number
  purges: number
}

/** A write that takes longer than this is told of, in ms. */
const SLOW_MS = 1_000

/** The same storage, with that counted, and told of writes that take long: as long as they wait, and when they end. */
export function watched(
  storage: Storage, counts: Housekeeping, onSlow: (text: string) => void, slowMs: number = SLOW_MS,
): Storage {
  const { features, location } = storage
  const write = async (batch: LogBatch): Promise<void> => {
    const startedMs = performance.now()
    const tell = (what: string) => (): void => onSlow(`a write ${what} ${Math.round(performance.now() - startedMs)} ms`)
    let isSlow = false
    const waiting = setTimeout(() => {
      isSlow = true
      tell('waits since')()
    }, slowMs)
    try {
      await storage.write(batch)
    } finally {
      clearTimeout(waiting)
      // A timer may be a part of a millisecond early.
      if (isSlow || performance.now() - startedMs >= slowMs) tell('took')()
    }
  }
  return {
    features, location: location ?? '',
    open: () => storage.open(),
    write: (batch) => {
      if (batch.install !== undefined) counts.snapshots += 1
      if (batch.purgeThrough !== undefined) counts.purges += 1
      return write(batch)
    },
    close: () => storage.close(),
    size: () => storage.size?.() ?? 0,
  }
}
