import {
  cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoragePlace } from '../../lib/testing/conformance/storage.ts'
import type { Storage } from '../../lib/ports/storage.ts'
import { level } from '../../storage/level.ts'
import { memory } from '../../storage/memory.ts'

/** Memory outlives a crash only as its object. */
export function memoryPlace(): StoragePlace {
  const storage = memory()
  return { storage: () => storage, crash: () => storage.close() }
}

/** Flips bytes all over a file, leaving its length. */
export function corrupt(path: string, from: number, step: number): void {
  const content = readFileSync(path)
  for (let index = from; index < content.length; index += step) content[index] = content[index]! ^ 0xff
  writeFileSync(path, content)
}

/** Names, sizes and times of a folder's files. */
function look(folder: string): string {
  return readdirSync(folder).sort().map((name) => {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false })
    return `${name} ${stat?.size} ${stat?.mtimeMs}`
  }).join()
}

/** Copies a folder as it is at one moment, although LevelDB's threads go on writing: until nothing moved meanwhile. */
function copyAtOnce(from: string, to: string): void {
  for (let before = ''; before !== look(from);) {
    before = look(from)
    rmSync(to, { recursive: true, force: true })
    mkdirSync(to, { recursive: true })
    for (const name of readdirSync(from)) copyFile(join(from, name), join(to, name))
  }
}

/** A file that is deleted meanwhile is left out, and the next look shows it. */
function copyFile(from: string, to: string): void {
  try {
    writeFileSync(to, readFileSync(from))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Copies a storage as a killed process leaves it. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  // The marker first: it must not be newer than the copy of the database.
  if (existsSync(join(from, 'marker'))) cpSync(join(from, 'marker'), join(to, 'marker'))
  copyAtOnce(join(from, 'db'), join(to, 'db'))
}

/** A crash is a copy of the folder taken between two steps of this process: exactly what a killed process leaves. */
export function levelPlace(): StoragePlace {
  return placeOf((folder) => level(folder))
}

/** As in browsers: without files of its own. */
export function filelessPlace(): StoragePlace {
  return placeOf((folder) => level(folder, { segments: null }))
}

function placeOf(open: (folder: string) => Storage): StoragePlace {
  const root = mkdtempSync(join(tmpdir(), 'vivarium-storage-'))
  const made: Storage[] = []
  let generation = 0
  const folder = (): string => join(root, String(generation))
  return {
    storage() {
      const storage = open(folder())
      made.push(storage)
      return storage
    },
    async crash() {
      const from = folder()
      generation += 1
      copyFolder(from, folder())
    },
    async damage() {
      const db = join(folder(), 'db')
      for (const file of readdirSync(db)) if (/\.(log|ldb)$|^log-/.test(file)) corrupt(join(db, file), 200, 500)
    },
    async remove() {
      await Promise.all(made.map((storage) => storage.close()))
      rmSync(root, { recursive: true, force: true })
    },
  }
}
