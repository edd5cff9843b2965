import { MUTANTS } from '../sim/scenarios/all.ts'

/** One step of the night. */
export interface Step {
  readonly name: string
  /** Words behind `npm`. */
  readonly words: readonly string[]
  /** What it is expected to take, on a machine with two cores. */
  readonly aboutS: number
  /** So long may it take. */
  readonly limitS: number
  /** Ends with this code when part of it could not be done here; what was done counts. */
  readonly partCode?: number
}

/** Shares of the time; each step is as large as fits into its own. */
const SHARES = {
  mutants: 0.05, model: 0.05, elections: 0.01, sweep: 0.05, sweepAll: 0.03, short: 0.01, graphs: 0.02, beyond: 0.03,
  fuzz: 0.06, histories: 0.04, codec: 0.02, bred: 0.04, brief: 0.02, recipes: 0.01, measure: 0.005,
}
/** Most of a share is not always used up: no step grows beyond what it can be good for. */
const SWEEP_FULL_S = 720
/** Of the schedules of all groups. */
const SWEEP_ALL_S = 8_500
const SHORT_S = 0.5
/** All starts of five voters. */
const GRAPHS_S = 170
const BRIEF_SEED_S = 0.05
/** One seed of each recipe. */
const RECIPES_SEED_S = 3
const SHORT_STRIDE = 100
const MEASURE_MINUTES = 3
const MUTANT_S = 20
const BEYOND_SEED_S = 0.8
const HISTORY_S = 0.8
const CODEC_SEED_S = 1
/** Of storms for each known bug: those that show it after some hundred seeds need more than a minute. */
const MUTANT_SECONDS = 240
/** Who has so much time, once a week, looks for all of them. */
const WHOLE_HOURS = 20
const DAY_MS = 86_400_000
/** As many states as memory holds in two threads. */
const MODEL = ['--txns', 2, '--crashes', 1, '--losses', 1, '--states', 15_000_000] as const
/** Walks, others each day: breadth first each night would see the same. */
const ELECTIONS = ['--elections', '--txns', 2, '--crashes', 1, '--losses', 1, '--timeouts', 1, '--depth', 300] as const
/** What no share pays for: the rules one by one, the schedules, one voter beside three, and the storage. */
const SCHEDULES_S = 90
const RULES = [
  'test/core', 'test/sim/scenarios', 'test/sim/schedules', 'test/sim/single', 'test/storage', 'test/error-paths',
] as const
/** Beyond twice the time, and this, something hangs. */
const SLACK_S = 900

function step(name: string, aboutS: number, ...words: string[]): Step {
  return { name, words, aboutS: Math.round(aboutS), limitS: Math.round(2 * aboutS + SLACK_S) }
}

function npm(script: string, ...options: (string | number)[]): string[] {
  return ['run', '-s', script, '--', ...options.map(String)]
}

/**
 * The gate of a night (correctness plan, F.10) for so many hours: rules, schedules and the storage; a sample of the
 * known bugs, others each day, and all of them from 20 hours on; slices of the model, one of them with elections; the
 * sweep of the first groups, whole or with strides, a part of that of all groups, another each day, and that of short
 * runs; elections over graphs of links, all or a part of them; disks beyond what is guaranteed; fuzzing; histories
 * before somebody else's checker; the codec on every message; bred seeds; brief storms and recipes, other seeds each
 * day; how fast a core is; and in the time that is left, most of it, the storms, added to the ledger.
 */
export function stepsFor(hours: number, day: number = Math.floor(Date.now() / DAY_MS)): Step[] {
  const seconds = hours * 3_600
  const part = (name: keyof typeof SHARES): number => seconds * SHARES[name]
  const atLeastOne = (count: number): number => Math.max(1, Math.floor(count))
  const minutesOf = (s: number): number => Math.max(0.1, Math.round(s / 6) / 10)
  const isWhole = hours >= WHOLE_HOURS
  const sample = isWhole ? MUTANTS.length : Math.min(MUTANTS.length, atLeastOne(part('mutants') / MUTANT_S))
  const sampled = isWhole ? [] : ['--sample', sample]
  const stride = atLeastOne(Math.ceil(SWEEP_FULL_S / part('sweep')))
  const parts = atLeastOne(Math.ceil(SWEEP_ALL_S / part('sweepAll')))
  const short = atLeastOne(part('short') / SHORT_S)
  const beyond = atLeastOne(part('beyond') / BEYOND_SEED_S)
  const histories = atLeastOne(part('histories') / HISTORY_S)
  const codec = atLeastOne(part('codec') / CODEC_SEED_S)
  const graphs = atLeastOne(Math.ceil(GRAPHS_S / part('graphs')))
  const brief = atLeastOne(part('brief') / BRIEF_SEED_S)
  const recipes = atLeastOne(part('recipes') / RECIPES_SEED_S)
  const modelS = atLeastOne(part('model'))
  const electionsS = atLeastOne(part('elections'))
  const fuzzMinutes = Math.max(1, minutesOf(part('fuzz')))
  const bredMinutes = minutesOf(part('bred'))
  const measureMinutes = Math.min(MEASURE_MINUTES, minutesOf(part('measure')))
  const others: Step[] = [
    step('schedules', SCHEDULES_S, 'test', '-s', '--', ...RULES),
    step('mutants', sample * MUTANT_S, ...npm('sim:mutants', ...sampled, '--seconds', MUTANT_SECONDS)),
    step('model', modelS, ...npm('model', ...MODEL, '--seconds', modelS)),
    step('elections', electionsS, ...npm('model', ...ELECTIONS, '--walks', 1 + day, '--seconds', electionsS)),
    step('sweep', SWEEP_FULL_S / stride, ...npm('sweep', '--stride', stride)),
    step('sweep-all', SWEEP_ALL_S / parts, ...npm('sweep', '--all', '--part', `${1 + day % parts}/${parts}`)),
    step('sweep-short', short * SHORT_S, ...npm('sweep', '--short', short, '--stride', SHORT_STRIDE)),
    step('graphs', GRAPHS_S / graphs, ...npm('sim:graphs', '--part', `${1 + day % graphs}/${graphs}`)),
    step('beyond', beyond * BEYOND_SEED_S, ...npm('sim:beyond', '--seeds', beyond)),
    step('fuzz', fuzzMinutes * 60, ...npm('fuzz', '--minutes', fuzzMinutes, '--processes', 2)),
    { ...step('histories', histories * HISTORY_S + 10, ...npm('histories', '--seeds', histories)), partCode: 3 },
    step('codec', codec * CODEC_SEED_S, ...npm('sim', '--seeds', codec, '--codec-all')),
    step('bred', bredMinutes * 60, ...npm('sim', '--minutes', bredMinutes, '--breed')),
    step('brief', brief * BRIEF_SEED_S, ...npm('sim', '--brief', '--seeds', brief, '--from', 1 + day * brief)),
    step('recipes', recipes * RECIPES_SEED_S,
      ...npm('recipes:sim', '--seeds', recipes, '--from', 1 + day * recipes)),
    step('measure', measureMinutes * 60, ...npm('sim', '--measure', '--minutes', measureMinutes)),
  ]
  const restS = seconds - others.reduce((sum, { aboutS }) => sum + aboutS, 0)
  const minutes = Math.max(1, minutesOf(restS))
  return [...others, step('storms', minutes * 60, ...npm('sim', '--minutes', minutes, '--majors', '--ledger'))]
}
