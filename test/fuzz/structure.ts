/** Changes to inputs that have a structure: lists of frames, and values of MessagePack. */
import { Packr, Unpackr } from 'msgpackr'
import type { Random } from '../../lib/core/random.ts'
import { joined, mutated, pick } from './mutate.ts'

const OPTIONS = { useRecords: false, variableMapSize: true } as const
const packr = new Packr(OPTIONS)
const unpackr = new Unpackr({ ...OPTIONS, structuredClone: false } as object)

const VALUES: readonly unknown[] = [
  0, 1, -1, -0, 2, 7, 16, 255, 65_536, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53,
  -(2 ** 53), 0.5, NaN, Infinity, null, undefined, true, false, '', '/', 'a', '/a', '0x0', '0x1', '0x100000001',
  '0xffffffffffffffff', '0x10000000000000000', 'Ok', 'NoNode', 'constructor', '__proto__', '/a//b', '\u0000',
  '\ud800', [], [[]], new Uint8Array(0), new Uint8Array(16), new Uint8Array(17), 10n ** 18n, { a: 1 }, new Date(0),
]

const STEPS = [1, -1, 2, 256, 2 ** 32, -(2 ** 32)]

/** A copy with one part changed: replaced, left out, doubled, exchanged, or taken from another value. */
function changed(value: unknown, random: Random, other: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0 || random.below(6) === 0) {
    if (typeof value === 'number' && random.below(2) === 0) return value + pick(STEPS, random)
    return random.below(3) === 0 ? part(other, random) : pick(VALUES, random)
  }
  const copy: unknown[] = value.slice()
  const at = random.below(copy.length)
  switch (random.below(10)) {
    case 0: copy.splice(at, 1); break
    case 1: copy.splice(at, 0, copy[at]); break
    case 2: {
      const to = random.below(copy.length)
      const moved = copy[at]
      copy[at] = copy[to]
      copy[to] = moved
      break
    }
    case 3: copy.splice(at, 0, part(other, random)); break
    default: copy[at] = changed(copy[at], random, other)
  }
  return copy
}

/** Any part of a value, at any depth. */
function part(value: unknown, random: Random): unknown {
  let at = value
  while (Array.isArray(at) && at.length > 0 && random.below(4) > 0) at = at[random.below(at.length)] as unknown
  return at
}

function unpacked(bytes: Uint8Array): unknown {
  try {
    return unpackr.unpack(new Uint8Array(bytes)) as unknown
  } catch {
    return undefined
  }
}

export function pack(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(value))
}

/** Changes a value of MessagePack; bytes that are none become one. */
export function packedMutated(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  let value = unpacked(input) ?? pick(VALUES, random)
  const source = unpacked(other)
  do value = changed(value, random, source)
  while (random.below(3) === 0)
  return pack(value)
}

/** Pieces, each behind its length in 4 bytes; what does not fit at the end is a piece, too. */
export function framesOf(stream: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let at = 0; at < stream.length;) {
    const view = new DataView(stream.buffer, stream.byteOffset)
    const size = stream.length - at < 4 ? 0 : view.getUint32(at)
    const from = Math.min(stream.length, at + 4)
    const to = Math.min(stream.length, from + size)
    frames.push(stream.slice(from, to))
    at = to
  }
  return frames
}

export function streamOf(frames: readonly Uint8Array[]): Uint8Array {
  return joined(...frames.flatMap((frame) => {
    const head = new Uint8Array(4)
    new DataView(head.buffer).setUint32(0, frame.length)
    return [head, frame]
  }))
}

/** Changes a list of frames: their order, their number, or one of them by `inner`; the lengths stay right. */
export function framesMutated(
  input: Uint8Array, random: Random, other: Uint8Array,
  inner: (frame: Uint8Array, random: Random, other: Uint8Array) => Uint8Array,
): Uint8Array {
  const frames = framesOf(input)
  const others = framesOf(other)
  const foreign = others.length > 0 ? pick(others, random) : new Uint8Array(0)
  if (frames.length === 0) return streamOf([foreign])
  do {
    const at = random.below(frames.length + 1)
    switch (random.below(8)) {
      case 0: if (frames.length > 1) frames.splice(at, 1); break
      case 1: frames.splice(at, 0, foreign); break
      case 2: frames.splice(at, 0, pick(frames, random)); break
      case 3: frames.push(...others.slice(random.below(others.length + 1))); break
      default: {
        const index = random.below(frames.length)
        frames[index] = inner(frames[index]!, random, foreign)
      }
    }
  } while (random.below(3) === 0)
  return streamOf(frames)
}

/** Changes a stream of frames behind a byte that says how it is cut into chunks. */
export function streamMutated(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const way = random.below(3) === 0 ? random.below(256) : input[0] ?? 0
  return joined(Uint8Array.of(way), framesMutated(input.subarray(1), random, other.subarray(1),
    (frame, source, foreign) => mutated(frame, source, foreign, [])))
}
