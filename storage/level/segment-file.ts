import type { NodeModules } from './marker.ts'

/** One file of the log, which is written over and over again. */
export interface SegmentFile {
  /** How long it is, with what lies behind the last record. */
  readonly size: number
  /** What is in it: everything, or from one position to another. */
  read(from?: number, to?: number): Promise<Uint8Array>
  /** Writes at a position; durable when it resolves. */
  write(bytes: Uint8Array, position: number): Promise<void>
  close(): Promise<void>
}

/** Opens a file of the log, making it when it is absent; not `sync`: nothing is flushed. */
export type OpenSegment = (path: string, sync: boolean) => Promise<SegmentFile>

type Files = NodeModules['fs']

const NO_ROOM: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EMFILE', 'ENFILE']

/** True for an error that says that files cannot grow, or that no more of them can be open. */
export function isNoRoom(error: unknown): boolean {
  return NO_ROOM.includes((error as { code?: unknown }).code)
}

/** Closes all of them, also where one does not close; rejects with the first reason. */
export async function closeAll(open: Iterable<{ close(): Promise<void> }>): Promise<void> {
  const closed = await Promise.allSettled(Array.from(open, (each) => each.close()))
  for (const result of closed) if (result.status === 'rejected') throw result.reason
}

/** Opens the files of a log on the disk. */
export function segmentFiles(fs: Files): OpenSegment {
  return async (path, sync) => {
    const { O_CREAT, O_RDWR, O_DSYNC } = fs.constants
    // One call that writes and flushes, where the system has it and means the disk by it.
    const isFlushing = sync && O_DSYNC !== undefined && globalThis.process?.platform === 'linux'
    const fd = await new Promise<number>((resolve, reject) => {
      fs.open(path, O_CREAT | O_RDWR | (isFlushing ? O_DSYNC : 0), 0o644,
        (error, opened) => error === null ? resolve(opened) : reject(error))
    })
    return new DiskSegment(fs, fd, sync && !isFlushing, fs.fstatSync(fd).size)
  }
}

class DiskSegment implements SegmentFile {
  readonly #fs: Files
  readonly #fd: number
  readonly #needsFlush: boolean
  #size: number

  constructor(fs: Files, fd: number, needsFlush: boolean, size: number) {
    this.#fs = fs
    this.#fd = fd
    this.#needsFlush = needsFlush
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  async read(from = 0, to = this.#size): Promise<Uint8Array> {
    const content = new Uint8Array(to - from)
    for (let at = 0; at < content.byteLength;) {
      const count = await new Promise<number>((resolve, reject) => {
        this.#fs.read(this.#fd, content, at, content.byteLength - at, from + at,
          (error, read) => error === null ? resolve(read) : reject(error))
      })
      if (count === 0) return content.subarray(0, at)
      at += count
    }
    return content
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) at += await this.#put(bytes, at, position + at)
    this.#size = Math.max(this.#size, position + bytes.byteLength)
    if (this.#needsFlush) await this.#flush()
  }

  #put(bytes: Uint8Array, from: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#fs.write(this.#fd, bytes, from, bytes.byteLength - from, position,
        (error, written) => error === null ? resolve(written) : reject(error))
    })
  }

  #flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fs.fdatasync(this.#fd, (error) => error === null ? resolve() : reject(error))
    })
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fs.close(this.#fd, (error) => error === null || error === undefined ? resolve() : reject(error))
    })
  }
}
