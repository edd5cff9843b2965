import { assert, suite } from '../harness.ts'
import { Attempts } from '../../lib/client/attempts.ts'
import { FakeEndpoint } from './fakes.ts'

const test = suite('attempts to connect')

const endpoints = (count: number): FakeEndpoint[] =>
  Array.from({ length: count }, (_, index) => new FakeEndpoint(`server ${index}`))

/** The pauses before the next attempts, all of which fail. */
function pauses(attempts: Attempts, count: number): number[] {
  return Array.from({ length: count }, () => {
    const { pauseMs } = attempts.next(9_000)!
    attempts.failed()
    return pauseMs
  })
}

test('every server is tried once without a pause, then pauses double up to a second', () => {
  assert.equal(pauses(new Attempts(endpoints(1)), 10), [0, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000])
  assert.equal(pauses(new Attempts(endpoints(3)), 9), [0, 0, 0, 10, 10, 10, 20, 20, 20])
})

test('the pauses of many clients differ, between half and the whole', () => {
  assert.equal(pauses(new Attempts(endpoints(1), () => 0), 10), [0, 5, 10, 20, 40, 80, 160, 320, 500, 500])
  assert.equal(pauses(new Attempts(endpoints(1), () => 0.5), 9), [0, 8, 15, 30, 60, 120, 240, 480, 750])
})

test('a session that was opened starts over, with the same server', () => {
  const attempts = new Attempts(endpoints(2))
  assert.is(attempts.next(9_000)!.endpoint.name, 'server 0')
  attempts.failed()
  assert.is(attempts.next(9_000)!.endpoint.name, 'server 1')
  attempts.succeeded()
  assert.equal([attempts.next(9_000)!.endpoint.name, attempts.next(9_000)!.pauseMs], ['server 1', 0])
  attempts.wentSilent()
  assert.equal([attempts.next(9_000)!.endpoint.name, attempts.next(9_000)!.pauseMs], ['server 0', 0])
})

test('connections that end as soon as they are open are made with pauses in the end, until one lasts', () => {
  const attempts = new Attempts(endpoints(2))
  const brief = (count: number, timeoutMs = 9_000): number[] => Array.from({ length: count }, () => {
    attempts.succeeded()
    attempts.ended(999)
    return attempts.next(timeoutMs)!.pauseMs
  })
  assert.equal(brief(16), [0, 0, 0, 0, 0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1_000])
  assert.equal(brief(1, 2_000), [500])
  attempts.ended(1_000)
  assert.equal(brief(9), [0, 0, 0, 0, 0, 0, 0, 0, 10])
})

test('an attempt may take a share of the timeout, and all the time where there is only one server', () => {
  const limit = (count: number, timeoutMs: number): number => new Attempts(endpoints(count)).next(timeoutMs)!.limitMs
  assert.equal([limit(1, 9_000), limit(2, 9_000), limit(3, 400), limit(3, 60_000)], [Infinity, 3_000, 250, 5_000])
})

test('servers that are not ready are tried last, those that are gone never', () => {
  const [one, two, three] = endpoints(3) as [FakeEndpoint, FakeEndpoint, FakeEndpoint]
  const attempts = new Attempts([one, two, three])
  one.gone = true
  two.ready = false
  assert.is(attempts.next(9_000)!.endpoint, three)
  three.gone = true
  assert.is(attempts.next(9_000)!.endpoint, two)
  assert.not.ok(attempts.isOver)
  two.gone = true
  assert.is(attempts.next(9_000), null)
  assert.ok(attempts.isOver)
})

test.run()
