import { assert, suite } from '../harness.ts'
import { Lease } from '../../lib/client/lease.ts'
import { SleepyClock } from './wire-server.ts'

const test = suite('the lease of a session')

/** A lease that tells what it says, and when. */
function begun(timeoutMs: number, ends = true, touchedAgoMs = 0): {
  readonly lease: Lease, readonly clock: SleepyClock, readonly said: string[],
} {
  const clock = new SleepyClock()
  const startMs = clock.now()
  const said: string[] = []
  const say = (what: string) => (): void => void said.push(`${what} ${clock.now() - startMs}`)
  const lease = new Lease({ clock, unref: false, ends, onLost: say('lost'), onOver: say('over') })
  lease.begin(startMs - touchedAgoMs, timeoutMs)
  lease.watch()
  return { lease, clock, said }
}

test('the session may be gone after its timeout, and is over a moment after four thirds of it', () => {
  const { lease, clock, said } = begun(9_000)
  assert.is(lease.leftMs, 9_000)
  clock.pass(8_999)
  assert.equal([said, lease.leftMs], [[], 1])
  clock.pass(10_000)
  assert.equal(said, ['lost 9000', 'over 12020'])
  assert.is(lease.leftMs, 0)
  assert.is(clock.timers, 0)
})

test('it counts from the last moment at which the session was known to be alive', () => {
  const { clock, said } = begun(9_000, true, 4_000)
  clock.pass(20_000)
  assert.equal(said, ['lost 5000', 'over 8020'])
})

test('a session that was silent for longer than that is lost at once and over a moment later', () => {
  assert.equal(begun(9_000, true, 9_000).said, ['lost 0'])
  const { clock, said } = begun(9_000, true, 12_000)
  assert.equal(said, ['lost 0'])
  clock.pass(19)
  assert.equal(said, ['lost 0'])
  clock.pass(1)
  assert.equal(said, ['lost 0', 'over 20'])
})

test('where somebody can say that it is over, it is only lost', () => {
  const { clock, said } = begun(9_000, false)
  clock.pass(100_000)
  assert.equal(said, ['lost 9000'])
  assert.is(clock.timers, 0)
})

test('a connection in time ends the watch', () => {
  const { lease, clock, said } = begun(9_000)
  clock.pass(8_000)
  lease.stop()
  assert.is(clock.timers, 0)
  clock.pass(100_000)
  assert.equal(said, [])
  lease.begin(clock.now(), 3_000)
  lease.watch()
  clock.pass(3_000)
  assert.equal(said, ['lost 111000'], 'and the next one counts anew')
})

test('a sleep of the machine counts, as soon as it is awake', () => {
  const { lease, clock, said } = begun(9_000)
  clock.pass(2_000)
  clock.sleep(7_500)
  assert.is(lease.leftMs, 0)
  clock.pass(1_000)
  assert.equal(said, ['lost 3000'])
  clock.sleep(3_600_000)
  clock.pass(1_020)
  assert.equal(said, ['lost 3000', 'over 4020'])
})

test('a wall clock that is set back lengthens nothing', () => {
  const { lease, clock, said } = begun(9_000)
  clock.sleep(-3_600_000)
  clock.pass(4_000)
  assert.is(lease.leftMs, 5_000)
  clock.pass(5_000)
  assert.equal(said, ['lost 9000'])
})

test.run()
