/**
 * The switched-on bugs, and what finds each of them: its schedules, the storms, starts over graphs of links, the model
 * checker (correctness plan, F.9):
 *   npm run sim:mutants [-- --seeds 400] [--seconds 120] [--only NAME,NAME | --sample 5]
 *     [--by scenario,swarm,graphs,model]
 * A row for each, and for each way the check that saw it, how far it had to go and the time that took; a dash where the
 * bug is out of the reach of the storms, of such starts, or of the model. One process. Ends with `N passed, N failed`,
 * counting bugs by ways: one that is not found within the bounds, by a way that must find it, counts as a failure.
 */
import { exposedCore } from '../model/bundle.ts'
import type { ExposedCore } from '../model/exposed-core.ts'
import { KNOWN_BUGS, searchFor } from '../model/known-bugs.ts'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { optionWords } from '../option-words.ts'
import { drawTrial, runTrial } from './graphs/trial.ts'
import { MUTANTS, SCENARIOS } from './scenarios/all.ts'
import type { Mutant, Scenario } from './scenarios/scenario.ts'
import { BEYOND_STORMS, SEEN_OVER_GRAPHS, startsFor, stormsFor } from './storms-for.ts'

/** How a bug was found, in a few words; null when it was not. */
type Finding = string | null

const WAYS = ['scenario', 'swarm', 'graphs', 'model'] as const
type Way = typeof WAYS[number]

const DAY_MS = 86_400_000

const { value, number, refuse } = optionWords('npm run sim:mutants', 'What finds each of the switched-on bugs.', {
  seeds: ['N', 'at most so many storms, and starts over graphs, for each, 400'],
  seconds: ['SECONDS', 'at most so long in storms, and so long in such starts, for each, 120'],
  only: ['NAME,NAME', 'of these bugs; all when left out'],
  sample: ['N', 'of so many bugs, others each day'],
  by: ['WAY,WAY', `of ${WAYS.join(', ')}; all when left out`],
})
const most = number('seeds') ?? 400
const limitMs = (number('seconds') ?? 120) * 1_000
const codec = makeTxnCodec()

/** All of its schedules must see it, by one of the checks that they name. */
function byScenarios(mutant: string): Finding {
  const seen: string[] = []
  for (const scenario of SCENARIOS) {
    for (const known of scenario.mutants) {
      if (known.mutant !== mutant) continue
      const check = checkOf(scenario, known)
      if (check === null || !known.seenBy.includes(check)) return null
      seen.push(`${scenario.name.split(' ')[0]!} ${check}`)
    }
  }
  const more = seen.length > 1 ? ` +${seen.length - 1}` : ''
  return seen.length === 0 ? null : `${seen[0]!}${more}`
}

function checkOf(scenario: Scenario, { mutant, ignore }: Mutant): string | null {
  try {
    scenario.run({ mutant, ...(ignore === undefined ? {} : { ignore }) })
  } catch (error) {
    if (error instanceof Violation) return error.check
    throw error
  }
  return null
}

/** The first of these that is found before the time is up. */
function firstOf(tries: Iterable<number>, find: (number: number) => Finding): Finding {
  const startMs = performance.now()
  for (const one of tries) {
    if (performance.now() - startMs > limitMs) return null
    const finding = find(one)
    if (finding !== null) return finding
  }
  return null
}

function bySwarm(mutant: string): Finding {
  if (BEYOND_STORMS.includes(mutant)) return '-'
  return firstOf(stormsFor(mutant, most), (seed) => {
    const { failure } = runSeed(seed, codec, mutant)
    return failure === null ? null : `seed ${seed} ${failure.check}`
  })
}

/** A start that fails with the bug and not without it. */
function byGraphs(mutant: string): Finding {
  if (SEEN_OVER_GRAPHS[mutant] === undefined) return '-'
  return firstOf(startsFor(mutant, most), (start) => {
    const { failure } = runTrial(drawTrial(start), { mutant })
    if (failure === null || runTrial(drawTrial(start)).failure !== null) return null
    return `start ${start} ${failure.split(':')[0]!}`
  })
}

function byModel(core: ExposedCore, mutant: string): Finding {
  const bug = KNOWN_BUGS[mutant]
  if (bug === undefined) return '-'
  const { violation, states } = searchFor(core, mutant, bug)
  if (violation === null || !bug.seenBy.includes(violation.check)) return null
  return `${bug.isDeep ? `walks, ${states} states` : `depth ${violation.depth}`} ${violation.check}`
}

function chosen(): readonly string[] {
  const only = value('only')?.split(',')
  const unknown = (only ?? []).filter((mutant) => !MUTANTS.includes(mutant))
  if (unknown.length > 0) return refuse(`no bug ${unknown.join(', ')}; there are ${MUTANTS.join(', ')}`)
  const sample = Math.min(number('sample', 1) ?? MUTANTS.length, MUTANTS.length)
  const first = sample === MUTANTS.length ? 0 : Math.floor(Date.now() / DAY_MS) * sample
  return only ?? Array.from({ length: sample }, (_, at) => MUTANTS[(first + at) % MUTANTS.length]!)
}

function waysChosen(): Way[] {
  const words = value('by')?.split(',') ?? WAYS
  const ways = WAYS.filter((way) => words.includes(way))
  return ways.length === words.length ? ways : refuse(`--by takes ${WAYS.join(', ')}`)
}

async function main(): Promise<void> {
  const [mutants, ways] = [chosen(), waysChosen()]
  const core = await exposedCore()
  const find = {
    scenario: byScenarios, swarm: bySwarm, graphs: byGraphs, model: (mutant: string) => byModel(core, mutant),
  } as const
  const width = Math.max(...mutants.map((mutant) => mutant.length)) + 2
  process.stdout.write(`${''.padEnd(width)}${ways.map((way) => way.padEnd(36)).join('')}\n`)
  let passed = 0
  let failed = 0
  for (const mutant of mutants) {
    process.stdout.write(mutant.padEnd(width))
    for (const way of ways) {
      const startMs = performance.now()
      const finding = find[way](mutant)
      const seconds = ((performance.now() - startMs) / 1_000).toFixed(2)
      if (finding === null) failed++
      else if (finding !== '-') passed++
      const cell = finding === '-' ? finding : `${finding ?? 'NOT FOUND'} ${seconds} s`
      process.stdout.write(cell.padEnd(36))
    }
    process.stdout.write('\n')
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}

await main()
