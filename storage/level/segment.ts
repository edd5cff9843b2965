import { FRAME_HEAD_BYTES, frameAt, headBytes, makeSalt, packHead, saltOf, sealFrame, setSalt } from './frame.ts'
import type { Checksum } from './records.ts'
import { isNoRoom } from './segment-file.ts'
import type { SegmentFile } from './segment-file.ts'
import type { RecordDraft, StoredRecord } from './store.ts'

const SIGNATURE = new TextEncoder().encode('vvjrnl1\n')
const HEAD_BYTES = headBytes(SIGNATURE)
/** What the system writes at once: a part of one that is not in its memory would have to be read before. */
const PAGE_BYTES = 4096
/** A file grows by so many zeros at a time, and ahead: a write that changes no length takes half the time. */
const GROWTH_BYTES = 1024 * 1024
/** No segment grows beyond this, but for a single larger record. */
export const SEGMENT_BYTES: number = 8 * 1024 * 1024
/** A larger record is made in memory that does not stay. */
const SCRATCH_BYTES = 1024 * 1024

/** What the records of all segments are made in, one after the other. */
export class Scratch {
  #bytes = new Uint8Array(2 * PAGE_BYTES)

  /** So many bytes, with anything in them; nobody may use those of the call before any more. */
  take(bytes: number): Uint8Array {
    if (bytes > SCRATCH_BYTES) return new Uint8Array(bytes)
    if (bytes > this.#bytes.byteLength) this.#bytes = new Uint8Array(Math.min(SCRATCH_BYTES, 2 * bytes))
    return this.#bytes.subarray(0, bytes)
  }
}

/** The records of one segment, as they lie there. */
export interface SegmentContent {
  readonly records: readonly StoredRecord[]
  /** False when the file itself is not what was written. */
  readonly isWhole: boolean
}

/**
 * One file of records, from its beginning to wherever the last one ends; what lies behind that is zeros, or what was
 * written in an earlier life of the file, whose sequences are lower. A record is a frame with its sequence.
 */
export class Segment {
  readonly #file: SegmentFile
  readonly #checksum: Checksum
  #salt: Uint8Array
  #isNew = true
  #end = HEAD_BYTES
  /** Where the last record began that `read` found. */
  #lastRead = HEAD_BYTES
  #growth: Promise<void> | null = null
  /** Why its file may not be written any more. */
  #failure: { readonly error: unknown } | null = null
  /** Of the last record in it; 0 without one. */
  last = 0

  constructor(file: SegmentFile, checksum: Checksum) {
    this.#file = file
    this.#checksum = checksum
    this.#salt = makeSalt()
  }

  get size(): number {
    return this.#file.size
  }

  /** It may be used again for any record of usual size. */
  get isUsual(): boolean {
    return this.size <= SEGMENT_BYTES
  }

  /** So full that the next segment will be needed soon. */
  get isHalfFull(): boolean {
    return this.#end > SEGMENT_BYTES / 2
  }

  /** Every whole record, in the order in which they lie; the next one is put behind that with the highest sequence. */
  async read(): Promise<SegmentContent> {
    const content = await this.#file.read()
    const salt = saltOf(content, SIGNATURE, this.#checksum)
    // Its making was cut short, unless something was written behind.
    if (salt === null) return { records: [], isWhole: content.subarray(HEAD_BYTES).every((byte) => byte === 0) }
    this.#salt = salt
    this.#isNew = false
    const records: StoredRecord[] = []
    const haystack = globalThis.Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    for (let at = HEAD_BYTES; at >= 0;) {
      const found = frameAt(content, at, salt, this.#checksum)
      if (found === null) {
        at = haystack.indexOf(salt, at + 1)
        continue
      }
      const begin = at
      at = found.end
      records.push({ sequence: found.number, payload: found.payload })
      if (found.number <= this.last) continue
      this.last = found.number
      this.#lastRead = begin
      this.#end = at
    }
    return { records, isWhole: true }
  }

  /**
   * Writes the last record that `read` found once more. It may be in the system's memory alone: its write did not end
   * where the process was killed, and where the disk refused it, the system may take it for written all the same.
   */
  async affirm(): Promise<void> {
    await this.#file.write(await this.#file.read(this.#lastRead, this.#end), this.#lastRead)
  }

  /** Whether a record of so many bytes belongs into the next segment. */
  isFullFor(bytes: number): boolean {
    return this.#end + FRAME_HEAD_BYTES + bytes > SEGMENT_BYTES
  }

  /** The next record is the first: what is there is not needed any more. */
  rewind(): void {
    this.#end = HEAD_BYTES
    this.last = 0
  }

  /** Makes room for a record of so many bytes or, without that, for as many as a segment holds, and writes the head. */
  async prepare(bytes: number = SEGMENT_BYTES - HEAD_BYTES - FRAME_HEAD_BYTES): Promise<void> {
    const wanted = Math.max(GROWTH_BYTES, HEAD_BYTES + FRAME_HEAD_BYTES + bytes)
    while (this.size < wanted) await this.#grow(Math.min(GROWTH_BYTES, wanted - this.size))
    if (!this.#isNew) return
    await this.#file.write(packHead(SIGNATURE, this.#salt, this.#checksum), 0)
    this.#isNew = false
  }

  /** Appends a record for which it is not full; durable when it resolves. */
  async append(sequence: number, draft: RecordDraft, scratch: Scratch): Promise<void> {
    const total = FRAME_HEAD_BYTES + draft.bytes
    const end = this.#end + total
    const pageEnd = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES
    if (pageEnd > this.size) await this.#growInTime(pageEnd)
    // Zeros up to the end of the page, unless that is the end of the file.
    const bytes = scratch.take(Math.min(pageEnd, this.size) - this.#end)
    bytes.fill(0, total)
    const record = bytes.subarray(0, total)
    draft.pack(record.subarray(FRAME_HEAD_BYTES))
    sealFrame(record, sequence, this.#checksum)
    setSalt(record, this.#salt)
    await this.#file.write(bytes, this.#end)
    this.#end = end
    this.last = sequence
    if (this.size - end < GROWTH_BYTES / 2 && this.size < SEGMENT_BYTES) this.#growAhead()
  }

  async close(): Promise<void> {
    await this.#growth
    await this.#file.close()
  }

  async #grow(bytes: number): Promise<void> {
    await this.#file.write(new Uint8Array(bytes), this.size)
  }

  #growAhead(): void {
    this.#growth ??= this.#grow(Math.min(GROWTH_BYTES, SEGMENT_BYTES - this.size)).then(
      () => { this.#growth = null },
      (error: unknown) => {
        // Whoever needs the room looks for it again, or is told. Of other errors a file may tell only once.
        if (isNoRoom(error)) this.#growth = null
        else this.#failure = { error }
      })
  }

  async #growInTime(end: number): Promise<void> {
    await this.#growth
    if (this.#failure !== null) throw this.#failure.error
    while (this.size < end && this.size < SEGMENT_BYTES) {
      await this.#grow(Math.min(GROWTH_BYTES, SEGMENT_BYTES - this.size))
    }
  }
}
