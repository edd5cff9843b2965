import { InFlight } from '../../lib/peer/in-flight.ts'
import { assert, suite } from '../harness.ts'

const test = suite('requests in flight')

test('requests leave as they came, however many wait', () => {
  const flight = new InFlight()
  let came = 0
  let gone = 0
  for (const step of [1, 700, 3, 2_000, 5_000]) {
    for (let i = 0; i < 2 * step; i++, came++) flight.push(came % 7, came)
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

test.run()
