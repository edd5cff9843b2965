import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Outcome, Request } from '../../lib/core/tree/request.ts'
import { isZkError } from '../../lib/core/errors.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { FrameReader } from '../../lib/wire/frame.ts'
import { Outgoing } from '../../lib/wire/jute/outgoing.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import type { ConnectRequest, ConnectResponse } from '../../lib/wire/jute/records.ts'
import {
  readAcl, readConnectRequest, readConnectResponse, writeAcl, writeConnectRequest, writeConnectResponse, writeEvent,
} from '../../lib/wire/jute/records.ts'
import { readOutcome, writeNullReply, writePlainReply, writeReply } from '../../lib/wire/jute/replies.ts'
import { readAuth, readRequest, writeAuth, writeRequest } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { assert, suite } from '../harness.ts'
import { bytesOf, hexOf, readerOf, written } from './jute-records.ts'

const test = suite('jute')

const WORLD = '00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65'
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const same = (frame: Uint8Array, hex: string): void => assert.is(hexOf(frame), hexOf(bytesOf(hex)))

/** Both ways: the request makes these bytes, and they make the request. */
function isRequest(hex: string, xid: number, request: Request): void {
  same(written((writer) => writeRequest(writer, xid, request)), hex)
  const reader = readerOf(bytesOf(hex))
  assert.equal([reader.int(), reader.int()], [xid, request.op])
  assert.equal(readRequest(request.op, reader), request)
  assert.is(reader.left, 0)
}

function isReply(hex: string, xid: number, zxid: number, number: number, request: Request, outcome: Outcome): void {
  same(written((writer) => writeReply(writer, xid, zxid, outcome)), hex)
  const reader = readerOf(bytesOf(hex))
  assert.equal([reader.int(), reader.long(), reader.int()], [xid, zxid, number])
  assert.equal(readOutcome(number, request, reader), outcome)
}

test('a client that connects, with the bytes of the protocol', () => {
  const request: ConnectRequest = {
    lastZxidSeen: 0 as Zxid, timeoutMs: 30_000, session: '0x0' as SessionId, password: new Uint8Array(16),
    readOnly: false,
  }
  const zeros = '00000000000000000000000000000000'
  const hex = `0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 ${zeros} 00`
  same(written((writer) => writeConnectRequest(writer, request)), hex)
  assert.equal(readConnectRequest(readerOf(bytesOf(hex))), request)
  const old = hex.slice(0, -3).replace('0000002d', '0000002c')
  assert.equal(readConnectRequest(readerOf(bytesOf(old))), { ...request, readOnly: null })
  same(written((writer) => writeConnectRequest(writer, { ...request, readOnly: null })), old)
  const response: ConnectResponse = {
    timeoutMs: 30_000, session: '0x1000123456780000' as SessionId,
    password: bytesOf('fae18b1fff04a3066806fbaee07225b6'), readOnly: false,
  }
  const answer = '00000025 00000000 00007530 1000123456780000 00000010 fae18b1fff04a3066806fbaee07225b6 00'
  same(written((writer) => writeConnectResponse(writer, response)), answer)
  assert.equal(readConnectResponse(readerOf(bytesOf(answer))), response)
  const expired = `00000025 00000000 00000000 0000000000000000 00000010 ${zeros} 00`
  const over: ConnectResponse = {
    timeoutMs: 0, session: '0x0' as SessionId, password: new Uint8Array(16), readOnly: false,
  }
  same(written((writer) => writeConnectResponse(writer, over)), expired)
  assert.equal(readConnectResponse(readerOf(bytesOf(expired))), over)
})

test('a password may be null', () => {
  const reader = readerOf(bytesOf('0000001c 00000000 0000000000000000 00007530 0000000000000000 ffffffff'))
  assert.is(readConnectRequest(reader).password.length, 0)
})

test('create, and what it is answered', () => {
  const create: Request = { op: 1, path: '/a', data: text('hi'), acl: OPEN_ACL, flags: 0, ttlMs: -1 }
  isRequest(`00000033 00000001 00000001 00000002 2f61 00000002 6869 ${WORLD} 00000000`, 1, create)
  isReply('00000016 00000001 0000000000000002 00000000 00000002 2f61', 1, 2, 0, create,
    { code: 'Ok', result: { op: 1, path: '/a' } })
  isReply('00000010 00000002 0000000000000003 ffffff92', 2, 3, -110, create, { code: 'NodeExists', result: null })
})

test('ping, close, notification, authentication', () => {
  isRequest('00000008 fffffffe 0000000b', -2, { op: 11 })
  isReply('00000010 fffffffe 0000000000000003 00000000', -2, 3, 0, { op: 11 }, { code: 'Ok', result: { op: 11 } })
  isRequest('00000008 00000009 fffffff5', 9, { op: -11 })
  same(written((writer) => writeEvent(writer, { type: 3, path: '/a', zxid: 4 })),
    '0000001e ffffffff 0000000000000004 00000000 00000003 00000003 00000002 2f61')
  const auth = '00000024 fffffffc 00000064 00000000 00000006 646967657374 0000000a 626f623a736563726574'
  same(written((writer) => writeAuth(writer, -4, 'digest', text('bob:secret'))), auth)
  const reader = readerOf(bytesOf(auth))
  assert.equal([reader.int(), reader.int()], [-4, 100])
  assert.equal(readAuth(reader), { scheme: 'digest', auth: text('bob:secret') })
  same(written((writer) => writePlainReply(writer, 7, -1, -6)), '00000010 00000007 ffffffffffffffff fffffffa')
  same(written((writer) => writeNullReply(writer, 7, 0)), '00000014 00000007 0000000000000000 00000000 ffffffff')
})

test('multi, and what it is answered', () => {
  const multi: Request = { op: 14, ops: [
    { op: 1, path: '/a/x', data: new Uint8Array(0), acl: OPEN_ACL, flags: 0, ttlMs: -1 },
    { op: 13, path: '/a', version: 7 },
    { op: 2, path: '/b', version: -1 },
  ] }
  isRequest(`0000006b 00000005 0000000e
    00000001 00 ffffffff 00000004 2f612f78 00000000 ${WORLD} 00000000
    0000000d 00 ffffffff 00000002 2f61 00000007
    00000002 00 ffffffff 00000002 2f62 ffffffff
    ffffffff 01 ffffffff`, 5, multi)
  isReply(`00000040 00000005 0000000000000006 00000000
    ffffffff 00 00000000 00000000   ffffffff 00 ffffff99 ffffff99   ffffffff 00 fffffffe fffffffe
    ffffffff 01 ffffffff`, 5, 6, 0, multi, { code: 'Ok', result: { op: 14, results: [
    { op: -1, code: 'Ok' }, { op: -1, code: 'BadVersion' }, { op: -1, code: 'RuntimeInconsistency' },
  ] } })
  isReply(`0000003c 00000005 0000000000000006 00000000
    00000001 00 00000000 00000004 2f612f78   0000000d 00 00000000   00000002 00 00000000   ffffffff 01 ffffffff`,
  5, 6, 0, multi, { code: 'Ok', result: { op: 14, results: [{ op: 1, path: '/a/x' }, { op: 13 }, { op: 2 }] } })
  isRequest('00000011 00000001 0000000e ffffffff 01 ffffffff', 1, { op: 14, ops: [] })
})

test('addWatch is answered with a body', () => {
  const reply = written((writer) => writeReply(writer, 1, 2, { code: 'Ok', result: { op: 106 } }))
  same(reply, '00000014 00000001 0000000000000002 00000000 00000000')
})

test('null and empty are told apart', () => {
  const set = (hex: string): unknown => readRequest(5, readerOf(bytesOf(`00000000 00000002 2f61 ${hex} ffffffff`)))
  assert.equal(set('ffffffff'), { op: 5, path: '/a', data: null, version: -1 })
  assert.equal(set('00000000'), { op: 5, path: '/a', data: new Uint8Array(0), version: -1 })
  const acl = (hex: string): unknown => readAcl(readerOf(bytesOf(`00000000 ${hex}`)))
  assert.is(acl('ffffffff'), null)
  assert.equal(acl('fffffff0'), [])
  assert.equal(acl('00000000'), [])
  assert.equal(acl('00000001 0000001f 00000004 61757468 ffffffff'), [{ perms: 31, scheme: 'auth', id: '' }])
  assert.is(acl(WORLD), OPEN_ACL)
  const list = (written_: Uint8Array): string => hexOf(written_.subarray(4))
  const aclOf = (value: Parameters<typeof writeAcl>[1]): string => list(written((writer) => {
    writer.begin()
    writeAcl(writer, value)
    writer.end()
  }))
  assert.is(aclOf(null), 'ffffffff')
  assert.is(aclOf([]), '00000000')
  assert.is(aclOf(OPEN_ACL), aclOf([{ perms: 31, scheme: 'world', id: 'anyone' }]))
  const texts = (hex: string): unknown => new JuteReader().reset(bytesOf(hex)).texts()
  assert.equal(texts('ffffffff'), [])
  assert.equal(texts('80000000'), [])
  assert.equal(texts('00000001 00000000'), [''])
})

/** Each is no such record: opcode and body. */
const MALFORMED: readonly (readonly [op: number, hex: string])[] = [
  [1, ''], [1, '00000002 2f'], [3, '00000002 2f61'], [3, 'ffffffff 00'], [3, 'fffffffe 00'], [4, '7fffffff 2f61 00'],
  [5, '00000002 2f61 7fffffff 00000000'], [5, '00000002 2f61 80000000 00000000'],
  [7, '00000002 2f61 00000001 0000001f'],
  [7, '00000002 2f61 7fffffff 00000000'], [14, ''], [14, '00000001 00 ffffffff'],
  [14, '00000003 00 ffffffff 00000002 2f61 00'],
  [14, 'ffffffff 00 ffffffff'], [22, '00000003 00 ffffffff 00000002 2f61 00'], [101, '0000000000000000 7fffffff'],
  [105, '0000000000000000 00000000 00000000 00000000'], [101, '0000000000000000 00000001 ffffffff 00000000 00000000'],
  [101, '0000000000000000 ffffffff 00000000 00000000'], [101, '0000000000000000 00000000 00000000 ffffffff'],
  [105, '0000000000000000 00000000 00000000 00000000 00000000 ffffffff'],
  [16, 'ffffffff ffffffff ffffffff 00000000'],
]

test('what is no record', () => {
  for (const [op, hex] of MALFORMED) {
    let thrown: unknown = null
    try {
      readRequest(op, new JuteReader().reset(bytesOf(hex)))
    } catch (error) {
      thrown = error
    }
    assert.ok(isZkError(thrown, 'MarshallingError'), `${op} ${hex}`)
  }
  for (const op of [0, 10, 20, 23, 99, 100, 102, 108, -1, -10, -12]) {
    assert.is(readRequest(op, new JuteReader().reset(new Uint8Array(64))), null, `${op}`)
  }
})

test('a null path is refused by setData and setACL, empty for sync and getEphemerals, undecodable elsewhere', () => {
  const read = (op: number, hex: string): unknown => readRequest(op, new JuteReader().reset(bytesOf(hex)))
  assert.equal(read(5, 'ffffffff ffffffff ffffffff'), { op: 5, path: '', data: null, version: -1 })
  assert.equal(read(7, 'ffffffff 00000000 ffffffff'), { op: 7, path: '', acl: [], version: -1 })
  for (const op of [2, 3, 4, 6]) assert.throws(() => read(op, 'ffffffff ffffffff ffffffff'))
  for (const op of [9, 103]) assert.equal(read(op, 'ffffffff'), { op, path: '' })
  assert.throws(() => read(14, '0000000d 00 ffffffff ffffffff ffffffff ffffffff 01 ffffffff'))
})

test('what follows a record is ignored', () => {
  assert.equal(readRequest(6, readerOf(bytesOf('00000000 00000002 2f61 deadbeef'))), { op: 6, path: '/a' })
})

test('the same text read again and again, and others in its place', () => {
  const reader = new JuteReader()
  const random = makeRandom(11)
  for (let round = 0; round < 20_000; round++) {
    const value = `/n${random.below(9_000)}${'x'.repeat(random.below(3) * 45)}`
    assert.is(reader.reset(written((writer) => writer.text(value))).text(), value)
  }
})

test('a text that is cut where its bytes end keeps what came before', () => {
  const reader = new JuteReader()
  assert.is(reader.reset(bytesOf('00000003 2fc3a9')).text(), '/\u00e9')
  assert.is(reader.reset(bytesOf('00000002 2fc3')).text(), '/\ufffd')
  assert.is(reader.reset(bytesOf('00000004 efbbbf2f')).text(), '\ufeff/')
})

test('frames across the borders of the memory they are written to', () => {
  const writer = new JuteWriter()
  const frames = new FrameReader(1_000_000)
  const random = makeRandom(3)
  const kept: { readonly frame: Uint8Array, readonly data: Uint8Array }[] = []
  for (let round = 0; round < 2_000; round++) {
    const size = round % 100 === 0 ? 150_000 : random.below(700)
    const data = Uint8Array.from({ length: size }, (_, at) => at + round)
    const path = `/${'\u20ac'.repeat(random.below(40))}`
    writer.begin()
    writer.text(path)
    writer.data(data)
    writer.long(round)
    writer.end()
    kept.push({ frame: writer.frame(), data })
  }
  for (const [round, { frame, data }] of kept.entries()) {
    frames.push(frame)
    const whole = frames.next()
    assert.ok(whole !== null && frames.next() === null)
    const reader = new JuteReader().reset(whole)
    reader.text()
    assert.is(Buffer.compare(reader.data()!, data), 0)
    assert.is(reader.long(), round)
  }
})

test('what is written for several in turns goes to each of them in order', () => {
  const writer = new JuteWriter()
  const random = makeRandom(5)
  const receivers = Array.from({ length: 4 }, () => ({ output: new Outgoing(), expected: '', got: '' }))
  const take = (receiver: typeof receivers[number]): void => {
    const waiting = receiver.output.bytes
    const bytes = receiver.output.take(writer)
    assert.is(bytes?.length ?? 0, waiting)
    assert.is(receiver.output.bytes, 0)
    if (bytes !== null) receiver.got += hexOf(bytes)
  }
  for (let round = 0; round < 6_000; round++) {
    const receiver = receivers[random.below(random.below(2) === 0 ? 1 : receivers.length)]!
    writePlainReply(writer, round, round, -random.below(3))
    if (round % 500 === 0) writeReply(writer, round, 1, { code: 'Ok', result: { op: 9, path: '/'.repeat(70_000) } })
    receiver.output.add(writer)
    receiver.expected += hexOf(writer.frame())
    if (random.below(10) === 0) take(receivers[random.below(receivers.length)]!)
  }
  for (const receiver of receivers) {
    take(receiver)
    assert.is(receiver.output.take(writer), null)
    assert.ok(receiver.got === receiver.expected && receiver.got.length > 0)
  }
})

test('memory is written again once all that was sent of it was taken, and never where it is kept', () => {
  const random = makeRandom(8)
  const writer = new JuteWriter()
  const outputs = Array.from({ length: 5 }, () => new Outgoing())
  const expected = outputs.map(() => '')
  const kept: { readonly view: Uint8Array, readonly content: string }[] = []
  const memories = new Set<Uint8Array>()
  let chunks = 0
  let last: Uint8Array | null = null
  for (let round = 0; round < 60_000; round++) {
    const at = random.below(outputs.length)
    const output = outputs[at]!
    writer.begin()
    writer.raw(new Uint8Array(random.below(400)).fill(random.below(256)))
    writer.end()
    const { chunk: { bytes }, start, at: end } = writer
    if (bytes !== last) chunks++
    memories.add(last = bytes)
    output.add(writer)
    expected[at] += hexOf(bytes.subarray(start, end))
    if (random.below(6) !== 0) continue
    const view = output.take(writer)!
    assert.ok(hexOf(view) === expected[at]!, 'what waited is what was written')
    const isKept = random.below(400) === 0
    if (isKept) kept.push({ view, content: expected[at]! })
    expected[at] = ''
    // Who never says that it was sent may have it for ever.
    if (isKept && random.below(2) === 0) continue
    output.sent(writer, isKept)
  }
  assert.ok(chunks > 150 && memories.size < chunks / 2, `${memories.size} pieces of memory for ${chunks} chunks`)
  for (const { view, content } of kept) assert.ok(hexOf(view) === content, 'what is kept stays as it is')
})

test('a record ends with its frame, though more frames lie behind it', () => {
  const bytes = Uint8Array.of(9, 9, 0, 0, 0, 2, 65, 66, 0, 0, 0, 7)
  const reader = new JuteReader().reset(bytes, 2, 8)
  assert.is(reader.left, 6)
  assert.is(reader.text(), 'AB')
  assert.is(reader.left, 0)
  assert.is(reader.skip(Uint8Array.of(0, 0)), false)
  assert.throws(() => reader.int(), (error: unknown) => isZkError(error, 'MarshallingError'))
  assert.is(reader.reset(bytes, 8, 12).int(), 7)
  assert.throws(() => reader.reset(bytes, 2, 7).text(), (error: unknown) => isZkError(error, 'MarshallingError'))
})

test.run()
