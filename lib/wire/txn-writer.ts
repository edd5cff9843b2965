import { OPEN_ACL } from '../core/tree/request.ts'
import type { SessionId } from '../core/tree/stat.ts'
import { NO_SESSION } from '../core/tree/stat.ts'
import type { CreateTxn, SetDataTxn, Txn } from '../core/tree/txn.ts'
import { HEAD_FIELDS, Kind, CREATE_FIELDS, SET_DATA_FIELDS } from './txn-kind.ts'

/** Results share memory in pieces of this size. */
const SLAB_BYTES = 64 * 1024
/** Data and path together: what is longer gains nothing here. */
const LONGEST = 4 * 1024
/** What everything else in a txn takes at most. */
const FIELDS_BYTES = 192

const FIX_ARRAY = 0x90
const NIL = 0xc0
const BIN_8 = 0xc4
const BIN_16 = 0xc5
const FLOAT_64 = 0xcb
const UINT_8 = 0xcc
const UINT_16 = 0xcd
const UINT_32 = 0xce
const INT_32 = 0xd2
const FIX_STRING = 0xa0
const STRING_8 = 0xd9
const STRING_16 = 0xda

/**
 * Writes the txns that nearly all are, setData and create of a node that anybody may use, in the layout of txn.ts,
 * straight into memory: no array of fields in between, no buffer of somebody else's to copy from. Measured in memory
 * against packing such an array, with TxnReader: a fifth less CPU time for a set, on one peer and on three, a tenth for
 * a create.
 */
export class TxnWriter {
  #memory = new ArrayBuffer(0)
  #slab = new Uint8Array(this.#memory)
  #view = new DataView(this.#memory)
  #at = 0

  /** The txn's bytes, which nobody writes to again; null for one that this cannot write. */
  encode({ session, cxid, origin, tag, time, body }: Txn): Uint8Array | null {
    if (body.kind !== 'setData' && body.kind !== 'create') return null
    const length = body.path.length + (body.data === null ? 0 : body.data.length)
    if (length > LONGEST) return null
    if (this.#at + length + FIELDS_BYTES > this.#slab.length) {
      this.#memory = new ArrayBuffer(SLAB_BYTES)
      this.#slab = new Uint8Array(this.#memory)
      this.#view = new DataView(this.#memory)
      this.#at = 0
    }
    const start = this.#at
    const isCreate = body.kind === 'create'
    this.#byte(FIX_ARRAY | (HEAD_FIELDS + (isCreate ? CREATE_FIELDS : SET_DATA_FIELDS)))
    this.#byte(isCreate ? Kind.create : Kind.setData)
    const isHead = this.#session(session)
    this.#number(cxid)
    this.#number(origin)
    this.#number(tag)
    this.#number(time)
    if (!isHead || !(isCreate ? this.#create(body) : this.#setData(body))) {
      this.#at = start
      return null
    }
    // `subarray` takes 50 ns, and this 22.
    return new Uint8Array(this.#memory, start, this.#at - start)
  }

  #setData({ path, data, version }: SetDataTxn): boolean {
    if (!this.#text(path)) return false
    this.#data(data)
    this.#number(version)
    return true
  }

  #create({ path, data, acl, nodeKind, owner, ttlMs, parentCreates, op }: CreateTxn): boolean {
    if (acl !== OPEN_ACL || !this.#text(path)) return false
    this.#data(data)
    this.#byte(0)
    this.#byte(nodeKind)
    if (!this.#session(owner)) return false
    this.#number(ttlMs)
    this.#number(parentCreates)
    this.#byte(op)
    return true
  }

  #byte(value: number): void {
    this.#slab[this.#at++] = value
  }

  #session(id: SessionId): boolean {
    if (id !== NO_SESSION) return this.#text(id)
    this.#byte(0)
    return true
  }

  #number(value: number): void {
    if (value >>> 0 === value) this.#unsigned(value)
    else if ((value | 0) === value && value >= -0x20) this.#byte(value)
    else if ((value | 0) === value) {
      this.#byte(INT_32)
      this.#view.setInt32(this.#at, value)
      this.#at += 4
    } else {
      this.#byte(FLOAT_64)
      this.#view.setFloat64(this.#at, value)
      this.#at += 8
    }
  }

  #unsigned(value: number): void {
    const slab = this.#slab
    let at = this.#at
    if (value < 0x80) {
      slab[at++] = value
    } else if (value < 0x100) {
      slab[at++] = UINT_8
      slab[at++] = value
    } else if (value < 0x10000) {
      slab[at++] = UINT_16
      slab[at++] = value >>> 8
      slab[at++] = value
    } else {
      slab[at] = UINT_32
      this.#view.setUint32(at + 1, value)
      at += 5
    }
    this.#at = at
  }

  /** False when a character does not fit one byte. */
  #text(text: string): boolean {
    const slab = this.#slab
    const { length } = text
    let at = this.#at
    if (length < 0x20) {
      slab[at++] = FIX_STRING | length
    } else if (length < 0x100) {
      slab[at++] = STRING_8
      slab[at++] = length
    } else {
      slab[at++] = STRING_16
      slab[at++] = length >>> 8
      slab[at++] = length
    }
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      slab[at++] = code
    }
    this.#at = at
    return true
  }

  #data(data: Uint8Array | null): void {
    if (data === null) {
      this.#byte(NIL)
      return
    }
    const { length } = data
    if (length < 0x100) {
      this.#byte(BIN_8)
    } else {
      this.#byte(BIN_16)
      this.#byte(length >>> 8)
    }
    this.#byte(length)
    this.#slab.set(data, this.#at)
    this.#at += length
  }
}
