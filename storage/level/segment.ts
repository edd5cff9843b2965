import type { NodeModules } from './marker.ts'

/** One file of the journal, which is written over and over again. */
export interface SegmentFile {
  /** Everything that is in it. */
  read(): Promise<Uint8Array>
  /** Writes at a position, which is at most the end of what was written before; durable when it resolves. */
  write(bytes: Uint8Array, position: number): Promise<void>
  close(): Promise<void>
}

/** Opens a file of the journal, making it when it is absent; not `sync`: nothing is flushed. */
export type OpenSegment = (path: string, sync: boolean) => Promise<SegmentFile>

/**
 * A file grows by so many zeros at a time: a write into space that is there already needs no change of the file's
 * length on the disk, which is half of the time of a small one.
 */
const GROWTH_BYTES = 1024 * 1024

type Files = NodeModules['fs']

/** Opens the files of a journal on the disk. */
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

  async read(): Promise<Uint8Array> {
    const content = new Uint8Array(this.#size)
    for (let at = 0; at < content.byteLength;) {
      const count = await new Promise<number>((resolve, reject) => {
        this.#fs.read(this.#fd, content, at, content.byteLength - at, at,
          (error, read) => error === null ? resolve(read) : reject(error))
      })
      if (count === 0) return content.subarray(0, at)
      at += count
    }
    return content
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const end = position + bytes.byteLength
    if (end > this.#size) {
      const grown = new Uint8Array(Math.ceil(end / GROWTH_BYTES) * GROWTH_BYTES - this.#size)
      await this.#put(grown, this.#size)
      this.#size += grown.byteLength
    }
    await this.#put(bytes, position)
    if (this.#needsFlush) await this.#flush()
  }

  async #put(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      at += await new Promise<number>((resolve, reject) => {
        this.#fs.write(this.#fd, bytes, at, bytes.byteLength - at, position + at,
          (error, written) => error === null ? resolve(written) : reject(error))
      })
    }
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
