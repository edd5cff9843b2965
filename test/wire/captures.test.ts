import { getHeapStatistics } from 'node:v8'
import * as fc from 'fast-check'
import { isZkError } from '../../lib/core/errors.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { FrameReader } from '../../lib/wire/frame.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import { writeConnectRequest } from '../../lib/wire/jute/records.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { assert, suite } from '../harness.ts'
import { hurl, portOf } from '../peer/hurl.ts'
import { create, join, look, serve } from '../peer/raw-client.ts'
import type { RawClient } from '../peer/raw-client.ts'
import type { Spoiling } from './captures.ts'
import { Listener, piecesOf, readCaptures, spoilings, spoilt } from './captures.ts'
import { hexOf, written } from './jute-records.ts'

const test = suite('captures')
const captures = readCaptures()

const FRAME_LIMIT_BYTES = 1_048_575
/** What decoding one short stream may leave behind before anything is collected. */
const ALLOCATED_MAX_BYTES = 16 * 1024 * 1024

/** kazoo leaves the id of the scheme `auth` null, which reads as an empty one. */
const NULL_AUTH_ID = '0000000461757468ffffffff'
const EMPTY_AUTH_ID = '000000046175746800000000'

function isAddWatch(value: unknown): boolean {
  return (value as { result?: { op?: number } | null }).result?.op === 106
}

test('what foreign clients send and are sent is read whole, and written again as it was', () => {
  const seen = new Set<number>()
  let events = 0
  for (const { name, frames } of captures) {
    const listener = new Listener()
    for (const [index, { isClient, payload }] of frames.entries()) {
      const reader = new JuteReader().reset(payload)
      const where = `${name}, frame ${index}: ${hexOf(payload)}`
      const { again, value } = listener.take(isClient, reader)
      assert.ok(again !== null && value !== null, where)
      // Of the empty answer to an addWatch nothing is read.
      assert.is(reader.left, isAddWatch(value) && !isClient ? 4 : 0, where)
      assert.is(hexOf(written(again).subarray(4)), hexOf(payload).replace(NULL_AUTH_ID, EMPTY_AUTH_ID), where)
      const head = new JuteReader().reset(payload)
      const xid = head.int()
      if (isClient) seen.add(head.int())
      else if (xid === -1) events += 1
    }
  }
  assert.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 16, 18, 19, 21, 100, 103, 104, 105, 106, 107, -11]
    .filter((op) => !seen.has(op)), [])
  assert.ok(events > 10, `${events} events`)
})

/** Both are made once: they are larger than what they read and write here. */
const reader = new JuteReader()
const writer = new JuteWriter()

/** Feeds the stream to the decoders as a connection does; the code that ended it, or null. */
function decode(stream: Uint8Array, isClient: boolean, spoiling: Spoiling): string | null {
  const frames = new FrameReader(FRAME_LIMIT_BYTES)
  const listener = new Listener()
  // Replies are read by what was asked.
  if (!isClient) {
    const asked = captures[spoiling.conversation % captures.length]!.frames.filter((said) => said.isClient)
    for (const { payload } of asked) listener.take(true, reader.reset(payload))
  }
  try {
    for (const piece of piecesOf(stream, spoiling.pieces)) {
      frames.push(piece)
      for (let frame = frames.next(); frame !== null; frame = frames.next()) {
        const { again } = listener.take(isClient, reader.reset(frame))
        // What could be read can be written.
        again?.(writer)
      }
    }
    return null
  } catch (error) {
    if (isZkError(error, 'MarshallingError') || isZkError(error, 'FrameTooLarge')) return error.code
    throw error
  }
}

/** Arrays of bytes lie outside the heap, and count as soon as they are there. */
function memoryBytes(): number {
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics()
  return heapBytes + externalBytes
}

test('spoilt captures make the decoders refuse them or read something, and cost no memory', () => {
  const ends = new Map<string | null, number>()
  fc.assert(fc.property(spoilings, fc.boolean(), fc.boolean(), (spoiling, isClient, isGreeted) => {
    const greeting = captures[0]!.frames.find((said) => said.isClient === isClient)!
    const stream = spoilt(captures, isClient, spoiling, isGreeted ? [greeting.payload] : [])
    const before = memoryBytes()
    const end = decode(stream, isClient, spoiling)
    const allocated = memoryBytes() - before
    ends.set(end, (ends.get(end) ?? 0) + 1)
    assert.ok(allocated < ALLOCATED_MAX_BYTES, `${allocated} bytes`)
  }), { numRuns: 8_000 })
  for (const end of [null, 'MarshallingError', 'FrameTooLarge']) {
    assert.ok((ends.get(end) ?? 0) > 50, `${String(end)}: ${String(ends.get(end))}`)
  }
}, { timeoutMs: 60_000 })

test('random bytes as any record', () => {
  fc.assert(fc.property(fc.integer({ min: -12, max: 108 }), fc.uint8Array({ maxLength: 300 }), (op, bytes) => {
    const listener = new Listener()
    listener.take(true, reader.reset(captures[0]!.frames[0]!.payload))
    const head = Uint8Array.of(0, 0, 0, 1, op >> 24, op >> 16, op >> 8, op)
    try {
      const { again } = listener.take(true, reader.reset(Uint8Array.from([...head, ...bytes])))
      again?.(writer)
    } catch (error) {
      assert.ok(isZkError(error, 'MarshallingError'), String(error))
    }
  }), { numRuns: 2_000 })
})

const GREETING = written((writer) => writeConnectRequest(writer, {
  lastZxidSeen: 0 as Zxid, timeoutMs: 10_000, session: '0x0' as SessionId, password: new Uint8Array(16),
  readOnly: false,
})).subarray(4)

/** Conversations that greet by a session of their own: an id that is taken over may be that of somebody else here. */
const greetings = captures.filter(({ frames }) => {
  const { session } = frames[0]!.isClient ? readSession(frames[0]!.payload) : { session: '' }
  return session === '0x0'
})

function readSession(payload: Uint8Array): { session: string } {
  const reader = new JuteReader().reset(payload)
  reader.int()
  reader.long()
  reader.int()
  return { session: reader.sessionId() }
}

/** A write, a read of it and a list, each with the right answer. */
async function work(good: RawClient, round: number): Promise<void> {
  const data = Uint8Array.of(round, round >> 8)
  assert.is(await good.code(3 * round, { op: 5, path: '/well-behaved', data, version: round }), 0)
  const read = await good.call(3 * round + 1, look(4, '/well-behaved'))
  assert.ok(read.outcome.code === 'Ok' && read.outcome.result.op === 4)
  assert.equal([...read.outcome.result.data ?? []], [...data])
  assert.is(read.xid, 3 * round + 1)
}

test('spoilt captures sent to a peer are answered by codes or the end, and others are served on', async (t) => {
  const peer = await serve(t, { clients: { listen: ['tcp://127.0.0.1:0'], perAddress: 0 } })
  await peer.ready()
  const good = await join(t, peer)
  assert.is(await good.code(1, create('/well-behaved')), 0)
  let round = 0
  let answers = 0
  await fc.assert(fc.asyncProperty(
    fc.array(fc.tuple(spoilings, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 16 }),
    async (all) => {
      const streams = all.map(([spoiling, kind]) => {
        const stream = spoilt(greetings, true, spoiling, kind === 0 ? [] : [GREETING])
        return hurl(portOf(peer), piecesOf(stream, spoiling.pieces.map((size) => 10 * size)))
      })
      await Promise.all(streams.map(({ sent }) => sent))
      await work(good, round++)
      for (const { socket } of streams) socket.end()
      for (const count of await Promise.all(streams.map((stream) => stream.answers))) answers += count
    },
  ), { numRuns: 150 })
  assert.ok(answers > 500, `${answers} answers`)
  await work(good, round)
}, { timeoutMs: 60_000 })

test.run()
