/** What foreign clients and a peer said to each other, as it was recorded, and ways to spoil it. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import type { Request } from '../../lib/core/tree/request.ts'
import { makeFrame } from '../../lib/wire/frame.ts'
import type { JuteReader } from '../../lib/wire/jute/reader.ts'
import { readConnectRequest, readConnectResponse, writeConnectRequest, writeConnectResponse, writeEvent, Xid }
  from '../../lib/wire/jute/records.ts'
import { readOutcome, writePlainReply, writeReply } from '../../lib/wire/jute/replies.ts'
import { readAuth, readRequest, WireOp, writeAuth, writeRequest } from '../../lib/wire/jute/requests.ts'
import type { JuteWriter } from '../../lib/wire/jute/writer.ts'

/** One frame without its length. */
export interface Said {
  readonly isClient: boolean
  readonly payload: Uint8Array
}

/** One connection, in the order in which its frames passed. */
export interface Conversation {
  readonly name: string
  readonly frames: readonly Said[]
}

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'captures')

/** Every connection of every file. */
export function readCaptures(): readonly Conversation[] {
  return readdirSync(FOLDER).filter((file) => file.endsWith('.hex')).sort().flatMap((file) => {
    const connections = new Map<string, Said[]>()
    for (const line of readFileSync(join(FOLDER, file), 'utf8').trim().split('\n')) {
      const [connection = '', sign, hex = ''] = line.split(' ')
      const frames = connections.get(connection) ?? []
      connections.set(connection, frames)
      frames.push({ isClient: sign === '>', payload: new Uint8Array(Buffer.from(hex, 'hex')).subarray(4) })
    }
    return [...connections].map(([connection, frames]) => ({ name: `${file} ${connection}`, frames }))
  })
}

/** Writes the frame again that was read. */
export type Again = (writer: JuteWriter) => void

/** A decoded frame: its values, and how the codec writes them; null when it never writes this one. */
export interface Decoded {
  readonly value: unknown
  readonly again: Again | null
}

/** Decodes what one connection says, in both directions. */
export class Listener {
  /** Requests by xid: a reply alone does not say what it is one to. */
  readonly #asked = new Map<number, Request>()
  #isClientGreeted = false
  #isPeerGreeted = false

  /** Throws MarshallingError. */
  take(isClient: boolean, reader: JuteReader): Decoded {
    return isClient ? this.#request(reader) : this.#reply(reader)
  }

  #request(reader: JuteReader): Decoded {
    if (!this.#isClientGreeted) {
      this.#isClientGreeted = true
      const value = readConnectRequest(reader)
      return { value, again: (writer) => writeConnectRequest(writer, value) }
    }
    const xid = reader.int()
    const op = reader.int()
    if (op === WireOp.auth) {
      const value = readAuth(reader)
      const { scheme, auth } = value
      return { value, again: auth === null ? null : (writer) => writeAuth(writer, xid, scheme, auth) }
    }
    const request = readRequest(op, reader)
    if (request === null) return { value: null, again: null }
    this.#asked.set(xid, request)
    return { value: request, again: (writer) => writeRequest(writer, xid, request) }
  }

  #reply(reader: JuteReader): Decoded {
    if (!this.#isPeerGreeted) {
      this.#isPeerGreeted = true
      const value = readConnectResponse(reader)
      return { value, again: (writer) => writeConnectResponse(writer, value) }
    }
    const xid = reader.int()
    const zxid = reader.long()
    const number = reader.int()
    if (xid === Xid.notification) {
      const type = reader.int()
      reader.int()
      const path = reader.textOf('path')
      return { value: path, again: (writer) => writeEvent(writer, { type, path, zxid }) }
    }
    const request = this.#asked.get(xid)
    if (request === undefined) return { value: number, again: (writer) => writePlainReply(writer, xid, zxid, number) }
    const outcome = readOutcome(number, request, reader)
    return { value: outcome, again: (writer) => writeReply(writer, xid, zxid, outcome) }
  }
}

// --- spoiling --------------------------------------------------------------------------------------------------------

/** Numbers that a length, a count or a version had better not be. */
const EXTREMES = [
  0, 1, -1, -2, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, 2 ** 24, 1_048_575, 1_048_576, 65_536, 255, 0x73727672, 0x00ffffff,
] as const

/** One change; every place is taken modulo what there is. */
export type Edit =
  | { readonly kind: 'flip', readonly at: number, readonly bit: number }
  | { readonly kind: 'cut', readonly at: number }
  | { readonly kind: 'word', readonly at: number, readonly value: number }
  | { readonly kind: 'head', readonly frame: number, readonly value: number }
  | { readonly kind: 'splice', readonly at: number, readonly other: number, readonly frame: number }
  | { readonly kind: 'again', readonly from: number, readonly bytes: number, readonly at: number }
  | { readonly kind: 'lose', readonly from: number, readonly bytes: number }

const place = fc.nat({ max: 100_000 })
const edits: Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 7 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('word' as const), at: place, value: fc.constantFrom(...EXTREMES) }),
  fc.record({ kind: fc.constant('head' as const), frame: place, value: fc.constantFrom(...EXTREMES) }),
  fc.record({ kind: fc.constant('splice' as const), at: place, other: place, frame: place }),
  fc.record({ kind: fc.constant('again' as const), from: place, bytes: fc.nat({ max: 80 }), at: place }),
  fc.record({ kind: fc.constant('lose' as const), from: place, bytes: fc.nat({ max: 20 }) }),
)

/** What is to be spoilt, and how. */
export interface Spoiling {
  readonly conversation: number
  readonly from: number
  readonly frames: number
  /** The changes are made within frames, whose lengths are right then. */
  readonly isFramed: boolean
  readonly edits: readonly Edit[]
  /** Sizes of the pieces in which the stream arrives, over and over. */
  readonly pieces: readonly number[]
}

export const spoilings: Arbitrary<Spoiling> = fc.record({
  conversation: place, from: place, frames: fc.integer({ min: 1, max: 12 }), isFramed: fc.boolean(),
  edits: fc.array(edits, { minLength: 1, maxLength: 6 }),
  pieces: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
})

function putWord(bytes: Uint8Array, at: number, value: number): void {
  if (at + 4 <= bytes.length) new DataView(bytes.buffer, bytes.byteOffset).setInt32(at, value)
}

/** A new array with the change made in it; heads are those of whole frames in `bytes`. */
function spoil(bytes: Uint8Array, edit: Edit, heads: readonly number[], insert: Uint8Array): Uint8Array {
  const length = Math.max(1, bytes.length)
  const copy = bytes.slice()
  switch (edit.kind) {
    case 'flip':
      if (copy.length > 0) copy[edit.at % length]! ^= 1 << edit.bit
      return copy
    case 'cut': return copy.subarray(0, edit.at % length)
    case 'word': putWord(copy, edit.at % length, edit.value); return copy
    case 'head':
      if (heads.length > 0) putWord(copy, heads[edit.frame % heads.length]!, edit.value)
      return copy
    case 'splice': return joined([copy.subarray(0, edit.at % length), insert, copy.subarray(edit.at % length)])
    case 'again': {
      const from = edit.from % length
      const piece = copy.subarray(from, from + edit.bytes)
      return joined([copy.subarray(0, edit.at % length), piece, copy.subarray(edit.at % length)])
    }
    case 'lose': {
      const from = edit.from % length
      return joined([copy.subarray(0, from), copy.subarray(from + edit.bytes)])
    }
  }
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** The stream of one side of a conversation, spoilt. `first` stands before it, untouched. */
export function spoilt(
  all: readonly Conversation[], isClient: boolean, spoiling: Spoiling, first: readonly Uint8Array[] = [],
): Uint8Array {
  const sideOf = (index: number): readonly Uint8Array[] =>
    all[index % all.length]!.frames.filter((said) => said.isClient === isClient).map(({ payload }) => payload)
  const whole = sideOf(spoiling.conversation)
  const from = spoiling.from % whole.length
  let payloads = whole.slice(from, from + spoiling.frames)
  if (spoiling.isFramed) {
    for (const edit of spoiling.edits) {
      const which = ('at' in edit ? edit.at : 'from' in edit ? edit.from : edit.frame) % payloads.length
      const other = edit.kind === 'splice' ? sideOf(edit.other) : []
      const insert = edit.kind === 'splice' ? other[edit.frame % other.length]! : new Uint8Array(0)
      payloads = payloads.map((payload, index) => index === which ? spoil(payload, edit, [], insert) : payload)
    }
    return joined([...first, ...payloads].map(makeFrame))
  }
  const heads: number[] = []
  let at = 0
  for (const payload of payloads) {
    heads.push(at)
    at += 4 + payload.length
  }
  let bytes = joined(payloads.map(makeFrame))
  for (const edit of spoiling.edits) {
    const other = edit.kind === 'splice' ? sideOf(edit.other) : []
    const insert = edit.kind === 'splice' ? makeFrame(other[edit.frame % other.length]!) : new Uint8Array(0)
    bytes = spoil(bytes, edit, heads, insert)
  }
  return joined([...first.map(makeFrame), bytes])
}

/** The stream in the pieces in which it arrives. */
export function piecesOf(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const size = sizes[pieces.length % sizes.length]!
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}
