import type { Database, Operation } from '../../storage/level/database.ts'
import { database } from '../../storage/level/database.ts'
import { nodeModules } from '../../storage/level/marker.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'

const { fs } = nodeModules()!

/** Files of a log on a disk that forgets at once: those that are not flushed are never written. */
export const volatileSegments: OpenSegment = async (path, sync) => {
  const file = await segmentFiles(fs)(path, sync)
  if (sync) return file
  let { size } = file
  return {
    get size() { return size },
    read: (from, to) => file.read(from, to), close: () => file.close(),
    write(bytes, position) {
      size = Math.max(size, position + bytes.byteLength)
      return Promise.resolve()
    },
  }
}

/**
 * LevelDB on a disk that forgets at once: a batch that is not synced stays in this process, where it can be read,
 * and is written together with the next one that is. So killing the process is loss of power, as far as LevelDB
 * itself keeps what it says.
 */
export function volatileDatabase(location: string): Database {
  const disk = database(location)
  const pending: Operation[] = []
  const unsynced = new Map<string, Uint8Array | undefined>()
  return {
    open: () => disk.open(),
    // A clean end is no loss of power.
    close: async () => {
      if (pending.length > 0) await disk.batch(pending.splice(0), { sync: true })
      await disk.close()
    },
    get: (key) => unsynced.has(key) ? Promise.resolve(unsynced.get(key)) : disk.get(key),
    async batch(operations, { sync }) {
      if (sync) {
        await disk.batch([...pending.splice(0), ...operations], { sync })
        unsynced.clear()
        return
      }
      for (const operation of operations) {
        pending.push(operation)
        unsynced.set(operation.key, operation.type === 'put' ? operation.value : undefined)
      }
    },
    compactRange: async (start, end) => disk.compactRange?.(start, end),
    keys: (range) => disk.keys(range),
    iterator: (range) => disk.iterator(range),
  }
}
