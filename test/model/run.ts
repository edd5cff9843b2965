/**
 * Bounded model checking of the real core (correctness plan, F.3), from the end of an election on, or with elections:
 *   npm run model -- --txns 1 --crashes 1 --losses 1 [--timeouts 0] [--voters 3] [--mutant NAME] [--threads N]
 *                    [--epochs 24] [--established] [--elections] [--states 100000000] [--depth 1000] [--seconds 120]
 *                    [--full]
 * With --walks SEED it takes random walks instead: what lies deep is found sooner, nothing is proved.
 * With --established it begins one step later: with an established epoch that is quiet.
 * With --full nothing is reduced: for comparison.
 */
import { availableParallelism } from 'node:os'
import { exposedCore } from './bundle.ts'
import { optionWords } from '../option-words.ts'
import { searchParallel } from './parallel.ts'
import { Search } from './search.ts'

const { value, number, has } = optionWords('npm run model', 'Every state that a few servers can come to.', {
  txns: ['N', 'writes, 1'],
  crashes: ['N', 'crashes, 1'],
  losses: ['N', 'links that break, 1'],
  timeouts: ['N', 'timeouts, 0'],
  epochs: ['N', 'no state beyond so many epochs is looked at, 24'],
  voters: ['N', 'servers, 3'],
  established: ['', 'from an epoch that is established and quiet; from the end of an election when left out'],
  mutant: ['NAME', 'with this bug switched on'],
  threads: ['N', 'as many as there are cores when left out'],
  states: ['N', 'stops after so many, 100,000,000'],
  depth: ['N', 'stops at so many steps, 1,000'],
  seconds: ['SECONDS', 'stops after this time, 120'],
  elections: ['', 'they are searched as well, from the start of all on; else they are over at once'],
  full: ['', 'reduces nothing: for comparison'],
  walks: ['N', 'random walks of this seed instead: finds what lies deep sooner, proves nothing'],
})
const subject = {
  size: number('voters') ?? 3,
  bounds: {
    txns: number('txns') ?? 1, crashes: number('crashes') ?? 1, losses: number('losses') ?? 1,
    timeouts: number('timeouts') ?? 0, epochs: number('epochs') ?? 24,
  },
  mutant: value('mutant'),
  established: has('established'),
  elections: has('elections'),
  isFull: has('full'),
}
const limits = {
  states: number('states') ?? 100_000_000, depth: number('depth') ?? 1_000, ms: (number('seconds') ?? 120) * 1_000,
}
const seed = number('walks') ?? 0
const result = seed > 0 ? new Search(await exposedCore(), subject).walk(limits, seed)
  : await searchParallel(subject, limits, number('threads') ?? availableParallelism(),
    (line) => process.stdout.write(`${line}\n`))
const { states, transitions, depth, frontier, late, elapsedMs, localStates, coreSteps, violation } = result
const extent = seed > 0 ? 'random walks' : frontier > 0 ? `${frontier} states left`
  : late > 0 ? `complete but for ${late} states beyond epoch ${subject.bounds.epochs}` : 'complete'
process.stdout.write(`${states} states, ${transitions} transitions, depth ${depth}, ${extent}, ` +
  `${(elapsedMs / 1_000).toFixed(1)} s, ` +
  `${Math.round(states / (elapsedMs / 1_000))} states/s; ${localStates} local states, ${coreSteps} steps of the core\n`)
if (violation !== null) {
  for (const line of violation.trace) process.stdout.write(`${line}\n`)
  process.stdout.write(`at depth ${violation.depth}: ${violation.message}\n`)
}
process.stdout.write(violation === null ? '1 passed, 0 failed\n' : '0 passed, 1 failed\n')
process.exitCode = violation === null ? 0 : 1
