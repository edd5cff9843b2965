import * as fs from 'node:fs'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Recovered } from '../../lib/ports/storage.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import type { LevelOptions } from '../../storage/level.ts'
import { copyFolder } from './places.ts'
import { isSnapshot } from './recorded-disk.ts'

/** Where a snapshot is. */
export const fileOf = (folder: string, id: number): string => join(folder, 'db', `snap-${id}`)
/** Names of all files of snapshots. */
export const filesOf = (folder: string): string[] => readdirSync(join(folder, 'db')).filter(isSnapshot).sort()

/** What a process that is killed now would leave. */
export function killed(folder: string, name: string): string {
  const copy = `${folder}-${name}`
  copyFolder(folder, copy)
  return copy
}

/** What an opening finds, with the snapshot read. */
export async function found(
  folder: string, options: LevelOptions = {},
): Promise<Recovered & { readonly read: readonly Uint8Array[] }> {
  const storage = level(folder, options)
  try {
    const recovered = await storage.open()
    const read: Uint8Array[] = []
    for await (const chunk of recovered.snapshot) read.push(chunk)
    return { ...recovered, read }
  } finally {
    await storage.close()
  }
}

/** Files, with something done before every write. */
export function watchedFiles(beforeWrite: (bytes: Uint8Array, name: string) => Promise<void> | void): OpenSegment {
  return async (path, sync) => {
    const file = await segmentFiles(fs)(path, sync)
    return {
      get size() { return file.size },
      read: (from, to) => file.read(from, to), close: () => file.close(),
      async write(bytes, position) {
        await beforeWrite(bytes, basename(path))
        await file.write(bytes, position)
      },
    }
  }
}

/** The same, before writes to those of snapshots alone. */
export function watched(beforeWrite: (bytes: Uint8Array, name: string) => Promise<void> | void): OpenSegment {
  return watchedFiles((bytes, name) => isSnapshot(name) ? beforeWrite(bytes, name) : undefined)
}

/** Files of snapshots that this process has open. */
export function openFiles(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = fs.readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) && basename(path).startsWith('snap-') ? [basename(path)] : []
    } catch {
      // It was that of the listing.
      return []
    }
  })
}
