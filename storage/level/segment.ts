import type { Checksum } from './records.ts'
import type { SegmentFile } from './segment-file.ts'
import type { RecordDraft, StoredRecord } from './store.ts'
import { isCount } from './valid.ts'

/** `vvjrnl1\n`, the salt, and the checksum u32 of both. */
const HEAD_BYTES = 20
const SIGNATURE: readonly number[] = Array.from('vvjrnl1\n', (letter) => letter.charCodeAt(0))
/** Salt, checksum u32 of all that follows, sequence f64, length u32 of what the record says. */
const RECORD_HEAD_BYTES = 24
const SALT_BYTES = 8
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
 * written in an earlier life of the file, whose sequences are lower.
 *
 * Every record begins with the file's salt, which is random: so a record is found again behind one that was altered,
 * and nobody who only chooses data can make bytes that pass for a record.
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
  #growthFailure: { readonly error: unknown } | null = null
  /** Of the last record in it; 0 without one. */
  last = 0

  constructor(file: SegmentFile, checksum: Checksum) {
    this.#file = file
    this.#checksum = checksum
    this.#salt = globalThis.crypto.getRandomValues(new Uint8Array(SALT_BYTES))
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
    if (!this.#isHead(content)) {
      // Its making was cut short, unless something was written behind.
      return { records: [], isWhole: content.subarray(HEAD_BYTES).every((byte) => byte === 0) }
    }
    this.#salt = content.slice(SIGNATURE.length, SIGNATURE.length + SALT_BYTES)
    this.#isNew = false
    const records: StoredRecord[] = []
    const haystack = globalThis.Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    for (let at = HEAD_BYTES; at >= 0;) {
      const found = this.#recordAt(content, at)
      if (found === null) {
        at = haystack.indexOf(this.#salt, at + 1)
        continue
      }
      const begin = at
      at = found.end
      records.push(found.record)
      if (found.record.sequence <= this.last) continue
      this.last = found.record.sequence
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
    return this.#end + RECORD_HEAD_BYTES + bytes > SEGMENT_BYTES
  }

  /** The next record is the first: what is there is not needed any more. */
  rewind(): void {
    this.#end = HEAD_BYTES
    this.last = 0
  }

  /** Makes room for a record of so many bytes or, without that, for as many as a segment holds, and writes the head. */
  async prepare(bytes: number = SEGMENT_BYTES - HEAD_BYTES - RECORD_HEAD_BYTES): Promise<void> {
    const wanted = Math.max(GROWTH_BYTES, HEAD_BYTES + RECORD_HEAD_BYTES + bytes)
    while (this.size < wanted) await this.#grow(Math.min(GROWTH_BYTES, wanted - this.size))
    if (!this.#isNew) return
    const head = new Uint8Array(HEAD_BYTES)
    head.set(SIGNATURE)
    head.set(this.#salt, SIGNATURE.length)
    const sum = this.#checksum(head.subarray(0, HEAD_BYTES - 4))
    new DataView(head.buffer, head.byteOffset).setUint32(HEAD_BYTES - 4, sum, true)
    await this.#file.write(head, 0)
    this.#isNew = false
  }

  /** Appends a record for which it is not full; durable when it resolves. */
  async append(sequence: number, draft: RecordDraft, scratch: Scratch): Promise<void> {
    const total = RECORD_HEAD_BYTES + draft.bytes
    const end = this.#end + total
    const pageEnd = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES
    if (pageEnd > this.size) await this.#growInTime(pageEnd)
    // Zeros up to the end of the page, unless that is the end of the file.
    const bytes = scratch.take(Math.min(pageEnd, this.size) - this.#end)
    bytes.fill(0, total)
    const record = bytes.subarray(0, total)
    const view = new DataView(record.buffer, record.byteOffset, total)
    record.set(this.#salt)
    view.setFloat64(SALT_BYTES + 4, sequence, true)
    view.setUint32(SALT_BYTES + 12, draft.bytes, true)
    draft.pack(record.subarray(RECORD_HEAD_BYTES))
    view.setUint32(SALT_BYTES, this.#checksum(record.subarray(SALT_BYTES + 4)), true)
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
      // Whoever needs the room is told.
      (error: unknown) => { this.#growthFailure = { error } })
  }

  async #growInTime(end: number): Promise<void> {
    await this.#growth
    if (this.#growthFailure !== null) throw this.#growthFailure.error
    while (this.size < end && this.size < SEGMENT_BYTES) {
      await this.#grow(Math.min(GROWTH_BYTES, SEGMENT_BYTES - this.size))
    }
  }

  #isHead(content: Uint8Array): boolean {
    if (content.byteLength < HEAD_BYTES || SIGNATURE.some((byte, index) => content[index] !== byte)) return false
    const stored = new DataView(content.buffer, content.byteOffset).getUint32(HEAD_BYTES - 4, true)
    return stored === this.#checksum(content.subarray(0, HEAD_BYTES - 4))
  }

  #recordAt(content: Uint8Array, at: number): { readonly record: StoredRecord, readonly end: number } | null {
    if (at + RECORD_HEAD_BYTES > content.byteLength) return null
    for (let index = 0; index < SALT_BYTES; index++) if (content[at + index] !== this.#salt[index]) return null
    const view = new DataView(content.buffer, content.byteOffset + at + SALT_BYTES)
    const end = at + RECORD_HEAD_BYTES + view.getUint32(12, true)
    if (end > content.byteLength) return null
    if (this.#checksum(content.subarray(at + SALT_BYTES + 4, end)) !== view.getUint32(0, true)) return null
    const sequence = view.getFloat64(4, true)
    if (!isCount(sequence)) return null
    return { record: { sequence, payload: content.subarray(at + RECORD_HEAD_BYTES, end) }, end }
  }
}
