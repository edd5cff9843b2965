import type { Random } from '../core/random.ts'

/**
 * Draws from a seed that come to the same bits on every engine. The language leaves the last bits of `Math.log`,
 * `Math.exp` and powers to the engine, and engines use that (V8 changed its powers between Node 22 and 24): what is
 * here uses nothing but the operations that IEEE 754 rounds exactly.
 */

const LN2 = 0.6931471805599453
/** So many terms of either series leave less than half a bit. */
const LOG_TERMS = 12
const EXP_TERMS = 18

/** The natural logarithm of a number of (0, ∞), exact to a few of the last bits. */
function logarithm(x: number): number {
  let [rest, halvings] = [x, 0]
  for (; rest > Math.SQRT2; rest /= 2) halvings += 1
  for (; rest < Math.SQRT1_2; rest *= 2) halvings -= 1
  const ratio = (rest - 1) / (rest + 1)
  let sum = 0
  for (let term = LOG_TERMS; term >= 0; term--) sum = sum * ratio * ratio + 1 / (2 * term + 1)
  return halvings * LN2 + 2 * ratio * sum
}

/** The power of e with a finite exponent. */
function exponential(x: number): number {
  const doublings = Math.round(x / LN2)
  const rest = x - doublings * LN2
  let power = 1
  for (let term = EXP_TERMS; term > 0; term--) power = 1 + power * rest / term
  for (let left = doublings; left > 0; left--) power *= 2
  for (let left = doublings; left < 0; left++) power /= 2
  return power
}

/** The time to the next of events that come at random, with this mean: exponentially distributed, from 0 on. */
export function untilNext(random: Random, mean: number): number {
  return -logarithm(1 - random.unit()) * mean
}

/** From `low` to below `high`, both above 0: as likely between 1 and 10 as between 10 and 100. */
export function logUniform(random: Random, low: number, high: number): number {
  return low * exponential(random.unit() * logarithm(high / low))
}

/** The same in an order of chance. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items]
  for (let left = order.length; left > 1; left--) {
    const at = random.below(left)
    const last = order[left - 1]!
    order[left - 1] = order[at]!
    order[at] = last
  }
  return order
}
