import type * as NodeFiles from 'node:fs'
import type * as NodePaths from 'node:path'
import { ZkError } from '../../lib/core/errors.ts'
import type { Meta } from '../../lib/ports/storage.ts'
import type { Checksum } from './records.ts'
import { isCount, isMeta, parseObject } from './valid.ts'

/**
 * What the marker file says: the database has held at least batch `sequence`, and the promises were at
 * least these.
 */
export interface Marker {
  readonly sequence: number
  readonly meta: Meta
}

/** A small file outside the database. */
export interface MarkerFile {
  /** Null when there is none, or none that is whole. */
  read(): Promise<Marker | null>
  /** Replaces it atomically and durably. */
  write(marker: Marker): Promise<void>
}

/** The version of what the marker says. */
const MARKER_VERSION = 1

type Files = typeof NodeFiles
type Paths = typeof NodePaths

/** Node's modules without an import, so that bundles for browsers stay clean; undefined elsewhere. */
export function nodeModules(): NodeModules | undefined {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs')
  const path = globalThis.process?.getBuiltinModule?.('node:path')
  return fs === undefined || path === undefined ? undefined : { fs, path }
}

/** Makes renames and new files of a folder durable. Windows cannot open folders and does not need it. */
export async function syncFolder(fs: Files, folder: string): Promise<void> {
  if (globalThis.process?.platform === 'win32') return
  const handle = await fs.promises.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const HELD: readonly unknown[] = ['EPERM', 'EACCES', 'EBUSY']
/** The last pause, doubled from 5 ms on: 1.3 s in all. */
const LAST_PAUSE_MS = 640

/**
 * Moves or removes something. Windows refuses that while another program has it open, as scanners for viruses and
 * indexers do for a moment: there it is tried again.
 */
export async function onceLetGo(act: () => Promise<void>): Promise<void> {
  for (let pauseMs = 5; ; pauseMs *= 2) {
    try {
      return await act()
    } catch (error) {
      const isHeld = globalThis.process?.platform === 'win32' && HELD.includes((error as { code?: unknown }).code)
      if (!isHeld || pauseMs > LAST_PAUSE_MS) throw error
    }
    await new Promise<void>((resolve) => { setTimeout(resolve, pauseMs) })
  }
}

/** Node's modules used here. */
export interface NodeModules {
  readonly fs: Files
  readonly path: Paths
}

/** Of folders that are somebody else's. */
const FOREIGN: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS', 'EINVAL']

/**
 * Makes the folder of a storage, durably. Step by step: where nothing can be made and nothing is denied either, as in
 * `/proc`, Node's recursive `mkdir` goes round for ever.
 */
export async function makeFolder({ fs, path }: NodeModules, folder: string): Promise<void> {
  const missing: string[] = []
  let there = path.resolve(folder)
  // A drive may be absent as well; nothing is above it.
  for (let above = path.dirname(there); !fs.existsSync(there) && above !== there; above = path.dirname(there)) {
    missing.unshift(there)
    there = above
  }
  // It may be the work of a process that was killed before it flushed the name.
  await syncFolder(fs, path.dirname(there)).catch((error: unknown) => {
    // Where this process may not look, or nobody may write, it is not.
    if (!FOREIGN.includes((error as { code?: unknown }).code)) throw error
  })
  for (const at of missing) {
    await fs.promises.mkdir(at).catch((error: unknown) => {
      // Somebody else made it meanwhile.
      if ((error as { code?: unknown }).code !== 'EEXIST') throw error
    })
    await syncFolder(fs, path.dirname(at))
  }
}

/**
 * True of a database whose making was cut short by a loss of power: LevelDB names its first list of files before it
 * has flushed it. The first `open` names another, and nothing is written before the folder is synced after that.
 */
export async function isUnfinished({ fs, path }: NodeModules, location: string): Promise<boolean> {
  try {
    return await fs.promises.readFile(path.join(location, 'CURRENT'), 'utf8') === 'MANIFEST-000001\n'
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return false
    throw error
  }
}

/** Keeps an unusable database for whoever wants to look at it. */
export async function setAside(fs: Files, location: string): Promise<void> {
  let number = 1
  while (fs.existsSync(`${location}.damaged-${number}`)) number += 1
  await onceLetGo(() => fs.promises.rename(location, `${location}.damaged-${number}`))
}

/** The marker of a storage in `folder`: one line with the checksum, one with JSON. */
export function markerFile(fs: Files, path: Paths, folder: string, checksum: Checksum): MarkerFile {
  const target = path.join(folder, 'marker')
  const digest = (text: string): string => checksum(new TextEncoder().encode(text)).toString(16).padStart(8, '0')
  return {
    async read() {
      let content: string
      try {
        content = await fs.promises.readFile(target, 'utf8')
      } catch (error) {
        if ((error as { code?: unknown }).code === 'ENOENT') return null
        throw error
      }
      const [sum, text] = content.split('\n')
      if (text === undefined || sum !== digest(text)) return null
      const { format, sequence, meta } = parseObject(text) ?? {}
      if (isCount(format) && format !== MARKER_VERSION) {
        throw new ZkError('StorageVersion', `the marker has layout version ${format}, this software reads version 1`)
      }
      return format !== undefined && isCount(sequence) && isMeta(meta) ? { sequence, meta } : null
    },
    async write({ sequence, meta }) {
      const text = JSON.stringify({ format: MARKER_VERSION, sequence, meta })
      const draft = `${target}.tmp`
      const handle = await fs.promises.open(draft, 'w')
      try {
        await handle.writeFile(`${digest(text)}\n${text}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await onceLetGo(() => fs.promises.rename(draft, target))
      await syncFolder(fs, folder)
    },
  }
}
