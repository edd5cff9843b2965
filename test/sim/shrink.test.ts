import { assert, suite } from '../harness.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { shrink } from '../../lib/testing/sim/shrink.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: shrink')

test('a failing seed is reduced to a few faults and requests that fail by the same check', () => {
  const codec = makeTxnCodec()
  const mutant = 'truncOneTooMany'
  const whole = drawRun(1, mutant)
  const shrunk = shrink(1, mutant, codec, 150)
  assert.ok(shrunk !== null)
  const { reduction, result } = shrunk
  assert.is(result.failure?.check, play(whole, codec).failure?.check)
  const run = drawRun(1, mutant, JSON.parse(JSON.stringify(reduction)))
  assert.ok(run.faults.length <= 3 && whole.faults.length > 30, `${run.faults.length} of ${whole.faults.length} faults`)
  assert.ok(result.asked <= 40, `${result.asked} requests`)
  assert.is(run.plan.world.clients, 1)
  assert.ok(result.endedMs <= 20_000, `${result.endedMs} ms`)
  const again = play(run, codec)
  assert.is(again.failure?.message, result.failure?.message, 'what is printed replays it')
  assert.is(again.fingerprint, result.fingerprint)
  assert.is(play(drawRun(1, undefined, reduction), codec).failure, null, 'without the bug nothing is wrong')
}, { timeoutMs: 300_000 })

test('a seed that does not fail is not reduced', () => {
  assert.is(shrink(1), null)
}, { timeoutMs: 60_000 })

test.run()
