import { isZkError } from '../../lib/core/errors.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { Txn, TxnBody } from '../../lib/core/tree/txn.ts'
import { Packing } from '../../lib/wire/pack.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { TxnReader } from '../../lib/wire/txn-reader.ts'
import { TxnWriter } from '../../lib/wire/txn-writer.ts'
import { assert, suite } from '../harness.ts'
import { session, setData, txns } from './txns.ts'

const test = suite('txn codec')

test('every body comes back as it went, in plain Uint8Arrays', () => {
  const codec = makeTxnCodec()
  for (const txn of txns) {
    const bytes = codec.encodeTxn(txn)
    assert.is(bytes.constructor, Uint8Array)
    assert.equal(codec.decodeTxn(bytes), txn)
    assert.equal(codec.decodeTxn(Buffer.from(bytes)), txn)
  }
  const [first] = txns
  const decoded = codec.decodeTxn(Buffer.from(codec.encodeTxn(first!)))
  assert.ok(decoded.body.kind === 'create' && decoded.body.data?.constructor === Uint8Array)
})

test('encoded bytes stay what they were while others are encoded', () => {
  const codec = makeTxnCodec()
  const encoded = Array.from({ length: 3_000 }, (_, index) => {
    const data = new Uint8Array(index % 500 === 0 ? 200_000 : index).fill(index % 251)
    const txn: Txn = { ...txns[0]!, cxid: index, body: { kind: 'setData', path: '/p', data, version: index } }
    return { txn, bytes: codec.encodeTxn(txn) }
  })
  for (const { txn, bytes } of encoded) {
    const decoded = codec.decodeTxn(bytes)
    assert.ok(decoded.body.kind === 'setData' && txn.body.kind === 'setData')
    assert.is(decoded.cxid, txn.cxid)
    assert.is(Buffer.compare(decoded.body.data!, txn.body.data!), 0)
  }
})

test('snapshot rows come back, and what is no list of rows is refused', () => {
  const codec = makeTxnCodec()
  const rows = [['/a', Uint8Array.of(1), 2 ** 40, null, [1, 'x']], []]
  assert.equal(codec.decodeRows(codec.encodeRows(rows)), rows)
  for (const wrong of [7, [7], ['x'], [[1], { a: 1 }], null]) {
    const bytes = new Packing().pack(wrong)
    assert.throws(() => codec.decodeRows(bytes), (error: unknown) => isZkError(error, 'BadFrame'),
      JSON.stringify(wrong))
  }
})

test('wrong values are refused one by one', () => {
  const packing = new Packing()
  const codec = makeTxnCodec()
  const good = [3, 0, 1, 1, 1, 1, '/p', null, 1]
  assert.is(codec.decodeTxn(packing.pack(good)).body.kind, 'setData')
  const wrong: readonly (readonly [number, unknown])[] = [
    [0, 99], [0, '3'], [1, '0x00'], [1, 'x'], [2, 1.5], [3, -1], [4, null], [5, 2n ** 60n], [6, 'p'], [6, 7],
      [7, 'text'],
    [8, 2 ** 31], [8, undefined],
  ]
  for (const [at, value] of wrong) {
    const fields: unknown[] = [...good]
    fields[at] = value
    assert.throws(() => codec.decodeTxn(packing.pack(fields)), (error: unknown) => isZkError(error, 'BadFrame'),
      `${at}: ${String(value)}`)
  }
  for (const length of [0, 1, 5, 8, 10]) {
    assert.throws(() => codec.decodeTxn(packing.pack([...good, 1].slice(0, length))),
      (error: unknown) => isZkError(error, 'BadFrame'), `length ${length}`)
  }
})

test('bytes that are cut, lengthened or changed give BadFrame or a valid txn, and nothing else', () => {
  const codec = makeTxnCodec()
  const random = makeRandom(3)
  let refused = 0
  for (const txn of txns) {
    const bytes = codec.encodeTxn(txn)
    for (let round = 0; round < 400; round++) {
      const changed = bytes.slice(0, round % 3 === 0 ? random.below(bytes.length + 1) : bytes.length)
      if (round % 3 !== 0) changed[random.below(changed.length)] = random.below(256)
      const tried = round % 5 === 0 ? Buffer.concat([changed, Uint8Array.of(random.below(256))]) : changed
      try {
        codec.decodeTxn(tried)
      } catch (error) {
        assert.ok(isZkError(error, 'BadFrame'), String(error))
        refused += 1
      }
    }
  }
  assert.ok(refused > 1_000)
})

const NUMBERS: readonly number[] = [
  0, 1, 31, 32, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER,
  -1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER,
]

/** What a packed array of fields would be. */
function fieldsOf({ session: id, cxid, origin, tag, time, body }: Txn): readonly unknown[] {
  const owner = (each: SessionId): SessionId | 0 => each === NO_SESSION ? 0 : each
  if (body.kind === 'setData') return [3, owner(id), cxid, origin, tag, time, body.path, body.data, body.version]
  if (body.kind !== 'create') throw new TypeError('only creates and setDatas')
  return [1, owner(id), cxid, origin, tag, time, body.path, body.data, 0, body.nodeKind, owner(body.owner), body.ttlMs,
    body.parentCreates, body.op]
}

test('creates and setDatas are written straight as they would be packed, and read again', () => {
  const writer = new TxnWriter()
  const reader = new TxnReader()
  const packing = new Packing()
  const random = makeRandom(11)
  const ids = [NO_SESSION, '0x100000001' as SessionId, session]
  const draw = (least: number): number => {
    const fit = NUMBERS.filter((number) => number >= least)
    return fit[random.below(fit.length)]!
  }
  let read = 0
  for (let round = 0; round < 2_000; round++) {
    const path = `/${'p'.repeat(random.below(random.below(2) === 0 ? 40 : 400))}`
    const size = random.below(random.below(2) === 0 ? 300 : 3_000)
    const data = random.below(5) === 0 ? null : new Uint8Array(size).fill(7)
    const body: TxnBody = random.below(2) === 0 ? { kind: 'setData', path, data, version: draw(-Infinity) | 0 } : {
      kind: 'create', path, data, acl: OPEN_ACL, nodeKind: 3, owner: ids[random.below(3)]!, ttlMs: draw(0),
      parentCreates: draw(-Infinity), op: 21,
    }
    const txn: Txn = {
      session: ids[random.below(3)]!, cxid: draw(-Infinity), origin: draw(0), tag: draw(0), time: draw(-Infinity), body,
    }
    const written = writer.encode(txn)
    assert.ok(written !== null)
    const packed = packing.pack(fieldsOf(txn))
    // A number that needs two bytes and is negative may stand in four.
    if (NUMBERS.every((number) => number >= -32 || !fieldsOf(txn).includes(number))) assert.equal(written, packed)
    assert.equal(makeTxnCodec().decodeTxn(written), txn)
    const again = reader.decode(packed)
    if (again !== null) assert.equal(again, txn)
    if (again !== null) read += 1
  }
  // Long paths and negative numbers are left to the general way.
  assert.ok(read > 500)
})

test('what is rare, long or not in ASCII is left to the general way', () => {
  const writer = new TxnWriter()
  const reader = new TxnReader()
  const packing = new Packing()
  const left = txns.filter(({ body }) => body.kind !== 'setData')
  for (const txn of left) assert.is(writer.encode(txn), null, txn.body.kind)
  const long: Txn = { ...txns[0]!, body: { ...setData, data: new Uint8Array(70_000) } }
  assert.is(writer.encode(long), null)
  assert.is(reader.decode(packing.pack(fieldsOf({ ...txns[0]!, body: { ...setData, path: '/ä' } }))), null)
})

test('deep nesting and false lengths neither overflow the stack nor allocate what they announce', () => {
  const codec = makeTxnCodec()
  const deep = new Uint8Array(1_000_000).fill(0x91)
  const wide = Uint8Array.of(0xdd, 0x7f, 0xff, 0xff, 0xff)
  const blob = Uint8Array.of(0xc6, 0x7f, 0xff, 0xff, 0xff, 1)
  const map = Uint8Array.of(0xdf, 0x7f, 0xff, 0xff, 0xff, 1)
  for (const bytes of [deep, wide, blob, map, new Uint8Array(0)]) {
    assert.throws(() => codec.decodeTxn(bytes), (error: unknown) => isZkError(error, 'BadFrame'))
  }
})

test.run()
