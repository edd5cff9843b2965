import { InFlight } from '../../lib/peer/in-flight.ts'
import { assert, suite } from '../harness.ts'

const test = suite('requests in flight')

test('requests leave as they came, however many wait', () => {
  const flight = new InFlight(Infinity)
  let came = 0
  let gone = 0
  for (const step of [1, 700, 3, 2_000, 5_000]) {
    for (let i = 0; i < 2 * step; i++, came++) flight.push(came % 7, came, 1)
    for (let i = 0; i < step; i++, gone++) {
      flight.shift()
      assert.equal([flight.op, flight.sinceMs], [gone % 7, gone])
    }
    assert.is(flight.size, came - gone)
  }
  while (flight.size > 0) {
    flight.shift()
    assert.is(flight.sinceMs, gone++)
  }
  assert.is(gone, came)
  flight.shift()
  assert.equal([flight.op, flight.sinceMs, flight.size], [0, 0, 0])
})

test('many requests are enough, and many bytes, until half of those are answered', () => {
  const many = new InFlight(Infinity)
  for (let i = 0; i < 4_095; i++) many.push(1, i, 1_000_000)
  assert.is(many.isFull, false)
  many.push(1, 0, 0)
  assert.is(many.isFull, true)
  many.shift()
  assert.is(many.isFull, false)
  const heavy = new InFlight(100)
  for (const bytes of [40, 60]) heavy.push(5, 0, bytes)
  assert.is(heavy.isFull, false)
  heavy.push(5, 0, 10)
  assert.is(heavy.isFull, true)
  heavy.shift()
  assert.is(heavy.isFull, true, 'more than half of the bound')
  heavy.push(5, 0, 40)
  heavy.shift()
  assert.is(heavy.isFull, false)
  for (let i = 0; i < 3; i++) heavy.shift()
  assert.equal([heavy.size, heavy.isFull], [0, false])
  heavy.push(5, 0, 100)
  assert.is(heavy.isFull, false, 'nothing is left over')
  heavy.push(5, 0, 1)
  assert.is(heavy.isFull, true)
})

test.run()
