import { isZkError } from '../../lib/core/errors.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { ForwardedRequest, Message } from '../../lib/core/zab/messages.ts'
import { NO_VOTE } from '../../lib/core/zab/election.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { Packing } from '../../lib/wire/pack.ts'
import { PeerCodec } from '../../lib/wire/peer-protocol.ts'
import { assert, suite } from '../harness.ts'

const test = suite('peer protocol')

const session = '0x200000001' as SessionId
const zxid = makeZxid(2 ** 21 - 1, 2 ** 32 - 1)
const join = 2 ** 40
const hashes = { hash1: 0xffffffff, hash2: 0 }
const entries = [
  { zxid, prevZxid: makeZxid(1, 4), ...hashes, bytes: Uint8Array.of(1, 2) },
  { zxid: makeZxid(3, 1), prevZxid: zxid, hash1: 1, hash2: 2, bytes: new Uint8Array(0) },
]
const identities = [{ scheme: 'ip', id: '10.0.0.7' }]
const acl = [{ perms: 1, scheme: 'auth', id: '' }]
const create = { op: 15, path: '/a', data: Uint8Array.of(7), acl, flags: 3, ttlMs: -1 } as const
const writes = [
  create, { ...create, op: 1, acl: null, data: null }, { ...create, op: 21, ttlMs: 5_000 }, { ...create, op: 19 },
  { op: 2, path: 'not checked here', version: -1 }, { op: 5, path: '/a', data: null, version: 4 },
  { op: 7, path: '/a', acl, version: 0 }, { op: 7, path: '/a', acl: null, version: 0 }, { op: 20, path: '/c' },
  { op: 14, ops: [create, { op: 2, path: '/b', version: 1 }, { op: 5, path: '/c', data: Uint8Array.of(1), version: 2 },
    { op: 13, path: '/d', version: 3 }] },
  { op: 14, ops: [] },
] as const
const requests: readonly ForwardedRequest[] = [
  ...writes.map((request, index): ForwardedRequest =>
    ({ tag: index, session, cxid: -index, body: { kind: 'write', request, identities } })),
  { tag: 89, session, cxid: 2, body: { kind: 'write', request: writes[4], identities: [] } },
  { tag: 90, session: NO_SESSION, cxid: 0, body: { kind: 'createSession', timeoutMs: 4_000,
    password: new Uint8Array(16) } },
  { tag: 91, session, cxid: 3, body: { kind: 'closeSession' } },
]

const messages: readonly Message[] = [
  { kind: 'notify', state: 'observing', round: 7, vote: { leader: 3, zxid, peerEpoch: 5 }, health: 'meta' },
  { kind: 'notify', state: 'looking', round: 0, vote: { leader: 0, zxid, peerEpoch: 0 }, health: 'empty' },
  { kind: 'notify', state: 'looking', round: 1, vote: NO_VOTE, health: 'ok' },
  { kind: 'followerInfo', join, role: 'observer', acceptedEpoch: 4, health: 'log' },
  { kind: 'followerInfo', join, role: 'voter', acceptedEpoch: 0, health: 'ok' },
  { kind: 'leaderInfo', join, epoch: 9 },
  { kind: 'ackEpoch', join, epoch: 9, currentEpoch: -1, lastZxid: zxid, ...hashes, base: makeZxid(0, 0) },
  { kind: 'diff', join, fromZxid: zxid },
  { kind: 'trunc', join, toZxid: zxid, ...hashes },
  { kind: 'snap', join, zxid, ...hashes },
  { kind: 'snapChunk', join, index: 3, last: true, bytes: Uint8Array.of(9) },
  { kind: 'syncAck', join, pieces: 12 },
  { kind: 'proposal', join, epoch: 3, entries },
  { kind: 'proposal', join, epoch: 3, entries: [] },
  { kind: 'commit', join, epoch: 3, zxid },
  { kind: 'inform', join, epoch: 3, entries },
  { kind: 'newLeader', join, epoch: 3 },
  { kind: 'ack', join, epoch: 3, zxid, newLeader: true },
  { kind: 'upToDate', join, epoch: 3, commit: zxid },
  { kind: 'ping', join, seq: 8, commit: zxid },
  { kind: 'pong', join, seq: 8, touches: [session, NO_SESSION] },
  { kind: 'forward', join, requests },
  { kind: 'revalidate', join, tag: 5, session },
  { kind: 'revalidated', join, tag: 5, timeoutMs: 0 },
  { kind: 'syncAsk', join, tag: 5 },
  { kind: 'synced', join, tag: 5, zxid },
  { kind: 'refuse', join, code: 'MembershipMismatch', reason: 'no' },
]

function decode(codec: PeerCodec, sealed: Uint8Array): Message[] {
  const into: Message[] = []
  assert.is(codec.decode(sealed.subarray(4), into), null)
  return into
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
    { kind: 'ping', join, seq: 1, commit: zxid }, { kind: 'proposal', join, epoch: 1, entries: many },
    { kind: 'forward', join, requests: forwarded }, { kind: 'ping', join, seq: 2, commit: zxid },
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
