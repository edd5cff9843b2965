import { OPEN_ACL } from '../core/tree/request.ts'
import type { SessionId } from '../core/tree/stat.ts'
import { isSessionId, NO_SESSION } from '../core/tree/stat.ts'
import type { NodeKindNumber, Txn } from '../core/tree/txn.ts'
import { KnownTexts } from './known-texts.ts'
import { CREATE_FIELDS, HEAD_FIELDS, Kind, SET_DATA_FIELDS } from './txn-kind.ts'

const FIX_ARRAY = 0x90
/** What no field is. */
const NONE = Number.NaN

/**
 * Reads the txns that TxnWriter writes without an array of their fields in between. Whatever it does not know, it
 * leaves to the general way, which has the last word on what is valid. What it gains is told at TxnWriter.
 */
export class TxnReader {
  readonly #texts = new KnownTexts()
  readonly #scratch = new Uint8Array(8)
  readonly #float = new DataView(this.#scratch.buffer, this.#scratch.byteOffset)
  #bytes: Uint8Array = this.#scratch
  #at = 0
  /** The id that was last found to be one. */
  #session: SessionId = NO_SESSION

  /** The txn, its data being a view on the bytes; null for one that this cannot read. */
  decode(bytes: Uint8Array): Txn | null {
    const isCreate = bytes[1] === Kind.create
    if (!isCreate && bytes[1] !== Kind.setData) return null
    if (bytes[0] !== (FIX_ARRAY | (HEAD_FIELDS + (isCreate ? CREATE_FIELDS : SET_DATA_FIELDS)))) return null
    this.#bytes = bytes
    this.#at = 2
    const session = this.#sessionId()
    const cxid = this.#number()
    const origin = this.#number()
    const tag = this.#number()
    const time = this.#number()
    const path = this.#text(isCreate)
    const data = this.#data()
    const isHead = Number.isSafeInteger(cxid) && Number.isSafeInteger(time) && Number.isSafeInteger(origin) &&
      origin >= 0 && Number.isSafeInteger(tag) && tag >= 0
    if (session === null || !isHead || path === null || path.charCodeAt(0) !== 0x2f || data === undefined) return null
    const body = isCreate ? this.#create(path, data) : this.#setData(path, data)
    return body === null || this.#at !== bytes.length ? null : { session, cxid, origin, tag, time, body }
  }

  #setData(path: string, data: Uint8Array | null): Txn['body'] | null {
    const version = this.#number()
    return (version | 0) === version ? { kind: 'setData', path, data, version } : null
  }

  #create(path: string, data: Uint8Array | null): Txn['body'] | null {
    const isOpen = this.#number() === 0
    const nodeKind = this.#number()
    const owner = this.#sessionId()
    const ttlMs = this.#number()
    const parentCreates = this.#number()
    const op = this.#number()
    const isKind = nodeKind === 0 || nodeKind === 1 || nodeKind === 2 || nodeKind === 3
    if (!isOpen || !isKind || owner === null || !Number.isSafeInteger(ttlMs) || ttlMs < 0 ||
      !Number.isSafeInteger(parentCreates) || (op !== 1 && op !== 15 && op !== 19 && op !== 21)) return null
    return {
      kind: 'create', path, data, acl: OPEN_ACL, nodeKind: nodeKind as NodeKindNumber, owner, ttlMs, parentCreates, op,
    }
  }

  #sessionId(): SessionId | null {
    if (this.#bytes[this.#at] === 0) {
      this.#at++
      return NO_SESSION
    }
    const text = this.#text()
    if (text === this.#session) return this.#session
    if (!isSessionId(text)) return null
    this.#session = text
    return text
  }

  /** NONE for what is not a number of the forms that are written. */
  #number(): number {
    const bytes = this.#bytes
    const at = this.#at
    const first = bytes[at]!
    if (first < 0x80 || first >= 0xe0) {
      this.#at = at + 1
      return first < 0x80 ? first : first - 0x100
    }
    switch (first) {
      case 0xcc:
        this.#at = at + 2
        return bytes[at + 1] ?? NONE
      case 0xcd:
        this.#at = at + 3
        return (bytes[at + 1]! << 8) | bytes[at + 2]!
      case 0xce: case 0xd2: {
        this.#at = at + 5
        const value = (bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!
        return first === 0xce ? value >>> 0 : value
      }
      case 0xcb: {
        this.#at = at + 9
        const scratch = this.#scratch
        for (let i = 0; i < 8; i++) scratch[i] = bytes[at + 1 + i]!
        return this.#float.getFloat64(0)
      }
      default: return NONE
    }
  }

  /** Null for what is no short text in ASCII. `isNew`: it hardly came before. */
  #text(isNew = false): string | null {
    const first = this.#bytes[this.#at]!
    let head = 1
    let length = first & 0x1f
    if (first === 0xd9) {
      head = 2
      length = this.#bytes[this.#at + 1]!
    } else if ((first & 0xe0) !== 0xa0) {
      return null
    }
    const from = this.#at + head
    if (!(from + length <= this.#bytes.length)) return null
    this.#at = from + length
    return isNew ? this.#texts.newAscii(this.#bytes, from, length) : this.#texts.ascii(this.#bytes, from, length)
  }

  /** Undefined for what is neither null nor bytes. */
  #data(): Uint8Array | null | undefined {
    const bytes = this.#bytes
    const at = this.#at
    let from = at + 2
    let length = bytes[at + 1]!
    switch (bytes[at]) {
      case 0xc0:
        this.#at = at + 1
        return null
      case 0xc4: break
      case 0xc5:
        length = (length << 8) | bytes[at + 2]!
        from = at + 3
        break
      default: return undefined
    }
    if (!(from + length <= bytes.length)) return undefined
    this.#at = from + length
    // `subarray` takes twice as long.
    return new Uint8Array(bytes.buffer, bytes.byteOffset + from, length)
  }
}
