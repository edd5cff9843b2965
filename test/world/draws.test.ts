import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { logUniform, untilNext } from '../../lib/testing/draws.ts'
import { assert, suite } from '../harness.ts'

const test = suite('draws')

/** Draws this one number. */
function fixed(unit: number): Random {
  return { next: () => Math.floor(unit * 2 ** 32), below: () => 0, unit: () => unit }
}

const isNear = (value: number, expected: number): boolean => Math.abs(value - expected) <= 1e-14 * Math.abs(expected)

test('the time to the next event is that of the formula', () => {
  assert.is(untilNext(fixed(0), 7), 0)
  const random = makeRandom(1)
  const units = [2 ** -32, 0.5, 1 - 2 ** -32, ...Array.from({ length: 10_000 }, () => random.unit())]
  for (const unit of units) {
    const [drawn, expected] = [untilNext(fixed(unit), 7), -Math.log(1 - unit) * 7]
    // Next to 0 the formula itself loses digits.
    assert.ok(isNear(drawn, expected) || Math.abs(drawn - expected) < 1e-15, `${unit}: ${drawn}, not ${expected}`)
  }
})

test('what is uniform in its logarithm is within its bounds and that of the formula', () => {
  const random = makeRandom(2)
  for (const [low, high] of [[1, 4], [1, 5_000], [10, 4_500], [0.3, 3], [200, 2_000], [1_000, 1e9], [5, 5]] as const) {
    assert.is(logUniform(fixed(0), low, high), low)
    for (let at = 0; at < 2_000; at++) {
      const unit = random.unit()
      const drawn = logUniform(fixed(unit), low, high)
      assert.ok(isNear(drawn, low * (high / low) ** unit), `${low}, ${high}, ${unit}: ${drawn}`)
      assert.ok(drawn >= low && drawn <= high)
    }
  }
})

test('they come to the same bits on every engine', () => {
  const random = makeRandom(3)
  const bits = new DataView(new ArrayBuffer(8))
  let print = 0
  for (let at = 0; at < 20_000; at++) {
    bits.setFloat64(0, at % 2 === 0 ? untilNext(random, 1) : logUniform(random, 1, 5_000))
    print = Math.imul(print ^ bits.getUint32(0), 0x9e3779b1) ^ bits.getUint32(4)
  }
  assert.is((print >>> 0).toString(16), '8dcf671b')
})

test.run()
