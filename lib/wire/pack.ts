import { Packr, Unpackr } from 'msgpackr'
import { ZkError } from '../core/errors.ts'

/** Arrays all the way down: no records, no shared structures, so that every frame can be read on its own. */
const OPTIONS = { useRecords: false, variableMapSize: true, int64AsType: 'bigint' } as const
/**
 * Values that name each other are refused: a few hundred bytes of them have more parts than a process has memory. No
 * type of msgpackr's knows the option.
 */
const READ_OPTIONS = { ...OPTIONS, structuredClone: false } as object
/** From msgpackr: hand out the scratch buffer itself with `start` and `end`, and rewind it for the next call. */
const REUSE_AND_RESET = 512 | 1024
/** Small results are cut from a slab of this size, so that an encoded txn costs no allocation of its own. */
const SLAB_BYTES = 64 * 1024
/** Results longer than this part of a slab get memory of their own. */
const SLAB_SHARE = 16

/**
 * MessagePack through msgpackr. msgpackr packs into one scratch buffer per process that moves and grows; what leaves
 * here never points into it: results are plain Uint8Arrays (never Buffers, whose `slice` does not copy) that nobody
 * writes to again. Small results share a slab: the memory
 * behind them holds other results too.
 */
export class Packing {
  readonly #packr = new Packr(OPTIONS)
  readonly #unpackr = new Unpackr(READ_OPTIONS)
  #value: unknown = undefined
  #end = 0
  readonly #slabBytes: number
  #slab = new Uint8Array(0)
  #used = 0

  /** 0: no slab, every result has memory of its own. */
  constructor(slabBytes: number = SLAB_BYTES) {
    this.#slabBytes = slabBytes
  }

  /** Packs `value`, leaving `headBytes` zero bytes before it. */
  pack(value: unknown, headBytes: number = 0): Uint8Array {
    const scratch = this.#packr.pack(value, REUSE_AND_RESET) as unknown as Uint8Array & { start: number, end: number }
    const size = scratch.end - scratch.start + headBytes
    let result: Uint8Array
    if (size * SLAB_SHARE > this.#slabBytes) {
      result = new Uint8Array(size)
    } else {
      if (this.#used + size > this.#slab.length) {
        this.#slab = new Uint8Array(this.#slabBytes)
        this.#used = 0
      }
      result = this.#slab.subarray(this.#used, this.#used + size)
      this.#used += size
    }
    result.set(scratch.subarray(scratch.start, scratch.end), headBytes)
    return result
  }

  /** Reads one value that fills `bytes`; byte strings in it are views on `bytes`. Throws BadFrame. */
  unpack(bytes: Uint8Array): unknown {
    // A view of our own: msgpackr hangs a DataView on the array it reads (which would live as long as a log entry),
    // and a Buffer would make every byte string in the result a Buffer.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    try {
      this.#unpackr.unpackMultiple(view, this.#takeOne)
    } catch (error) {
      throw new ZkError('BadFrame', 'not MessagePack', { cause: error })
    }
    const value = this.#value
    this.#value = undefined
    if (this.#end !== view.length) throw new ZkError('BadFrame', 'not one value of MessagePack')
    return value
  }

  /**
   * Takes the first value and no more. msgpackr's own refusal of what follows it writes the value out as JSON, which
   * takes far more time and memory than to read it.
   */
  readonly #takeOne = (value: unknown, _start?: number, end?: number): false => {
    this.#value = value
    this.#end = end ?? 0
    return false
  }
}
