import { assert } from '../../lib/core/assert.ts'
import type { Operation } from './ledger.ts'
import { isCount } from './records.ts'
import type { Checksum } from './records.ts'
import type { SegmentFile } from './segment.ts'

/** `vvjrnl1\n`, the salt, and the checksum u32 of both. */
const HEAD_BYTES = 20
const SIGNATURE: readonly number[] = Array.from('vvjrnl1\n', (letter) => letter.charCodeAt(0))
/** Salt, checksum u32 of all that follows, sequence f64, length u32 of the operations. */
const RECORD_HEAD_BYTES = 24
const SALT_BYTES = 8
/** Kind u8, length of the key u16, length of the value u32. */
const OPERATION_HEAD_BYTES = 7
/** No segment grows beyond this. */
export const SEGMENT_BYTES: number = 8 * 1024 * 1024

/** One batch of operations; the sequence counts them, without a gap. */
export interface JournalRecord {
  readonly sequence: number
  readonly operations: readonly Operation[]
}

/** Bytes that these operations need in a segment. */
export function recordBytes(operations: readonly Operation[]): number {
  let total = RECORD_HEAD_BYTES
  for (const operation of operations) {
    total += OPERATION_HEAD_BYTES + operation.key.length + (operation.type === 'put' ? operation.value.byteLength : 0)
  }
  return total
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
  #isNew: boolean
  #end = HEAD_BYTES
  /**
   * What was appended since the last `rewind`, at its place in the file. It is the same memory in every life of the
   * file: what waits for its way into the database would else be new to the garbage collector at the rate of all
   * writes, and the engine walks the whole heap for every 64 MiB of such memory.
   */
  #memory: Uint8Array | null = null

  constructor(file: SegmentFile, checksum: Checksum) {
    this.#file = file
    this.#checksum = checksum
    this.#salt = globalThis.crypto.getRandomValues(new Uint8Array(SALT_BYTES))
    this.#isNew = true
  }

  /** Every whole record, in the order in which they lie; false when the file itself is not what was written. */
  async read(): Promise<{ readonly records: readonly JournalRecord[], readonly isWhole: boolean }> {
    const content = await this.#file.read()
    if (!this.#isHead(content)) {
      // Its making was cut short, unless something was written behind.
      return { records: [], isWhole: content.every((byte) => byte === 0) }
    }
    this.#salt = content.slice(SIGNATURE.length, SIGNATURE.length + SALT_BYTES)
    this.#isNew = false
    const records: JournalRecord[] = []
    const haystack = globalThis.Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    for (let at = HEAD_BYTES; at >= 0;) {
      const found = this.#recordAt(content, at)
      if (found === null) {
        at = haystack.indexOf(this.#salt, at + 1)
        continue
      }
      records.push(found.record)
      at = found.end
    }
    return { records, isWhole: true }
  }

  /** Whether a record of so many bytes belongs into the next segment. */
  isFullFor(bytes: number): boolean {
    return this.#end + bytes > SEGMENT_BYTES
  }

  /** The next record is the first: what is there is not needed any more. */
  rewind(): void {
    this.#end = HEAD_BYTES
  }

  /** Writes the head of a file that has none; without one its records would not be found. */
  async prepare(): Promise<void> {
    if (!this.#isNew) return
    const head = new Uint8Array(HEAD_BYTES)
    head.set(SIGNATURE)
    head.set(this.#salt, SIGNATURE.length)
    const sum = this.#checksum(head.subarray(0, HEAD_BYTES - 4))
    new DataView(head.buffer, head.byteOffset).setUint32(HEAD_BYTES - 4, sum, true)
    await this.#file.write(head, 0)
    this.#isNew = false
  }

  /**
   * Appends a record for which it is not full; durable when it resolves. Gives the operations with the segment's own
   * copies of their values, which last until `rewind`.
   */
  async append(sequence: number, operations: readonly Operation[]): Promise<Operation[]> {
    const total = recordBytes(operations)
    assert(!this.isFullFor(total), 'a record fits into its segment')
    this.#memory ??= new Uint8Array(SEGMENT_BYTES)
    const record = this.#memory.subarray(this.#end, this.#end + total)
    const view = new DataView(record.buffer, record.byteOffset, total)
    record.set(this.#salt)
    view.setFloat64(SALT_BYTES + 4, sequence, true)
    view.setUint32(SALT_BYTES + 12, total - RECORD_HEAD_BYTES, true)
    let at = RECORD_HEAD_BYTES
    const kept: Operation[] = []
    for (const operation of operations) {
      at = putOperation(record, view, at, operation)
      const { type, key } = operation
      if (type === 'del') kept.push({ type, key })
      else kept.push({ type, key, value: record.subarray(at - operation.value.byteLength, at) })
    }
    view.setUint32(SALT_BYTES, this.#checksum(record.subarray(SALT_BYTES + 4)), true)
    await this.#file.write(record, this.#end)
    this.#end += total
    return kept
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  #isHead(content: Uint8Array): boolean {
    if (content.byteLength < HEAD_BYTES || SIGNATURE.some((byte, index) => content[index] !== byte)) return false
    const stored = new DataView(content.buffer, content.byteOffset).getUint32(HEAD_BYTES - 4, true)
    return stored === this.#checksum(content.subarray(0, HEAD_BYTES - 4))
  }

  #recordAt(content: Uint8Array, at: number): { readonly record: JournalRecord, readonly end: number } | null {
    if (at + RECORD_HEAD_BYTES > content.byteLength) return null
    for (let index = 0; index < SALT_BYTES; index++) if (content[at + index] !== this.#salt[index]) return null
    const view = new DataView(content.buffer, content.byteOffset + at + SALT_BYTES)
    const end = at + RECORD_HEAD_BYTES + view.getUint32(12, true)
    if (end > content.byteLength) return null
    if (this.#checksum(content.subarray(at + SALT_BYTES + 4, end)) !== view.getUint32(0, true)) return null
    const operations = takeOperations(content.subarray(at + RECORD_HEAD_BYTES, end))
    const sequence = view.getFloat64(4, true)
    return operations === null || !isCount(sequence) ? null : { record: { sequence, operations }, end }
  }
}

/** Keys are ASCII. */
function putOperation(record: Uint8Array, view: DataView, start: number, operation: Operation): number {
  const { type, key } = operation
  const value = type === 'put' ? operation.value : null
  view.setUint8(start, value === null ? 0 : 1)
  view.setUint16(start + 1, key.length, true)
  view.setUint32(start + 3, value?.byteLength ?? 0, true)
  let at = start + OPERATION_HEAD_BYTES
  for (let index = 0; index < key.length; index++) record[at++] = key.charCodeAt(index)
  if (value !== null) record.set(value, at)
  return at + (value?.byteLength ?? 0)
}

/** Null for what is no list of operations. */
function takeOperations(packed: Uint8Array): Operation[] | null {
  const operations: Operation[] = []
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  for (let at = 0; at < packed.byteLength;) {
    if (packed.byteLength - at < OPERATION_HEAD_BYTES) return null
    const isPut = view.getUint8(at) === 1
    const keyEnd = at + OPERATION_HEAD_BYTES + view.getUint16(at + 1, true)
    const end = keyEnd + view.getUint32(at + 3, true)
    if (end > packed.byteLength) return null
    const key = String.fromCharCode(...packed.subarray(at + OPERATION_HEAD_BYTES, keyEnd))
    operations.push(isPut ? { type: 'put', key, value: packed.slice(keyEnd, end) } : { type: 'del', key })
    at = end
  }
  return operations
}
