import { growthText, growths, rowText } from '../../bench/scaling/row.ts'
import type { Row } from '../../bench/scaling/row.ts'
import { assert, suite } from '../harness.ts'

const test = suite('bench/growth')

function row(bench: string, what: string, size: number, cost: number, blockMs: number | null = 1): Row {
  const wallMs = blockMs === null ? null : 2 * blockMs
  return { bench, what, size, unit: 'us', cost, blockMs, wallMs, residentBytes: 0, peakBytes: 0 }
}

test('each step has its exponent: 0 is flat, 1 proportional to the size', () => {
  const [flat, mixed] = growths([
    row('a', 'flat', 10, 3), row('a', 'mixed', 10, 2), row('a', 'flat', 1_000, 3), row('a', 'mixed', 100, 20),
    row('a', 'mixed', 10_000, 20), row('a', 'mixed', 40_000, 40),
  ])
  assert.equal(flat?.exponents, [0])
  assert.equal([flat?.from, flat?.to, flat?.times], [10, 1_000, 1])
  assert.equal(mixed?.exponents.map((one) => Math.round(one * 1_000) / 1_000), [1, 0, 0.5])
  assert.equal([mixed?.from, mixed?.to, mixed?.times], [10, 40_000, 20])
})

test('one size alone says nothing of growth', () => {
  const [alone] = growths([row('a', 'close', 10_000, 7, 80)])
  assert.equal(alone?.exponents, [])
  assert.match(growthText(alone!), /close +at 10,000 alone {2}BLOCKS 80 ms$/)
})

test('the same thing of two benches is two', () => {
  const all = growths([row('a', 'get', 1, 1), row('b', 'get', 1, 1), row('a', 'get', 10, 2)])
  assert.equal(all.map(({ bench, exponents }) => [bench, exponents.length]), [['a', 1], ['b', 0]])
})

test('the longest turn of all sizes is told by the thread and by the clock, and none where none is known', () => {
  const [known, unknown] = growths([
    row('a', 'get', 1, 1, 60), row('a', 'get', 10, 1, 40), row('a', 'get', 100, 1, null),
    row('a', 'theirs', 1, 1, null),
  ])
  assert.equal([known?.longestBlockMs, known?.longestWallMs], [60, 120])
  assert.equal([unknown?.longestBlockMs, unknown?.longestWallMs], [null, null])
  assert.match(growthText(known!), /BLOCKS 60 ms$/)
  assert.not.match(growthText(unknown!), /BLOCKS/)
  assert.match(rowText(row('a', 'get', 1, 1, 60)), /longest turn 60\.0 ms \(120 by the clock\)$/)
})

test('what grows with the size at last is said to', () => {
  const grows = growths([row('a', 'get', 1, 1), row('a', 'get', 10, 1), row('a', 'get', 100, 8)])
  const grew = growths([row('a', 'get', 1, 1), row('a', 'get', 10, 8), row('a', 'get', 100, 8)])
  assert.match(growthText(grows[0]!), /GROWS WITH THE SIZE/)
  assert.not.match(growthText(grew[0]!), /GROWS/)
})

test.run()
