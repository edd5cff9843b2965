import type { Random } from '../../lib/core/random.ts'

const INTERESTING = [
  0, 1, -1, 2, 16, 64, 100, 127, 128, 255, 256, 1_000, 1_024, 4_096, 32_767, 32_768, 65_535, 65_536, 100_000,
  2 ** 24, 2 ** 30, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) + 1, 2 ** 31, 2 ** 32 - 1,
]
const INTERESTING_FLOATS = [...INTERESTING, NaN, Infinity, -0, 0.5, 2 ** 53, -(2 ** 53), 2 ** 60]
/** Repetitions make at most so many bytes at once. */
const REPEATED_BYTES = 4_096

export function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)]!
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function range(input: Uint8Array, random: Random, most = 64): readonly [from: number, to: number] {
  const from = random.below(input.length + 1)
  const size = random.below(4) === 0 ? random.below(input.length - from + 1) : random.below(most)
  return [from, Math.min(input.length, from + size)]
}

function replaced(input: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return joined(input.subarray(0, from), by, input.subarray(to))
}

function withNumber(input: Uint8Array, random: Random): Uint8Array {
  const size = pick([1, 2, 4, 8], random)
  if (input.length < size) return input
  const copy = input.slice()
  const view = new DataView(copy.buffer)
  const at = random.below(copy.length - size + 1)
  const isLittle = random.below(3) === 0
  const near = (known: number): number =>
    random.below(3) === 0 ? known + random.below(7) - 3 : pick(INTERESTING, random)
  if (size === 1) view.setUint8(at, near(view.getUint8(at)))
  else if (size === 2) view.setUint16(at, near(view.getUint16(at, isLittle)), isLittle)
  else if (size === 4) view.setUint32(at, near(view.getUint32(at, isLittle)), isLittle)
  else view.setFloat64(at, pick(INTERESTING_FLOATS, random), isLittle)
  return copy
}

/** One change that knows nothing of the format. */
function once(input: Uint8Array, random: Random, other: Uint8Array, tokens: readonly Uint8Array[]): Uint8Array {
  const [from, to] = range(input, random)
  switch (random.below(tokens.length > 0 ? 14 : 12)) {
    case 0: {
      if (input.length === 0) return Uint8Array.of(random.below(256))
      const copy = input.slice()
      copy[random.below(copy.length)]! ^= 1 << random.below(8)
      return copy
    }
    case 1: {
      const copy = input.slice()
      for (let left = 1 + random.below(4); left > 0 && copy.length > 0; left--) {
        copy[random.below(copy.length)] = random.below(256)
      }
      return copy
    }
    case 2: case 3: return withNumber(input, random)
    case 4: return replaced(input, from, to, new Uint8Array(0))
    case 5: return input.slice(0, from)
    case 6: {
      const noise = Uint8Array.from({ length: 1 + random.below(8) }, () => random.below(256))
      return replaced(input, from, from, noise)
    }
    case 7: {
      // Once more, or very often: what takes the square of its input's length shows.
      const piece = input.subarray(from, to)
      if (piece.length === 0) return input
      const times = random.below(8) === 0 ? Math.ceil(REPEATED_BYTES / piece.length) : 1 + random.below(3)
      return replaced(input, to, to, joined(...Array.from({ length: times }, () => piece)))
    }
    case 8: {
      const at = random.below(input.length + 1)
      return replaced(input, at, at, input.subarray(from, to))
    }
    case 9: {
      const [otherFrom, otherTo] = range(other, random)
      return replaced(input, from, to, other.subarray(otherFrom, otherTo))
    }
    case 10: return joined(input.subarray(0, from), other.subarray(random.below(other.length + 1)))
    case 11: return joined(input, other)
    default: return replaced(input, from, random.below(2) === 0 ? from : to, pick(tokens, random))
  }
}

/** Changes that know nothing of the format: bytes, numbers, ranges, words, pieces of another input. */
export function mutated(
  input: Uint8Array, random: Random, other: Uint8Array, tokens: readonly Uint8Array[],
): Uint8Array {
  let changed = input
  do changed = once(changed, random, other, tokens)
  while (random.below(2) === 0)
  return changed
}
