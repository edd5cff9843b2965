import { isZkError } from '../../lib/core/errors.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { ForwardedRequest, Message } from '../../lib/core/zab/messages.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { Packing } from '../../lib/wire/pack.ts'
import { PeerCodec } from '../../lib/wire/peer-protocol.ts'
import { assert, suite } from '../harness.ts'
import { join, messages, session, zxid } from './peer-messages.ts'

const test = suite('peer protocol')

function decode(codec: PeerCodec, sealed: Uint8Array): Message[] {
  const into: Message[] = []
  assert.is(codec.decode(sealed.subarray(4), into), null)
  return into
}

/** The head of an entry alone. */
function entry(own: number, previous: number, length: number): Uint8Array {
  const head = new Uint8Array(28)
  const view = new DataView(head.buffer)
  view.setFloat64(0, own)
  view.setFloat64(8, previous)
  view.setUint32(24, length)
  return head
}

test('every kind of message comes back as it went', () => {
  const codec = new PeerCodec()
  for (const message of messages) assert.equal(decode(codec, codec.encode([message])), [message])
  assert.equal(decode(codec, codec.encode(messages)), messages)
  assert.equal(decode(codec, codec.encode([])), [])
})

test('a goodbye ends the frame', () => {
  const codec = new PeerCodec()
  const into: Message[] = []
  const frame = codec.encodeGoodbye({ code: 'Overloaded', reason: 'slow' })
  assert.equal(codec.decode(frame.subarray(4), into), { code: 'Overloaded', reason: 'slow' })
  assert.equal(into, [])
})

test('what does not fit one frame goes in several, in order', () => {
  const codec = new PeerCodec()
  const frameBytes = 20_000
  const many = Array.from({ length: 300 }, (_, index) =>
    ({ zxid: makeZxid(1, index + 1), prevZxid: makeZxid(1, index), hash1: 0, hash2: 0, bytes: new Uint8Array(200) }))
  const forwarded = Array.from({ length: 100 }, (_, tag): ForwardedRequest => ({
    tag, session, cxid: tag,
    body: { kind: 'write', identities: [], request: { op: 5, path: '/a', data: new Uint8Array(300), version: -1 } },
  }))
  const sent: Message[] = [
    { kind: 'ping', join, seq: 1, commit: zxid, through: zxid }, { kind: 'proposal', join, epoch: 1, entries: many },
    { kind: 'forward', join, requests: forwarded }, { kind: 'ping', join, seq: 2, commit: zxid, through: zxid },
  ]
  const frames = codec.encodeBounded(sent, frameBytes)
  for (const frame of frames) assert.ok(frame.length <= frameBytes, `${frame.length}`)
  const got = frames.flatMap((frame) => decode(codec, frame))
  assert.equal(got.flatMap((message) => message.kind === 'proposal' ? message.entries : []), many)
  assert.equal(got.flatMap((message) => message.kind === 'forward' ? message.requests : []), forwarded)
  assert.equal(got.filter(({ kind }) => kind === 'ping').length, 2)
  assert.is(got.at(-1)?.kind, 'ping')
})

test('wrong frames give BadFrame', () => {
  const codec = new PeerCodec()
  const packing = new Packing()
  const wrong: readonly unknown[] = [
    7, null, 'x', {}, [7], [[]], [[99]], [[1]], [[-1, 2]], [[4, 1, 1, 1]], [[3, -1, 2]], [[3, 1, 2 ** 21]], [[3,
      1.5, 2]],
    [[10, 1, 1, [1]]], [[10, 1, 1, [1, 2, 3, 4, 'bytes']]], [[10, 1, 1, [1, 2, -1, 4, Uint8Array.of(1)]]],
    [[10, 1, 1, 'bytes']], [[10, 1, 1, new Uint8Array(27)]], [[10, 1, 1, entry(-1, 0, 0)]],
    [[10, 1, 1, entry(1, 0.5, 0)]], [[10, 1, 1, entry(1, 0, 1)]], [[10, 1, 1, entry(1, 0, 2 ** 32 - 1)]],
    [[23, 1, 'NoSuchCode', 'x']], [[18, 1, [[[]], [[1, 0, 1, 5, ['/a', null], 0]]]]], [[18, 1, [[], [[1, 0, 1,
      2, ['/a', 1], 0]]]]], [[0, 'Overloaded']], [[17, 1, 1, ['x']]],
    [[18, 1, [[[]], [[1, 0, 1, 13, ['/a', 1], 0]]]]], [new Map([[0, 1]])], [new Date()],
  ]
  for (const value of wrong) {
    const bytes = packing.pack(value)
    assert.throws(() => codec.decode(bytes, []), (error: unknown) => isZkError(error, 'BadFrame'),
      JSON.stringify(value))
  }
})

test('changed bytes give BadFrame or messages, and nothing else', () => {
  const codec = new PeerCodec()
  const random = makeRandom(11)
  const frame = codec.encode(messages).subarray(4)
  let refused = 0
  for (let round = 0; round < 10_000; round++) {
    const changed = frame.slice(0, round % 4 === 0 ? random.below(frame.length) : frame.length)
    for (let flips = random.below(4); flips >= 0; flips--) changed[random.below(changed.length)] = random.below(256)
    try {
      codec.decode(changed, [])
    } catch (error) {
      assert.ok(isZkError(error, 'BadFrame'), String(error))
      refused += 1
    }
  }
  assert.ok(refused > 5_000)
})

test.run()
