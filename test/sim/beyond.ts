/**
 * What becomes of an ensemble whose disks fail beyond what is guaranteed (correctness plan, B, its last profile):
 *   npm run sim:beyond [-- --seeds 60] [--from 1] [--mutant NAME] [--trace]
 * One process. rot: any number of disks rot at once, and their storages know. seen: they go back to an old image, as
 * one that says written and has not, and the marker beside them tells. unseen: the marker went back as well. In the
 * first two no acknowledged write may be lost, and where too few whole disks are left nobody may lead; in the third
 * writes may be lost, and what is counted is whether anybody can know. Peers that serve different trees fail in all.
 * Ends with `N passed, N failed`, counting seeds.
 */
import { runBeyond } from './beyond/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { optionWords } from '../option-words.ts'

const TRACE_SHOWN = 60

const { value, number, has } = optionWords('npm run sim:beyond', 'Disks that fail beyond what is guaranteed.', {
  seeds: ['N', 'how many, 60'],
  from: ['N', 'the first of them, 1'],
  mutant: ['NAME', 'with this bug switched on'],
  trace: ['', 'tells the last events of each that fails'],
})

function main(): void {
  const codec = makeTxnCodec()
  const from = number('from') ?? 1
  const outcomes = new Map<string, number>()
  let passed = 0
  let failed = 0
  for (let seed = from; seed < from + (number('seeds') ?? 60); seed++) {
    const { failure, reached } = runBeyond(seed, codec, value('mutant'))
    if (failure === null) passed++
    else {
      failed++
      const lines = has('trace') ? failure.trace.slice(-TRACE_SHOWN) : []
      process.stdout.write(`${[...lines, `seed ${seed}: ${failure.message}`].join('\n')}\n`)
    }
    for (const what of Object.keys(reached)) {
      if (what.startsWith('beyond: ') || what.startsWith('fatal: ')) outcomes.set(what, (outcomes.get(what) ?? 0) + 1)
    }
  }
  for (const [what, seeds] of Array.from(outcomes).sort(([a], [b]) => a < b ? -1 : 1)) {
    process.stdout.write(`  ${what.padEnd(56)}${String(seeds).padStart(8)} seeds\n`)
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}

main()
