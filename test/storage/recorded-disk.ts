import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Database, Operation, Range } from '../../storage/level/database.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'

/** What was there before a write of the log or of a snapshot, and the write. */
export interface Moment {
  readonly name: string
  readonly position: number
  readonly bytes: Uint8Array
  /** Writes before it, on all files. */
  readonly index: number
  /** Which files there are. */
  readonly names: ReadonlySet<string>
  /** The database at that time. */
  readonly content: ReadonlyMap<string, Uint8Array>
  /** What the test said last. */
  readonly label: string
}

/** Which bytes of a write got to the disk. */
export type Torn = (bytes: Uint8Array) => readonly (readonly [from: number, to: number])[]

/** The files and the database of a storage, in memory; every write to a file is kept, in its order. */
export class RecordedDisk {
  readonly moments: Moment[] = []
  label = ''
  readonly #files = new Map<string, Uint8Array>()
  /** The name under which each file in the folder is known here. */
  readonly #names = new Map<number, string>()
  readonly #content = new Map<string, Uint8Array>()
  #made: { readonly moment: Moment, readonly files: ReadonlyMap<string, Uint8Array> } | null = null

  constructor(
    files: ReadonlyMap<string, Uint8Array> = new Map(), content: ReadonlyMap<string, Uint8Array> = new Map(),
  ) {
    for (const [name, bytes] of files) this.#files.set(name, bytes)
    for (const [key, value] of content) this.#content.set(key, value)
  }

  /** The names must be there to be found. */
  lay(folder: string): void {
    mkdirSync(join(folder, 'db'), { recursive: true })
    for (const name of this.#files.keys()) this.#names.set(touched(join(folder, 'db', name)), name)
  }

  readonly open: OpenSegment = (path) => {
    const name = basename(path)
    const isNew = !existsSync(path)
    const inode = touched(path)
    const { moments } = this
    const files = this.#files
    // Of a file that was removed, nothing is left in one of the same name.
    if (isNew) files.set(name, new Uint8Array())
    else if (!files.has(name)) this.#takeOver(dirname(path), name, this.#names.get(inode) ?? '')
    this.#names.set(inode, name)
    return Promise.resolve({
      get size() { return files.get(name)!.byteLength },
      // Never written to: see `overwritten`.
      read: (from, to) => Promise.resolve(files.get(name)!.subarray(from, to)),
      write: async (bytes: Uint8Array, position: number) => {
        const kept = bytes.slice()
        // Slower than the log: what does not wait for it is on the disk before it.
        if (isSnapshot(name)) await new Promise((resolve) => { setImmediate(resolve) })
        const content = new Map(this.#content)
        const names = new Set(readdirSync(dirname(path)))
        moments.push({ name, position, bytes: kept, index: moments.length, names, content, label: this.label })
        files.set(name, overwritten(files.get(name)!, kept, position))
      },
      close: () => Promise.resolve(),
    })
  }

  /** A file that has this name from now on, and had another. */
  #takeOver(folder: string, name: string, old: string): void {
    const there = new Set(readdirSync(folder))
    const bytes = this.#files.get(old) ?? new Uint8Array()
    this.#files.delete(old)
    this.#files.set(name, bytes)
    const { moments } = this
    // As if it had been written; nobody asks for images of that.
    const content = new Map(this.#content)
    moments.push({ name, position: 0, bytes, index: moments.length, names: there, content, label: '' })
  }

  /** The database; `location` is where it would be. */
  readonly database = (location: string): Database => {
    mkdirSync(location, { recursive: true })
    const content = this.#content
    const keys = ({ gte = '', lt = '\uffff', limit = Infinity }: Range): string[] =>
      Array.from(content.keys()).filter((key) => key >= gte && key < lt).sort().slice(0, limit)
    return {
      open: () => Promise.resolve(), close: () => Promise.resolve(),
      get: (key) => Promise.resolve(content.get(key)?.slice()),
      async batch(operations: readonly Operation[]) {
        // Slower than the files: what does not wait for it is on the disk before it.
        await new Promise((resolve) => { setImmediate(resolve) })
        for (const operation of operations) {
          if (operation.type === 'put') content.set(operation.key, operation.value.slice())
          else content.delete(operation.key)
        }
      },
      async *keys(range) { yield* keys(range) },
      async *iterator(range) { for (const key of keys(range)) yield [key, content.get(key)!.slice()] },
    }
  }

  /** The disk as it is when the power goes in the middle of this write, of which `torn` is there. */
  image(moment: Moment, torn: Torn): RecordedDisk {
    const files = new Map(this.#before(moment))
    let content = files.get(moment.name) ?? new Uint8Array()
    for (const [from, to] of torn(moment.bytes)) {
      content = overwritten(content, moment.bytes.subarray(from, to), moment.position + from)
    }
    files.set(moment.name, content)
    for (const name of files.keys()) if (!moment.names.has(name)) files.delete(name)
    return new RecordedDisk(files, moment.content)
  }

  /** The disk in the end, if this write had been made at `place` of its file, or, with null, nowhere. */
  misdirected(moment: Moment, place: number | null): RecordedDisk {
    const files = new Map<string, Uint8Array>()
    for (const one of this.moments) {
      const position = one === moment ? place : one.position
      if (position === null) continue
      files.set(one.name, overwritten(files.get(one.name) ?? new Uint8Array(), one.bytes, position))
    }
    return new RecordedDisk(files, this.#content)
  }

  /** The files as they were, for as many images as are made of one moment. */
  #before(moment: Moment): ReadonlyMap<string, Uint8Array> {
    if (this.#made?.moment === moment) return this.#made.files
    const files = new Map<string, Uint8Array>()
    for (const { name, position, bytes } of this.moments.slice(0, moment.index)) {
      const content = files.get(name) ?? new Uint8Array()
      if (position + bytes.byteLength > content.byteLength) files.set(name, overwritten(content, bytes, position))
      else content.set(bytes, position)
    }
    this.#made = { moment, files }
    return files
  }
}

/** Makes an empty file, or makes one empty, and says which it is. */
function touched(path: string): number {
  writeFileSync(path, '')
  return statSync(path).ino
}

/** Of a file that holds a snapshot. */
export function isSnapshot(name: string): boolean {
  return name.startsWith('snap-')
}

/** A copy of `content` with `bytes` in it, longer where that is needed. */
function overwritten(content: Uint8Array, bytes: Uint8Array, position: number): Uint8Array {
  const made = new Uint8Array(Math.max(content.byteLength, position + bytes.byteLength))
  made.set(content)
  made.set(bytes, position)
  return made
}
