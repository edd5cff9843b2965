import { FrameReader, makeFrame } from '../../../lib/wire/frame.ts'
import { framesMutated } from '../structure.ts'
import { joined, mutated } from '../mutate.ts'
import { magnitude, must, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'

const LIMIT_BYTES = 200

/** Cuts a stream into chunks of sizes that its first byte picks. */
export function chunksOf(input: Uint8Array): Uint8Array[] {
  const [way = 0] = input
  const stream = input.subarray(1)
  if (way < 64) return [stream]
  const chunks: Uint8Array[] = []
  for (let at = 0, size = 1; at < stream.length; at += size) {
    size = way < 128 ? 1 : 1 + (way * 7 + at * 13) % (way - 100)
    chunks.push(stream.subarray(at, at + size))
  }
  return chunks
}

function framesIn(chunks: readonly Uint8Array[]): { readonly frames: Uint8Array[], readonly refused: boolean } {
  const reader = new FrameReader(LIMIT_BYTES)
  const frames: Uint8Array[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (;;) {
      const taken = refusedWith(['FrameTooLarge'], () => reader.next())
      if ('code' in taken) return { frames, refused: true }
      if (taken.value === null) break
      frames.push(taken.value.slice())
    }
  }
  return { frames, refused: false }
}

/** What a reader without any state finds. */
function expected(stream: Uint8Array): { readonly frames: Uint8Array[], readonly refused: boolean } {
  const frames: Uint8Array[] = []
  for (let at = 0; stream.length - at >= 4;) {
    const size = new DataView(stream.buffer, stream.byteOffset + at).getUint32(0)
    if (size > LIMIT_BYTES) return { frames, refused: true }
    if (at + 4 + size > stream.length) break
    frames.push(stream.slice(at + 4, at + 4 + size))
    at += 4 + size
  }
  return { frames, refused: false }
}

/** Frames that are cut and put together in any way come out as they went in. */
export const framesTarget: Target = {
  name: 'frames', about: 'lengths and pieces of frames', longest: 600,
  seeds: () => [0, 64, 130, 200, 255].map((way) => joined(Uint8Array.of(way),
    ...[0, 1, 5, 80, LIMIT_BYTES].map((size) => makeFrame(new Uint8Array(size).fill(way))))),
  mutate: (input, random, other) => joined(Uint8Array.of(random.below(256)),
    framesMutated(input.subarray(1), random, other.subarray(1), (frame) => mutated(frame, random, other, []))),
  make: () => ({
    run(input) {
      const found = framesIn(chunksOf(input))
      const right = expected(input.subarray(1))
      must(found.refused === right.refused, `refused: ${found.refused}`)
      must(found.frames.length === right.frames.length, `${found.frames.length} frames of ${right.frames.length}`)
      for (const [index, frame] of right.frames.entries()) {
        must(Buffer.compare(frame, found.frames[index]!) === 0, `frame ${index} is another one`)
      }
      return `${found.refused} ${magnitude(found.frames.length)}`
    },
  }),
}
