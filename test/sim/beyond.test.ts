import { assert, suite } from '../harness.ts'
import { runBeyond } from './beyond/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

/** Disks that fail beyond what is guaranteed: see beyond.ts beside this. */
const test = suite('sim: beyond the guarantee')
const codec = makeTxnCodec()

test('more damage than a quorum can do without is seen, or leaves peers that agree', () => {
  const kinds = new Set<string>()
  for (let seed = 1; seed <= 8; seed++) {
    const { failure, reached } = runBeyond(seed, codec)
    assert.is(failure, null)
    for (const what of Object.keys(reached)) if (what.startsWith('beyond: ')) kinds.add(what.split(',')[0]!)
  }
  assert.equal(Array.from(kinds).sort(), ['beyond: rot', 'beyond: seen', 'beyond: unseen'])
}, { timeoutMs: 120_000 })

test('peers that serve different trees after it are seen', () => {
  for (let seed = 109; seed < 200; seed++) {
    const { failure } = runBeyond(seed, codec, 'diffWithoutTrunc')
    if (failure?.message.includes('two peers serve different trees') === true) return
  }
  assert.unreachable('no seed came to it')
}, { timeoutMs: 600_000 })

test.run()
