import { readFileSync } from 'node:fs'
import { assert, suite } from '../harness.ts'
import { VARIANTS, drawTrial, runTrial } from './graphs/trial.ts'
import { MUTANTS } from './scenarios/all.ts'
import { BEYOND_STORMS, SEEN_OVER_GRAPHS, startsFor } from './storms-for.ts'

const test = suite('sim: storms for')

test('each known bug is looked for in storms, or said to be beyond them', () => {
  const sought = ['swarm-early', 'swarm'].flatMap((name) => {
    const text = readFileSync(new URL(`${name}.test.ts`, import.meta.url), 'utf8')
    return Array.from(text.matchAll(/^ {2}(\w+): [\d_]+,$/gm), (match) => match[1]!)
  })
  assert.ok(sought.length > 40)
  assert.equal([...sought, ...BEYOND_STORMS].sort(), MUTANTS)
})

test('what starts over graphs find is beyond storms, and holds without it', () => {
  for (const [mutant, start] of Object.entries(SEEN_OVER_GRAPHS)) {
    assert.ok(BEYOND_STORMS.includes(mutant), mutant)
    assert.is(Array.from(startsFor(mutant, 2)).join(), `${start},1,2`)
    assert.is(runTrial(drawTrial(start)).failure, null, mutant)
    assert.match(runTrial(drawTrial(start), { mutant }).failure ?? '', /^L\d: /, mutant)
  }
}, { timeoutMs: 120_000 })

test('a drawn start is the same each time, and all variants are drawn, of every size', () => {
  const trials = Array.from({ length: 200 }, (_, at) => drawTrial(at + 1))
  assert.equal(drawTrial(7), trials[6])
  assert.equal(new Set(trials.map(({ variant }) => variant)).size, VARIANTS.length)
  for (const voters of [3, 4, 5, 6, 7]) assert.ok(trials.some(({ graph }) => graph.voters === voters), `${voters}`)
})

test('what no storm finds is named where it is said what is not covered', () => {
  const text = readFileSync(new URL('../../lib/core/README.md', import.meta.url), 'utf8')
  const uncovered = text.slice(text.indexOf('## What is not covered'))
  assert.equal(BEYOND_STORMS.filter((mutant) => !uncovered.includes(mutant)), [])
})

test.run()
