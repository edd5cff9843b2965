/**
 * ZooKeeper's encoding ("jute"), written a second time from its description and without the code under test, so that
 * a mistake there cannot cancel itself out.
 */

/** An access-control entry; null fields are sent as such. */
export interface RawAcl {
  readonly perms: number
  readonly scheme: string | null
  readonly id: string | null
}

/** Collects the fields of a record. */
export class RawWriter {
  readonly #parts: Buffer[] = []

  byte(value: number): this {
    this.#parts.push(Buffer.from([value]))
    return this
  }

  int(value: number): this {
    const part = Buffer.alloc(4)
    part.writeInt32BE(value)
    this.#parts.push(part)
    return this
  }

  long(value: bigint): this {
    const part = Buffer.alloc(8)
    part.writeBigInt64BE(BigInt.asIntN(64, value))
    this.#parts.push(part)
    return this
  }

  buffer(value: Uint8Array | null): this {
    if (value === null) return this.int(-1)
    this.int(value.length)
    this.#parts.push(Buffer.from(value))
    return this
  }

  string(value: string | null): this {
    return this.buffer(value === null ? null : Buffer.from(value, 'utf8'))
  }

  vector<T>(values: readonly T[] | null, each: (value: T) => void): this {
    this.int(values === null ? -1 : values.length)
    for (const value of values ?? []) each(value)
    return this
  }

  strings(values: readonly (string | null)[] | null): this {
    return this.vector(values, (value) => this.string(value))
  }

  acl(values: readonly RawAcl[] | null): this {
    return this.vector(values, ({ perms, scheme, id }) => this.int(perms).string(scheme).string(id))
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes))
    return this
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

/** What a reply is decoded to: JSON, with 64-bit numbers as bigint and bytes in hexadecimal. */
export type Plain = null | boolean | number | bigint | string | readonly Plain[] | { readonly [key: string]: Plain }

/** Takes fields off a frame; throws RangeError beyond its end. */
export class RawReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  #take(count: number): Buffer {
    if (count < 0 || count > this.left) throw new RangeError(`${count} bytes of ${this.left}`)
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  byte(): number {
    return this.#take(1)[0] ?? 0
  }

  boolean(): boolean {
    const byte = this.byte()
    if (byte > 1) throw new RangeError(`boolean ${byte}`)
    return byte === 1
  }

  int(): number {
    return this.#take(4).readInt32BE()
  }

  long(): bigint {
    return this.#take(8).readBigInt64BE()
  }

  buffer(): Buffer | null {
    const length = this.int()
    return length === -1 ? null : this.#take(length)
  }

  hex(): string | null {
    return this.buffer()?.toString('hex') ?? null
  }

  string(): string | null {
    return this.buffer()?.toString('utf8') ?? null
  }

  vector<T extends Plain>(each: () => T): T[] | null {
    const count = this.int()
    if (count === -1) return null
    if (count < 0 || count > this.left) throw new RangeError(`${count} elements`)
    return Array.from({ length: count }, each)
  }

  rest(): string {
    return this.#take(this.left).toString('hex')
  }
}
