/**
 * Which of the switched-on bugs the storms find, and how long that takes (correctness plan, F.9):
 *   npm run sim:mutants [-- --seeds 400] [--seconds 120] [--only NAME,NAME]
 * One process. Ends with `N passed, N failed`: a mutant that is not found within either bound counts as a failure.
 */
import { runSeed } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { optionWords } from '../option-words.ts'
import { SCENARIOS } from './scenarios/all.ts'

const { value, number } = optionWords('npm run sim:mutants', 'Which of the switched-on bugs the storms find.', {
  seeds: ['N', 'at most so many seeds for each, 400'],
  seconds: ['SECONDS', 'at most so long for each, 120'],
  only: ['NAME,NAME', 'of these bugs; all when left out'],
})

function main(): void {
  const seeds = number('seeds') ?? 400
  const limitMs = (number('seconds') ?? 120) * 1_000
  const all = new Set(SCENARIOS.flatMap(({ mutants }) => mutants.map(({ mutant }) => mutant)))
  const only = value('only')?.split(',') ?? Array.from(all).sort()
  const codec = makeTxnCodec()
  let found = 0
  for (const mutant of only) {
    const startMs = performance.now()
    let simulatedMs = 0
    let seen = 'not found'
    let seed = 1
    for (; seed <= seeds && performance.now() - startMs < limitMs; seed++) {
      const result = runSeed(seed, codec, mutant)
      simulatedMs += result.simulatedMs
      if (result.failure === null) continue
      seen = result.failure.message.split('\n')[0] ?? result.failure.check
      found++
      break
    }
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
    process.stdout.write(`${mutant.padEnd(34)}${`seed ${seed}`.padStart(9)}${seconds.padStart(8)} s` +
      `${(simulatedMs / 1_000).toFixed(0).padStart(8)} simulated s  ${seen}\n`)
  }
  process.stdout.write(`${found} passed, ${only.length - found} failed\n`)
  process.exitCode = found === only.length ? 0 : 1
}

main()
