import { assert, suite } from '../harness.ts'
import { allGraphs, drawGraph, majorityOf, readGraph } from './graphs/graph.ts'
import type { Graph } from './graphs/graph.ts'
import { SlowLinks } from './graphs/slow-links.ts'
import { VARIANTS, isPossible, runTrial } from './graphs/trial.ts'
import type { Trial, Variant } from './graphs/trial.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { started } from './scenarios/scenario.ts'

/** A slice of the elections over all graphs of links: some graphs, each with another variant and latency. */
const test = suite('sim: graphs')

/** What is known to fail (lib/core/README.md, What is not covered) is in none of these. */
const STRIDE = 8
const LATENCIES = [0.1, 5, 30] as const

/** Starts that hold, and do not with a known bug. */
const SEEN: Readonly<Record<string, Trial>> = {
  standsAlone: trialOf(readGraph(5, '12,13,23,24'), 'plain', 5),
  standsOnNarrow: trialOf(readGraph(5, '13,14,15,25,34'), 'plain', 30),
  keepsItsVoice: trialOf(readGraph(5, '13,14,15,23,25,34'), 'damaged', 5),
  waitsForWhoVotes: trialOf(readGraph(5, '13,14,23,34'), 'damaged', 5),
  standsOnDamaged: trialOf(readGraph(5, '13,14,15,23,25,34'), 'damaged', 30),
}

function trialOf(graph: Graph, variant: Variant, latencyMs: number, start = 0): Trial {
  return { graph, variant, latencyMs, start, lossPermille: 0, isOneWay: false }
}

function failuresOf(trials: readonly Trial[], mutant?: string): string[] {
  return trials.filter(isPossible).flatMap((trial) => {
    const { failure } = runTrial(trial, mutant === undefined ? {} : { mutant })
    return failure === null ? [] : [`${failure}: ${trial.graph.text} ${trial.variant} ${trial.latencyMs}`]
  })
}

test('all graphs with a fully linked majority, and such as are drawn', () => {
  assert.equal([3, 4, 5].map((voters) => allGraphs(voters).length), [7, 23, 636])
  const random = makeRandom(1)
  for (let i = 0; i < 20; i++) assert.ok(drawGraph(7, random).cliques().every(({ length }) => length === majorityOf(7)))
  const graph = readGraph(4, '12,14,24')
  assert.equal([graph.cliques(), graph.missing, graph.text], [[[1, 2, 4]], [[1, 3], [2, 3], [3, 4]], '12,14,24'])
  assert.throws(() => readGraph(4, '15'), /15 is no link among 4 voters/)
})

test('messages of a link come in order, each after its while, and none once the link is gone', () => {
  const script = started(3, {}, 1, 2, 3)
  const random = makeRandom(1)
  const lags: number[] = []
  const slow = new SlowLinks(script, () => {
    const lagMs = 1 + random.below(20)
    lags.push(lagMs)
    return { lagMs, isLost: false }
  })
  script.connect(1, 1)
  const atMs = script.ms
  assert.ok(slow.passUntil(atMs + 1_000, () => script.connected.has(1)))
  assert.ok(script.ms > atMs, 'it took its while')
  assert.ok(new Set(lags).size > 2, 'they would overtake each other')
  script.write(1, 1, '/w1')
  script.cut(1, 3)
  slow.passUntil(script.ms + 100)
  assert.not.ok(script.replica(2).tree.has('/w1'))
  assert.is(script.leader, 3)
})

test('three voters have a leader soon, whatever the links', () => {
  const trials = allGraphs(3).flatMap((graph) => VARIANTS.map((variant) => trialOf(graph, variant, 5)))
  assert.equal(failuresOf(trials), [])
}, { timeoutMs: 120_000 })

test('five voters have a leader soon over some graphs, with all kinds of trouble', () => {
  const trials = allGraphs(5).filter((_graph, at) => at % STRIDE === 0).map((graph, at) =>
    trialOf(graph, VARIANTS[at % VARIANTS.length]!, LATENCIES[at % LATENCIES.length]!))
  assert.equal(failuresOf(trials), [])
}, { timeoutMs: 120_000 })

test('a known bug is seen', () => {
  for (const [mutant, trial] of Object.entries(SEEN)) {
    assert.equal(failuresOf([trial]), [], mutant)
    assert.match(failuresOf([trial], mutant).join(), /^L1/, mutant)
  }
}, { timeoutMs: 120_000 })

test.run()
