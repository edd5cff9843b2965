/**
 * Elections over links that are not all there: every graph of links among the voters in which a majority is fully
 * linked; all voters start again at drawn moments, and messages take their time.
 *   npm run sim:graphs [-- --voters 5] [--latency 0.1,5,30] [--starts 1] [--variant plain] [--part 1/8]
 *     [--sample 200] [--loss 20] [--one-way] [--mutant NAME] [--graph 12,13,23 [--start 0] | --drawn 17] [--trace]
 * A leader with a quorum is established within a bound (graphs/trial.ts says which), and leads on; nobody goes round in
 * circles meanwhile, or talks without end. The variants: see VARIANTS there. With `--one-way` part of the links that
 * there are not lose everything in one direction instead; no leader in time is told there and does not fail, as links
 * that are half dead and look alive are beyond what elections promise.
 * Ends with `N passed, N failed`, counting starts; each that failed is told with the words that bring it back.
 */
import { makeRandom } from '../../lib/core/random.ts'
import { optionWords } from '../option-words.ts'
import { allGraphs, drawGraph, readGraph } from './graphs/graph.ts'
import type { Graph } from './graphs/graph.ts'
import { VARIANTS, drawTrial, isPossible, runTrial } from './graphs/trial.ts'
import type { Trial, Variant } from './graphs/trial.ts'
import { LiveLine } from './live-line.ts'
import { readPart } from './sweep.ts'

/** More voters have too many graphs for all of them. */
const ALL_VOTERS = 5
const SAMPLE = 200
const SAMPLE_SEED = 7
const TRACE_SHOWN = 80
const FREQUENT = 0.99

const words = optionWords('npm run sim:graphs', 'Elections over every graph of links, with latency.', {
  voters: ['N', 'how many, from 3 on; 5'],
  latency: ['LIST', 'of messages, in ms, as 0.1,5,30'],
  starts: ['N', 'so many of each graph, latency and variant, 1'],
  start: ['N', 'this one alone, from 0 on'],
  variant: ['NAME', `${VARIANTS.join(', ')}; all when left out`],
  drawn: ['N', 'the start of this number alone, in which all is drawn, as npm run sim:mutants names it'],
  graph: ['LIST', 'these links alone, as 12,13,23; all graphs when left out'],
  sample: ['N', `so many graphs that are drawn; all up to ${ALL_VOTERS} voters, ${SAMPLE} beyond`],
  part: ['I/N', 'every N-th graph from the I-th on'],
  loss: ['N', 'so many of 1000 notifications are lost, 0'],
  'one-way': ['', 'some of the links that there are not lose all in one direction'],
  mutant: ['NAME', 'with this bug switched on'],
  trace: ['', 'tells the first events of each that fails'],
})

/** What is counted by variant and latency. */
class Row {
  trials = 0
  failed = 0
  /** Those that no leader came of in time, where that is no failure. */
  slow = 0
  readonly leaderlessMs: number[] = []

  get text(): string {
    const sorted = this.leaderlessMs.sort((a, b) => a - b)
    const at = (share: number): string => (sorted[Math.ceil(sorted.length * share) - 1] ?? 0).toFixed(0)
    const slow = this.slow === 0 ? '' : `, ${this.slow} without a leader in time`
    return `${this.trials} starts, ${this.failed} failed${slow}; a leader after ${at(0.5)} ms, ` +
      `${at(FREQUENT)} ms in 99 of 100, ${at(1)} ms at most`
  }
}

function graphsOf(voters: number): Graph[] {
  const text = words.value('graph')
  if (text !== undefined) return [readGraph(voters, text)]
  const sample = words.number('sample', 1) ?? (voters > ALL_VOTERS ? SAMPLE : undefined)
  const random = makeRandom(SAMPLE_SEED)
  const graphs = sample === undefined ? allGraphs(voters)
    : Array.from({ length: sample }, () => drawGraph(voters, random))
  const { stride, first } = readPart(words.value('part'))
  return graphs.filter((_graph, at) => at % stride === first)
}

function numbersOf(text: string): number[] {
  return text.split(',').map((word) => {
    const ms = Number(word)
    return word !== '' && ms >= 0 && ms <= 1_000 ? ms : words.refuse(`--latency ${text} is no list such as 0.1,5,30`)
  })
}

function variantsOf(name: string | undefined): readonly Variant[] {
  if (name === undefined) return VARIANTS
  return VARIANTS.filter((one) => one === name)
}

function* trials(graphs: readonly Graph[]): Generator<Trial> {
  const drawn = words.number('drawn')
  if (drawn !== undefined) {
    yield drawTrial(drawn)
    return
  }
  const first = words.number('start') ?? 0
  const end = words.number('start') === undefined ? words.number('starts', 1) ?? 1 : first + 1
  const lossPermille = words.number('loss') ?? 0
  const isOneWay = words.has('one-way')
  for (const graph of graphs) {
    if (isOneWay && graph.missing.length === 0) continue
    for (const latencyMs of numbersOf(words.value('latency') ?? '0.1,5,30')) {
      for (const variant of variantsOf(words.value('variant'))) {
        for (let start = first; start < end; start++) {
          const trial = { graph, variant, latencyMs, start, lossPermille, isOneWay }
          if (isPossible(trial)) yield trial
        }
      }
    }
  }
}

/** The words that bring it back. */
function commandOf({ graph, variant, latencyMs, start, lossPermille, isOneWay }: Trial): string {
  const loss = lossPermille === 0 ? '' : ` --loss ${lossPermille}`
  return `--voters ${graph.voters} --graph ${graph.text} --variant ${variant} --latency ${latencyMs} --start ${start}` +
    `${loss}${isOneWay ? ' --one-way' : ''}`
}

function main(): void {
  const voters = words.number('voters', 3) ?? 5
  const mutant = words.value('mutant')
  const variant = words.value('variant')
  if (variantsOf(variant).length === 0) words.refuse(`--variant takes one of ${VARIANTS.join(', ')}`)
  const all = Array.from(trials(graphsOf(voters)))
  const rows = new Map<string, Row>()
  let done = 0
  let failed = 0
  // Nothing here waits, so that no timer would ever run.
  const line = new LiveLine(() => `${done} of ${all.length} starts, ${failed} failed`)
  let shownMs = Date.now()
  for (const trial of all) {
    const { failure, leaderlessMs, script } = runTrial(trial, mutant === undefined ? {} : { mutant })
    const name = `${trial.variant.padEnd(8)} ${String(trial.latencyMs).padStart(5)} ms`
    const row = rows.get(name) ?? new Row()
    rows.set(name, row)
    done++
    row.trials++
    row.leaderlessMs.push(leaderlessMs)
    if (failure !== null) {
      const isTold = trial.isOneWay && failure.startsWith('L1')
      if (isTold) row.slow++
      else {
        row.failed++
        failed++
      }
      line.clear()
      const trace = words.has('trace') ? script.log.slice(0, TRACE_SHOWN) : []
      process.stdout.write(`${[...trace, `${failure}: ${commandOf(trial)}`].join('\n')}\n`)
    }
    if (Date.now() - shownMs >= (process.stdout.isTTY ? 250 : 5_000)) {
      line.tick()
      shownMs = Date.now()
    }
  }
  line.clear()
  for (const [name, row] of rows) process.stdout.write(`  ${name}: ${row.text}\n`)
  process.stdout.write(`${done - failed} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 && done > 0 ? 0 : 1
}

main()
