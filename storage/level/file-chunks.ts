import { assert } from '../../lib/core/assert.ts'
import type { SnapshotBase, SnapshotChunk } from '../../lib/ports/storage.ts'
import type { ChunkStore, PackedChunk } from './chunks.ts'
import {
  FRAME_HEAD_BYTES, frameAt, frameEnd, headBytes, makeSalt, packHead, saltOf, sealFrame, setSalt,
} from './frame.ts'
import { onceLetGo, syncFolder } from './marker.ts'
import { closeAll } from './segment-file.ts'
import type { SegmentFile } from './segment-file.ts'
import type { SegmentParts } from './segments.ts'

const SIGNATURE = new TextEncoder().encode('vvsnap1\n')
/** The signature, and the name of the snapshot f64. */
const SIGNATURE_BYTES = SIGNATURE.byteLength + 8

/** The file that waits for the next snapshot; one that is longer by this factor than what it is for does not. */
const SPARE = 'snap-spare'
const SPARE_FACTOR = 2
/** As many bytes as the system reads at once. */
const MOST_FRAME_BYTES = 2 ** 31 - 1
/**
 * Read at once, the next piece while the frames of one are looked at; one at a time, a fifth of a start on a large
 * snapshot was waiting for the disk.
 */
const PIECE_BYTES = 1024 * 1024

/** A snapshot that is being written. */
interface Written {
  readonly file: SegmentFile
  readonly salt: Uint8Array
  /** Where the next frame is put. */
  end: number
}

/**
 * Keeps every snapshot in a file `snap-N` of the folder `location`, N being its id: one frame for each chunk, with its
 * index, one after the other from the beginning. What lies behind the last one was written in an earlier life of the
 * file: that of a snapshot that is not needed any more is used for the next one. (Where blocks that are freed are told
 * to the disk, it did nothing else for 100 to 200 ms when a file of 250 MB was removed.)
 *
 * LevelDB wrote every chunk twice, to its log and to a table, which took twice the processor as well; at p99, what was
 * written to the log meanwhile waited three times as long.
 */
export class FileChunks implements ChunkStore {
  readonly #location: string
  readonly #parts: SegmentParts
  readonly #written = new Map<number, Written>()
  readonly #read = new Set<SegmentFile>()

  constructor(location: string, parts: SegmentParts) {
    this.#location = location
    this.#parts = parts
  }

  list(): Promise<number[]> {
    const names = this.#parts.node.fs.readdirSync(this.#location)
    return Promise.resolve(names.flatMap((name) => /^snap-(\d+)$/.exec(name)?.[1] ?? []).map(Number))
  }

  async *chunksOf({ id, chunks }: SnapshotBase): AsyncIterable<Uint8Array | null> {
    const { checksum, node } = this.#parts
    // Opening it would make it.
    if (!node.fs.existsSync(this.#pathOf(id))) return yield null
    const file = await this.#open(id)
    this.#read.add(file)
    try {
      const signature = signatureOf(id)
      const salt = saltOf(await file.read(0, headBytes(signature)), signature, checksum)
      if (salt === null) return yield null
      let index = 0
      for await (const frames of framesOf(file, headBytes(signature), salt, chunks)) {
        for (const bytes of frames) {
          const frame = frameAt(bytes, 0, salt, checksum)
          // -0 is another number: what is read is what would be written.
          if (frame === null || !Object.is(frame.number, index)) return yield null
          index += 1
          yield frame.payload
        }
      }
      if (index < chunks) yield null
    } finally {
      if (this.#read.delete(file)) await file.close()
    }
  }

  pack({ index, bytes }: SnapshotChunk): Uint8Array {
    const length = FRAME_HEAD_BYTES + bytes.byteLength
    // What could not be read must never be what the log is dropped for.
    assert(length <= MOST_FRAME_BYTES, `a chunk of ${bytes.byteLength} bytes cannot be kept`)
    const frame = new Uint8Array(length)
    frame.set(bytes, FRAME_HEAD_BYTES)
    sealFrame(frame, index, this.#parts.checksum)
    return frame
  }

  async write(chunks: readonly PackedChunk[]): Promise<void> {
    const { id, index } = chunks[0]!
    const written = index === 0 ? await this.#begin(id) : this.#written.get(id)!
    const frames = joined(chunks, written.salt)
    await written.file.write(frames, written.end)
    written.end += frames.byteLength
  }

  async installed(id: number, dropped: readonly number[]): Promise<void> {
    const bytes = this.#written.get(id)?.end ?? 0
    await this.#closeWritten()
    for (const other of dropped) await this.#retire(other, bytes * SPARE_FACTOR)
  }

  async remove(ids: readonly number[]): Promise<void> {
    const { fs } = this.#parts.node
    for (const id of ids) {
      const written = this.#written.get(id)
      this.#written.delete(id)
      await written?.file.close()
      await onceLetGo(() => fs.promises.rm(this.#pathOf(id), { force: true }))
    }
  }

  async close(): Promise<void> {
    const files = Array.from(this.#read)
    this.#read.clear()
    await closeAll([{ close: () => this.#closeWritten() }, ...files])
  }

  /** Begins a snapshot, or begins it anew. */
  async #begin(id: number): Promise<Written> {
    const { node: { fs }, checksum, sync } = this.#parts
    const path = this.#pathOf(id)
    let file = this.#written.get(id)?.file
    if (file === undefined) {
      if (!fs.existsSync(path) && fs.existsSync(this.#sparePath)) {
        await onceLetGo(() => fs.promises.rename(this.#sparePath, path))
      }
      file = await this.#open(id)
    }
    const salt = makeSalt()
    const head = packHead(signatureOf(id), salt, checksum)
    const written = { file, salt, end: head.byteLength }
    this.#written.set(id, written)
    if (sync) await syncFolder(fs, this.#location)
    await file.write(head, 0)
    return written
  }

  async #closeWritten(): Promise<void> {
    const files = Array.from(this.#written.values(), ({ file }) => file)
    this.#written.clear()
    await closeAll(files)
  }

  /** The file of a snapshot that is not needed is for the next one, unless it is longer than this. */
  async #retire(id: number, most: number): Promise<void> {
    const { fs } = this.#parts.node
    const path = this.#pathOf(id)
    if (!fs.existsSync(path)) return
    const isSpare = !fs.existsSync(this.#sparePath) && fs.statSync(path).size <= most
    await onceLetGo(() => isSpare ? fs.promises.rename(path, this.#sparePath) : fs.promises.unlink(path))
  }

  get #sparePath(): string {
    return `${this.#location}/${SPARE}`
  }

  #open(id: number): Promise<SegmentFile> {
    return this.#parts.open(this.#pathOf(id), this.#parts.sync)
  }

  #pathOf(id: number): string {
    return `${this.#location}/snap-${id}`
  }
}

/**
 * What lies from a position on, up to so many frames, as far as their heads tell: nothing else is looked at. Ends
 * before the first that is none, or does not lie in the file.
 */
async function* framesOf(
  file: SegmentFile, from: number, salt: Uint8Array, most: number,
): AsyncGenerator<readonly Uint8Array[], undefined> {
  let count = 0
  let at = from
  let wanted = PIECE_BYTES
  const read = (): Promise<Uint8Array> => file.read(at, Math.min(file.size, at + wanted))
  let reading = read()
  try {
    while (count < most) {
      const piece = await reading
      const frames: Uint8Array[] = []
      let begin = 0
      let end = frameEnd(piece, 0, salt)
      while (end !== null && end <= piece.byteLength && count + frames.length < most) {
        frames.push(piece.subarray(begin, end))
        begin = end
        end = frameEnd(piece, begin, salt)
      }
      count += frames.length
      at += begin
      if (frames.length > 0) {
        wanted = PIECE_BYTES
      } else {
        // One that is longer than a piece is read as a whole, once.
        if (end === null || end <= wanted || end > MOST_FRAME_BYTES || at + end > file.size) return undefined
        wanted = end
      }
      if (count < most) reading = read()
      // Whoever stops here by an error of his own is not told of another one.
      void Promise.allSettled([reading])
      if (frames.length > 0) yield frames
    }
  } finally {
    await Promise.allSettled([reading])
  }
  return undefined
}

/** Of the file of one snapshot alone: no other passes for it. */
function signatureOf(id: number): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES)
  signature.set(SIGNATURE)
  new DataView(signature.buffer, signature.byteOffset).setFloat64(SIGNATURE.byteLength, id, true)
  return signature
}

/** The frames of these chunks, in one piece, for the file with this salt. */
function joined(chunks: readonly PackedChunk[], salt: Uint8Array): Uint8Array {
  for (const { bytes } of chunks) setSalt(bytes, salt)
  if (chunks.length === 1) return chunks[0]!.bytes
  const joint = new Uint8Array(chunks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0))
  let at = 0
  for (const { bytes } of chunks) {
    joint.set(bytes, at)
    at += bytes.byteLength
  }
  return joint
}
