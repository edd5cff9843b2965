import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isZkError } from '../../lib/core/errors.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { FrameReader, makeFrame } from '../../lib/wire/frame.ts'
import { assert, suite } from '../harness.ts'

const test = suite('frame')

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function drain(reader: FrameReader, into: number[][]): void {
  for (let frame = reader.next(); frame; frame = reader.next()) into.push([...frame])
}

const payloads = [[], [1], [2, 3], Array.from({ length: 300 }, (_, index) => index % 256), [], [9, 9, 9]]
const stream = join(payloads.map((payload) => makeFrame(Uint8Array.from(payload))))

test('frames survive any chopping of the stream', () => {
  const random = makeRandom(7)
  const cuts = [() => 1, () => 2, () => 3, () => 5, () => stream.length, () => 1 + random.below(40)]
  for (const cut of cuts) {
    const reader = new FrameReader(1_000)
    const got: number[][] = []
    for (let at = 0; at < stream.length;) {
      const end = Math.min(stream.length, at + cut())
      reader.push(stream.slice(at, end))
      drain(reader, got)
      at = end
    }
    assert.equal(got, payloads)
  }
})

test('a chunk with an offset into its memory, and a Buffer, are read where they are', () => {
  for (const chunk of [join([new Uint8Array(5), stream]).subarray(5), Buffer.concat([Buffer.alloc(3),
    stream]).subarray(3)]) {
    const reader = new FrameReader(1_000)
    const got: number[][] = []
    reader.push(chunk)
    drain(reader, got)
    assert.equal(got, payloads)
  }
  const reader = new FrameReader(1_000)
  reader.push(Buffer.from(makeFrame(Uint8Array.of(1, 2))))
  assert.is(reader.next()?.constructor, Uint8Array)
})

test('a frame above the limit is refused by its header alone', () => {
  const reader = new FrameReader(10)
  reader.push(makeFrame(new Uint8Array(10)))
  assert.is(reader.next()?.length, 10)
  reader.push(Uint8Array.of(0, 0, 0, 11))
  assert.throws(() => reader.next(), (error: unknown) => isZkError(error, 'FrameTooLarge'))
  const huge = new FrameReader(10)
  huge.push(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
  assert.throws(() => huge.next(), (error: unknown) => isZkError(error, 'FrameTooLarge'))
})

test('an announced length costs memory only as bytes arrive, and linear work', () => {
  const size = 3_000_000
  const reader = new FrameReader(size)
  const frame = makeFrame(new Uint8Array(size).fill(7))
  let got: Uint8Array | null = null
  for (let at = 0; at < frame.length; at += 100) {
    assert.is(got, null)
    reader.push(frame.subarray(at, at + 100))
    got = reader.next()
  }
  assert.is(got?.length, size)
  assert.ok(got?.every((byte) => byte === 7))
})

/** The memory that a chunk was a piece of, and how much of it. */
function chunkOf(bytes: Uint8Array, memory: WeakRef<ArrayBuffer>[]): Uint8Array {
  const piece = new Uint8Array(65_536).subarray(100, 100 + bytes.length)
  piece.set(bytes)
  memory.push(new WeakRef(piece.buffer as ArrayBuffer))
  return piece
}

test('what was taken is not kept: a chunk may be a small piece of much memory', async () => {
  const memory: WeakRef<ArrayBuffer>[] = []
  const readers = [stream, stream.subarray(0, 2), stream.subarray(0, 40)].map((bytes) => {
    const reader = new FrameReader(1_000)
    reader.push(chunkOf(bytes, memory))
    drain(reader, [])
    return reader
  })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await new Promise((resolve) => { setImmediate(resolve) })
  collect()
  assert.equal(memory.map((ref) => ref.deref() === undefined), [true, true, true])
  assert.is(readers.length, 3)
})

test.run()
