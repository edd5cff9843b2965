import { assert, suite } from '../harness.ts'
import { runBeyond } from './beyond/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { seenBySeed } from './named-seed.ts'

/** Disks that fail beyond what is guaranteed: see beyond.ts beside this. */
const test = suite('sim: beyond the guarantee')
const codec = makeTxnCodec()

test('more damage than a quorum can do without is seen, or leaves peers that agree', () => {
  const kinds = new Set<string>()
  for (let seed = 13; seed <= 22; seed++) {
    const { failure, reached } = runBeyond(seed, codec)
    assert.is(failure, null)
    for (const what of Object.keys(reached)) if (what.startsWith('beyond: ')) kinds.add(what.split(',')[0]!)
  }
  assert.equal(Array.from(kinds).sort(), ['beyond: rot', 'beyond: seen', 'beyond: unseen'])
}, { timeoutMs: 120_000 })

test('peers that serve different trees after it are seen', async () => {
  const seeds = Array.from({ length: 200 }, (_, at) => at + 1)
  await seenBySeed(158, seeds, (seed) =>
    runBeyond(seed, codec, 'diffWithoutTrunc').failure?.message.includes('two peers serve different trees') === true)
}, { timeoutMs: 600_000 })

test.run()
