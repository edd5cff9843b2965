/** Generators of every record of ZooKeeper's client protocol, and the small tools that cases about them share. */
import * as fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import { ERROR_CODES } from '../../lib/core/errors.ts'
import type { ErrorCode } from '../../lib/core/errors.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Acl, MultiOp, OpResult, Outcome, Request, Result, WatchableRead } from '../../lib/core/tree/request.ts'
import type { SessionId, Stat } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import type { ConnectRequest, ConnectResponse } from '../../lib/wire/jute/records.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'

/** The bytes of hexadecimal digits; white space means nothing. */
export function bytesOf(hex: string): Uint8Array {
  const digits = hex.replace(/\s+/g, '')
  return new Uint8Array(Buffer.from(digits, 'hex'))
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** The frame that `write` writes, with its length. */
export function written(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter()
  write(writer)
  return writer.frame().slice()
}

/** A reader of a frame, behind its length. */
export function readerOf(frame: Uint8Array): JuteReader {
  return new JuteReader().reset(frame.subarray(4))
}

/** Records as the codec makes them: with a prototype. */
function record<T>(fields: { [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as Arbitrary<T>
}

// Around the lengths at which the codec changes its ways: 48 characters and 96 bytes.
const BORDERS = [0, 1, 47, 48, 49, 95, 96, 97, 300]

/** Well-formed texts: plain ones of border lengths, and any others. */
export const texts: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...BORDERS).map((length) => 'x'.repeat(length)),
  fc.constantFrom(...BORDERS).map((length) => `${'a'.repeat(Math.max(0, length - 1))}\u00e9`),
  fc.constantFrom('', '/', '/a', '\ufeff', '\ufeff/a', '/\u0000', '\u20ac'.repeat(32), '\u{1d11e}'.repeat(12)),
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc.string({ maxLength: 60 }),
)
const ints: Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 65_536), fc.integer(),
)
/** Numbers of 64 bits as far as they are exact here. */
export const longs: Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53 - 1)),
  fc.maxSafeInteger(),
)
const zxids = longs as Arbitrary<Zxid>
/** Ids of 64 bits, those with the highest bit among them. */
export const sessions: Arbitrary<SessionId> = fc.oneof(
  fc.constantFrom(0n, 1n, 0xffffffffn, 0x100000000n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
).map((id) => `0x${id.toString(16)}` as SessionId)
const bytes: Arbitrary<Uint8Array> = fc.oneof(
  fc.constantFrom(new Uint8Array(0), Uint8Array.of(0), new Uint8Array(70_000).fill(7)),
  fc.uint8Array({ maxLength: 200 }),
)
const data: Arbitrary<Uint8Array | null> = fc.option(bytes, { nil: null })
const lists: Arbitrary<string[]> = fc.array(texts, { maxLength: 5 })
const aclLists: Arbitrary<readonly Acl[]> = fc.oneof(
  fc.constant(OPEN_ACL), fc.array(record({ perms: ints, scheme: texts, id: texts }), { maxLength: 4 }),
)
const acls: Arbitrary<readonly Acl[] | null> = fc.option(aclLists, { nil: null })

export const stats: Arbitrary<Stat> = record({
  czxid: zxids, mzxid: zxids, ctime: longs, mtime: longs, version: ints, cversion: ints, aversion: ints,
  ephemeralOwner: sessions, dataLength: ints, numChildren: ints, pzxid: zxids,
})

export const connectRequests: Arbitrary<ConnectRequest> = record({
  lastZxidSeen: zxids, timeoutMs: ints, session: sessions, password: bytes,
  readOnly: fc.constantFrom(null, false, true),
})
export const connectResponses: Arbitrary<ConnectResponse> = record({
  timeoutMs: ints, session: sessions, password: bytes, readOnly: fc.constantFrom(null, false, true),
})

const creates = record({
  op: fc.constantFrom(1, 15, 19), path: texts, data, acl: acls, flags: ints, ttlMs: fc.constant(-1),
}) as Arbitrary<MultiOp>
const ttlCreates = record({
  op: fc.constant(21), path: texts, data, acl: acls, flags: ints, ttlMs: longs,
}) as Arbitrary<MultiOp>
const versioned = record({ op: fc.constantFrom(2, 13), path: texts, version: ints }) as Arbitrary<MultiOp>
const sets = record({ op: fc.constant(5), path: texts, data, version: ints }) as Arbitrary<MultiOp>
const multiOps: Arbitrary<MultiOp> = fc.oneof(creates, ttlCreates, versioned, sets)
const reads = (...ops: number[]): Arbitrary<WatchableRead> =>
  record({ op: fc.constantFrom(...ops), path: texts, watch: fc.boolean() }) as Arbitrary<WatchableRead>

const rearmed = { relativeZxid: zxids, data: lists, exist: lists, child: lists }
const changes = fc.option(texts)
const others = fc.oneof(
  record({ op: fc.constantFrom(6, 9, 103, 104), path: texts }),
  record({ op: fc.constant(7), path: texts, acl: acls, version: ints }),
  record({ op: fc.constant(14), ops: fc.array(multiOps, { maxLength: 6 }) }),
  record({ op: fc.constant(22), ops: fc.array(reads(4, 8), { maxLength: 6 }) }),
  record({ op: fc.constantFrom(17, 18), path: texts, type: ints }),
  record({ op: fc.constant(16), joining: changes, leaving: changes, members: changes, version: longs }),
  record({ op: fc.constant(101), ...rearmed, persistent: fc.constant([]), recursive: fc.constant([]) }),
  record({ op: fc.constant(105), ...rearmed, persistent: lists, recursive: lists }),
  record({ op: fc.constant(106), path: texts, mode: ints }),
  record({ op: fc.constantFrom(11, 107, -11) }),
) as Arbitrary<Request>

/** Every request that a client may make. */
export const requests: Arbitrary<Request> = fc.oneof(multiOps, reads(3, 4, 8, 12), others) as Arbitrary<Request>

/** The request without its content: what a reader of the reply must know of it. */
export const requestOf = (op: number): Request => ({ op }) as Request

/** Codes that have a number on the wire. */
const codes = (Object.keys(ERROR_CODES) as ErrorCode[]).filter((code) => ERROR_CODES[code][0] !== 0)
const failures = fc.constantFrom(...codes) as Arbitrary<Exclude<ErrorCode, 'Ok'>>

const result = (op: number, fields: object): Arbitrary<Result> =>
  record({ op: fc.constant(op), ...fields }) as Arbitrary<Result>

/** Of whom a client is told only the user. */
const users = record({ scheme: fc.constantFrom('ip', 'sasl', 'x509', 'digest'), id: fc.stringMatching(/^[^:]*$/) })

const inMulti = [
  result(1, { path: texts }), result(2, {}), result(5, { stat: stats }), result(13, {}),
  result(15, { path: texts, stat: stats }), result(4, { data, stat: stats }), result(8, { children: lists }),
]
const entries: Arbitrary<OpResult> = fc.oneof(
  record({ op: fc.constant(-1), code: fc.constantFrom('Ok' as const, ...codes) }) as Arbitrary<OpResult>, ...inMulti,
)

/** Every result that a reply can carry. */
export const results: Arbitrary<Result> = fc.oneof(
  ...inMulti, result(9, { path: texts }),
  ...[19, 21].map((op) => result(op, { path: texts, stat: stats })), ...[3, 7].map((op) => result(op, { stat: stats })),
  result(6, { acl: aclLists, stat: stats }), result(12, { children: lists, stat: stats }),
  ...[11, 17, 18, 101, 105, 106, -11].map((op) => result(op, {})),
  ...[14, 22].map((op) => result(op, { results: fc.array(entries, { maxLength: 6 }) })),
  result(103, { paths: lists }), result(104, { total: ints }),
  result(107, { identities: fc.array(users, { maxLength: 4 }) }),
)

/** Every reply: its request's opcode, and what it came to. */
export const replies: Arbitrary<{ readonly op: number, readonly outcome: Outcome }> = fc.oneof(
  { weight: 8, arbitrary: results.map((of) => ({ op: of.op, outcome: { code: 'Ok' as const, result: of } })) },
  {
    weight: 1,
    arbitrary: fc.tuple(ints, failures).map(([op, code]) => ({ op, outcome: { code, result: null } })),
  },
)
