const BYTES = 2_048
/** The last 8 do not come together with those before: what hashes goes by twos. */
const PAIR_BYTES = 8

/**
 * Memory in which bytes become numbers of 4 each, the lowest first: to copy them there and to look at them so takes
 * half as long as to put them together one by one (1 KB: 390 ns instead of 810 for the chain hash of a txn, 400 instead
 * of 1,110 for that of data).
 */
export class Words {
  readonly ints: Int32Array
  readonly #bytes: Uint8Array
  readonly #isLittle: boolean

  /** `isLittle`: this machine has the lowest byte first; looked at when left out. */
  constructor(isLittle?: boolean) {
    const memory = new ArrayBuffer(BYTES)
    this.#bytes = new Uint8Array(memory)
    this.ints = new Int32Array(memory)
    this.ints[0] = 1
    this.#isLittle = isLittle ?? this.#bytes[0] === 1
  }

  /** Takes as many bytes as there is room for, in pairs of numbers; returns how many: 0 where no pair is left. */
  load(bytes: Uint8Array, from: number): number {
    const left = bytes.length - from
    if (left < PAIR_BYTES) return 0
    if (from === 0 && left <= BYTES) this.#bytes.set(bytes)
    else this.#bytes.set(bytes.subarray(from, from + BYTES))
    const count = left < BYTES ? left & -PAIR_BYTES : BYTES
    if (!this.#isLittle) this.#turn(count)
    return count
  }

  #turn(count: number): void {
    const bytes = this.#bytes
    for (let at = 0; at < count; at += 4) {
      this.ints[at >> 2] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    }
  }
}
