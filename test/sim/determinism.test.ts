import { assert, suite } from '../harness.ts'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: determinism')

test('a seed is a run: the same every time, and another than any other', () => {
  const prints = new Set<number>()
  for (const seed of [37, 38, 45]) {
    const first = runSeed(seed, makeTxnCodec())
    const second = runSeed(seed, makeTxnCodec())
    assert.is(first.failure, null)
    assert.equal(second, first)
    assert.ok(first.commits > 100 && first.acked > 100)
    prints.add(first.fingerprint)
  }
  assert.is(prints.size, 3)
}, { timeoutMs: 60_000 })

test.run()
