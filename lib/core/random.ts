/** A seeded source of numbers: equal seeds give equal sequences on every machine. */
export interface Random {
  /** The next integer in [0, 2^32). */
  next(): number
  /** An integer in [0, bound); bound is at least 1. */
  below(bound: number): number
  /** A float in [0, 1). */
  unit(): number
}

/** sfc32: small, fast, passes PractRand; state lives in the returned object alone. */
export function makeRandom(seed: number): Random {
  let a = 0x9e3779b9 | 0
  let b = 0x243f6a88 | 0
  let c = seed | 0
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return sum >>> 0
  }
  c ^= Math.floor(seed / 2 ** 32)
  for (let i = 0; i < 12; i++) next()
  return { next, below: (bound) => next() % bound, unit: () => next() / 2 ** 32 }
}
