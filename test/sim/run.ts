/**
 * Runs the simulator over many seeds on all cores:
 *   npm run sim -- --seeds 200 [--from 1] | --minutes 10 [--from N] | --seed 17 [--only JSON] [--page FILE]
 *   [--save FILE] | --run FILE [--page FILE]
 *   [--brief] [--mutant NAME] [--no-shrink] [--majors] [--ledger] [--breed] [--codec-all]
 * The live line has `61/92 states`: so many were reached of those that a long run must come to.
 * Ends with `N passed, N failed`, counting seeds; from 200 seeds on each state that must be reached and was not counts
 * as a failure (lib/testing/sim/reached.ts), and so does a median of the times to the leader of a healed ensemble that
 * is too long. A failing seed prints what broke and the last events; the first ones are reduced to what is needed to
 * fail, told event by event, with one command that replays that; `--save` keeps what is left of one as a file, which is
 * the same run still when draws have changed (saved-run.ts), and `--run` plays such a file. With `--brief` each seed's
 * storm takes a quarter of its time (`abridged` in lib/testing/sim/plan.ts), so that more of them fit into a gate; from
 * 1,000 of these on states are asked for. With `--majors` every hundredth seed is run on another major of Node as well
 * (see other-node.ts), and must come to the same. With `--ledger` what it comes to is added to the sums for this state
 * of the core (see ledger/ledger.ts), a part every minute and the rest when it ends, is stopped by SIGINT or SIGTERM,
 * or time is up; `npm run sim:ledger` prints them. With `--breed` seeds that reach what none did before are run again
 * with one more of their draws changed (see breeder.ts); with `--codec-all` every message between peers goes through
 * the peer protocol's bytes, not one frame in a hundred. `npm run sim -- --measure [--minutes 1]` tells instead how
 * fast one core is, what of that the checks take, and the memory (measure.ts).
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Lanes } from '../../lib/testing/sim/lanes.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import type { Reduction, Run } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import { REACHED_BY_FULL, REACHED_BY_SLICE } from '../../lib/testing/sim/reached.ts'
import { shrink } from '../../lib/testing/sim/shrink.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { optionWords } from '../option-words.ts'
import { Breeder } from './breeder.ts'
import type { Job } from './breeder.ts'
import { commitOf } from './commit.ts'
import { Account } from './ledger/account.ts'
import { coreHash } from './ledger/core-hash.ts'
import { LEDGER_FILE, readLedger } from './ledger/file.ts'
import { LiveLine } from './live-line.ts'
import { OtherMajor } from './other-major.ts'
import type { Agreement } from './other-major.ts'
import { profileOf } from './profile.ts'
import { readRun, saveRun } from './saved-run.ts'
import { Totals } from './totals.ts'
import { TWICE } from './twice.ts'
import type { Done } from './worker.ts'
import { WORKER_FLAGS, workerBundle } from './worker-bundle.ts'

interface Options {
  readonly seed: number | null
  readonly seeds: number
  readonly minutes: number
  readonly from: number
  /** How much of each storm is played. */
  readonly length: Pick<Reduction, 'storm'>
  readonly mutant: string | undefined
  /** Where the page of one seed goes. */
  readonly page: string | undefined
  /** Where what is left of a failing seed goes. */
  readonly save: string | undefined
  /** The file of a run that is played instead of a seed's. */
  readonly run: string | undefined
  /** What of the seed is left; nothing is left out when undefined. */
  readonly only: Reduction | undefined
  readonly shrinks: boolean
  readonly majors: boolean
  /** The file to whose sums this run is added. */
  readonly ledger: string | undefined
  readonly breeds: boolean
  readonly codesAll: boolean
  readonly measures: boolean
}

const commit = commitOf()
const SAVE_MS = 60_000
/** After so many failing seeds there is enough to look at. */
const FAILURES_MAX = 10
/** So many of them are reduced. */
const SHRUNK_MAX = 2
const TRACE_SHOWN = 60
const LANES_SHOWN = 200
/** From so many seeds on the list of the slice, and the whole one, must be reached. */
const SLICE_SEEDS = 200
const FULL_SEEDS = 5_000
/** From so many brief ones on the list of the slice must be. */
const BRIEF_SEEDS = 1_000

const ABOUT = `The simulator over many seeds, on all cores. Its live line has seeds, simulated time and how fast
that is, steps of all servers, commits, elections, how many of the states that a long run must come to were
reached (rows of the gate table, branches of the synchronization, ways in which a role ends, what disks did: each
is a row of the table at the end), and faults by kind.`

function readOptions(): Options {
  const { value, number, has, refuse } = optionWords('npm run sim', ABOUT, {
    seeds: ['N', 'how many, 20'],
    minutes: ['MINUTES', 'as many as fit into this time'],
    from: ['N', 'the first of them, 1; with --minutes another one each time'],
    seed: ['N', 'this one alone, told event by event if it fails'],
    brief: ['', 'their storms in a quarter of the time'],
    only: ['JSON', 'with --seed: what a reduction has left of it'],
    page: ['FILE', 'with --seed or --run: all its events go on this page (HTML)'],
    save: ['FILE', 'with --seed: what is left of it when it fails and is reduced'],
    run: ['FILE', 'plays what --save has kept'],
    mutant: ['NAME', 'with this bug switched on'],
    'no-shrink': ['', 'reduces no failing seed'],
    majors: ['', 'every hundredth seed on another major of Node as well'],
    ledger: ['', 'adds what it comes to to the sums; the first seed is the one after all of those, not 1'],
    'ledger-file': ['FILE', 'with --ledger: instead of test/sim/ledger.json'],
    breed: ['', 'seeds that reach something new are run again with one more draw changed'],
    measure: ['', 'how fast one core is, in the time of --minutes, 1: prints figures, not what passed'],
    'codec-all': ['', 'all messages between peers go as bytes, not one frame in a hundred'],
  })
  const minutes = number('minutes') ?? 0
  const ledger = has('ledger') ? value('ledger-file') ?? LEDGER_FILE : undefined
  if (ledger !== undefined && ((value('seed') ?? value('mutant')) !== undefined || has('brief'))) {
    return refuse('--ledger counts whole seeds of the core as it is: not with --seed, --mutant or --brief')
  }
  if (has('brief') && (has('breed') || has('measure') || value('run') !== undefined)) {
    return refuse('--brief is for seeds as they are drawn: not with --breed, --measure or --run')
  }
  if (ledger !== undefined && has('breed')) {
    return refuse('--ledger counts seeds as they are: not with --breed')
  }
  return {
    seed: number('seed') ?? null, minutes, length: has('brief') ? { storm: 'brief' } : {},
    mutant: value('mutant'), page: value('page'),
    save: value('save'), run: value('run'),
    only: value('only') === undefined ? undefined : JSON.parse(value('only')!) as Reduction,
    shrinks: !has('no-shrink'), majors: has('majors'), breeds: has('breed'),
    codesAll: has('codec-all'), measures: has('measure'),
    seeds: minutes > 0 ? Infinity : number('seeds') ?? 20,
    // Minutes explore: another stretch of seeds each time.
    from: number('from') ?? (ledger !== undefined ? readLedger(ledger).next
      : minutes > 0 ? Math.floor(Date.now() / 1_000) * 1_000 : 1),
    ledger,
  }
}

let live: LiveLine | null = null

function print(text: string): void {
  live?.clear()
  process.stdout.write(`${text}\n`)
}

function replayOf(seed: number, mutant: string | undefined, { storm, ...rest }: Reduction = {}): string {
  const words = [`npm run sim -- --seed ${seed}`]
  if (storm === 'brief') words.push('--brief')
  if (Object.keys(rest).length > 0) words.push(`--only '${JSON.stringify(rest)}'`)
  if (mutant !== undefined) words.push(`--mutant ${mutant}`)
  return words.join(' ')
}

/** A run of some size must have come to what matters: each thing that it did not counts as a failure. */
function unreachedOf(totals: Totals, { storm }: Options['length']): string[] {
  const seeds = totals.passed + totals.failed
  const isBrief = storm === 'brief'
  if (seeds < (isBrief ? BRIEF_SEEDS : SLICE_SEEDS)) return []
  return totals.unreached(isBrief || seeds < FULL_SEEDS ? REACHED_BY_SLICE : REACHED_BY_FULL)
}

function printFailure(result: SeedResult, mutant: string | undefined, lines: number, only?: Reduction): void {
  const { failure } = result
  if (failure === null) return
  print(`\nFAILED seed ${result.seed} at commit ${commit}: ${failure.check} in step ${result.steps}, after ` +
    `${(result.endedMs / 1_000).toFixed(3)} simulated s`)
  print(`profile: ${profileOf(drawRun(result.seed, mutant, only))}`)
  if (lines > 0) for (const line of failure.trace.slice(-lines)) print(`  ${line}`)
  print(`seed ${result.seed}: ${failure.message}`)
  print(`replay with: ${replayOf(result.seed, mutant, only)} --page seed-${result.seed}.html\n`)
}

/** Reduces a failing seed and tells what is left of it. */
function printShrunk({ seed, ...from }: Job, mutant: string | undefined, save?: string): void {
  print(`reducing seed ${seed} ...`)
  const shrunk = shrink(seed, mutant, makeTxnCodec(), undefined, from)
  if (shrunk === null) return
  const { reduction, result, tried } = shrunk
  const run = drawRun(seed, mutant, reduction)
  const { voters, observers, clients } = run.plan.world
  print(`after ${tried} runs: ${voters} voters, ${observers} observers, ${clients} clients, ` +
    `${result.asked} requests, ${(result.endedMs / 1_000).toFixed(1)} simulated s; faults:`)
  for (const { atMs, kind, share } of run.faults) {
    print(`  at ${atMs.toFixed(0).padStart(8)} ms ${kind}${share === undefined ? '' : `, its times × ${share}`}`)
  }
  for (const line of result.failure?.trace.slice(-TRACE_SHOWN) ?? []) print(`  ${line}`)
  print(`seed ${seed}, reduced: ${result.failure?.message ?? ''}`)
  print(`replay with: ${replayOf(seed, mutant, reduction)}\n`)
  if (save === undefined || result.failure === null) return
  const { check, message } = result.failure
  saveRun(save, { what: message.split('\n')[0]!, check, commit, run })
  print(`kept in ${save}; play it with: npm run sim -- --run ${save}\n`)
}

/** Runs one seed and tells all of it: the end of it here, with a lane per peer, and everything on a page. */
function runOne(options: Options, seed: number, run?: Run): Totals {
  const { mutant, page, shrinks, codesAll, save, length } = options
  const only = { ...length, ...options.only }
  const totals = new Totals()
  let lanes: Lanes | null = null
  const read = (written: Lanes): void => { lanes = written }
  const how = codesAll ? { read, codedEvery: 1 } : { read }
  const result = { ...play(run ?? drawRun(seed, mutant, only), makeTxnCodec(), how), seed }
  totals.add(result)
  const written = lanes as Lanes | null
  if (result.failure !== null && written !== null) for (const line of written.lines(LANES_SHOWN)) print(line)
  printFailure(result, mutant, 0, only)
  const isWhole = options.only === undefined && run === undefined
  if (result.failure !== null && isWhole && shrinks) printShrunk({ seed, ...length }, mutant, save)
  if (page !== undefined && written !== null) {
    writeFileSync(page, written.html(`seed ${seed}${mutant === undefined ? '' : `, ${mutant}`}`))
    print(`everything that happened is in ${page}`)
  }
  print(`fingerprint ${result.fingerprint.toString(16)}`)
  return totals
}

/** Resolves at the first signal that asks for an end. */
class Stop {
  isAsked = false
  readonly asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        print(`${signal}: no more seeds`)
        this.isAsked = true
        resolve()
      })
    }
  })
}

function accountOf({ ledger }: Options): Account | null {
  if (ledger === undefined) return null
  const begun = { path: ledger, core: coreHash(), commit, date: new Date() }
  return new Account(begun, performance.now())
}

/** Runs seeds as they are told to be run, and says what came of them. */
async function main(options: Options): Promise<void> {
  const areMany = options.seed === null && options.run === undefined
  const major = options.majors && areMany ? new OtherMajor(options.mutant) : null
  const saved = options.run === undefined ? null : readRun(options.run).run
  const totals = saved !== null ? runOne(options, saved.plan.world.seed, saved)
    : options.seed !== null ? runOne(options, options.seed) : await runMany(options, major)
  const agreement: Agreement | null = await major?.finish() ?? null
  for (const line of totals.table()) print(line)
  if (agreement !== null) print(agreement.text)
  for (const seed of agreement?.differing ?? []) {
    print(`look at it on both with: ${replayOf(seed, options.mutant, options.length)}`)
  }
  const unreached = options.mutant === undefined ? unreachedOf(totals, options.length) : []
  for (const what of unreached) print(`never reached: ${what}`)
  const slow = options.mutant === undefined ? totals.slow : null
  if (slow !== null) print(slow)
  const failed = totals.failed + unreached.length + (slow === null ? 0 : 1) + (agreement?.failed ?? 0)
  print(`${totals.passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 && totals.passed > 0 ? 0 : 1
}

/** Hands out seeds to one process per core until they run out, time is up, too much failed or somebody asks. */
async function runMany(options: Options, major: OtherMajor | null): Promise<Totals> {
  const totals = new Totals()
  const account = accountOf(options)
  const stop = new Stop()
  const started = performance.now()
  const endMs = options.minutes > 0 ? options.minutes * 60_000 : Infinity
  const breeder = options.breeds ? new Breeder(options.from) : null
  let given = 0
  const more = (): boolean => given < options.seeds && totals.failed < FAILURES_MAX &&
    !stop.isAsked && performance.now() - started < endMs
  const failing: Job[] = []
  const cores = availableParallelism()
  const line = live = new LiveLine(() => totals.line(performance.now() - started, cores) + (breeder?.line ?? ''))
  line.begin()
  const saving = setInterval(() => account?.save(performance.now()), SAVE_MS)
  const take = ({ job, result, covered }: Done): void => {
    const { seed, ...reduction } = job
    totals.add(result)
    breeder?.learn(job, covered)
    account?.add(result)
    if (seed % TWICE === 0 && job.bred === undefined) major?.add(result, reduction)
    if (result.failure !== null) failing.push(job)
    printFailure(result, options.mutant, TRACE_SHOWN, reduction)
  }
  const serve = (child: ChildProcess): Promise<void> => new Promise((resolve, reject) => {
    let running = 0
    const give = (): void => {
      if (!more()) {
        child.disconnect()
        return
      }
      const job = breeder?.next() ?? { seed: options.from + given, ...options.length }
      given++
      running = job.seed
      child.send(job)
    }
    child.on('message', (done: Done) => {
      take(done)
      give()
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0 || stop.isAsked) resolve()
      else reject(new Error(`the process of seed ${running} ended with ${signal ?? `code ${String(code)}`}`))
    })
    give()
  })
  const worker = await workerBundle()
  const words = [
    ...options.mutant === undefined ? [] : [options.mutant], ...options.breeds ? ['--breed'] : [],
    ...options.codesAll ? ['--codec-all'] : [],
  ]
  const children = Array.from({ length: cores }, () => fork(worker, words, { execArgv: [...WORKER_FLAGS] }))
  try {
    await Promise.race([stop.asked, Promise.all(children.map(serve))])
  } finally {
    line.end()
    clearInterval(saving)
    for (const child of children) child.kill('SIGKILL')
    account?.save(performance.now())
  }
  if (account !== null) print(account.line)
  if (breeder !== null) totals.note(breeder.counts)
  if (options.shrinks && !stop.isAsked) {
    for (const job of failing.slice(0, SHRUNK_MAX)) printShrunk(job, options.mutant)
  }
  return totals
}

/** One process as those of a storm are, by itself. */
async function measure(ms: number): Promise<void> {
  const child = fork(await workerBundle('measure-process'), [String(ms)], { execArgv: [...WORKER_FLAGS] })
  // It runs without a turn of its event loop, so it hears no signal.
  const { asked } = new Stop()
  void asked.then(() => child.kill('SIGKILL'))
  process.exitCode = await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}

const options = readOptions()
if (options.measures) await measure((options.minutes || 1) * 60_000)
else await main(options)
