import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { assert, suite } from '../harness.ts'
import { MUTANTS } from '../sim/scenarios/all.ts'
import { stepsFor } from './steps.ts'
import { verdictOf } from './verdict.ts'

const test = suite('nightly')

test('the steps fit into the time, and most of it is storms', () => {
  for (const hours of [0.5, 1, 8, 24]) {
    const steps = stepsFor(hours)
    const sumS = steps.reduce((sum, { aboutS }) => sum + aboutS, 0)
    assert.ok(sumS <= hours * 3_600 * 1.01, `${sumS} s for ${hours} h`)
    assert.ok(steps.at(-1)!.aboutS >= sumS / 2, `${steps.at(-1)!.aboutS} s of storms in ${hours} h`)
    for (const { name, aboutS, limitS } of steps) assert.ok(limitS > aboutS, name)
  }
  const sweep = stepsFor(8).find(({ name }) => name === 'sweep')
  assert.equal(sweep?.words.slice(-2), ['--stride', '1'], 'a whole night has the whole sweep')
})

test('a day is another part of what a night has no time for; from 20 hours on all known bugs are looked for', () => {
  const wordsOf = (hours: number, day: number, name: string): string =>
    stepsFor(hours, day).find((step) => step.name === name)!.words.join(' ')
  const parts = new Set(Array.from({ length: 10 }, (_, day) => wordsOf(8, 20_000 + day, 'sweep-all')))
  assert.is(parts.size, 10)
  assert.ok(parts.has('run -s sweep -- --all --part 10/10'), Array.from(parts).join())
  assert.match(wordsOf(8, 1, 'mutants'), /--sample \d+ --seconds 240$/)
  for (const hours of [20, 24]) assert.is(wordsOf(hours, 1, 'mutants'), 'run -s sim:mutants -- --seconds 240')
  assert.is(stepsFor(24).find(({ name }) => name === 'mutants')!.aboutS, 20 * MUTANTS.length)
})

test('every step is a script of the package', () => {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url))
  const { scripts } = JSON.parse(readFileSync(path, 'utf8')) as { scripts: Record<string, string> }
  for (const { words } of stepsFor(8)) {
    const script = words[0] === 'run' ? words[2]! : words[0]!
    assert.ok(scripts[script] !== undefined, script)
  }
})

test('a step counts as it says, and never as right when it ended wrong', () => {
  const say = (passed: number, failed: number): string => `12 seeds\n${passed} passed, ${failed} failed\n`
  assert.equal(verdictOf(say(5, 0), 0), { passed: 5, failed: 0, isPart: false })
  assert.equal(verdictOf(say(5, 2), 1), { passed: 5, failed: 2, isPart: false })
  assert.equal(verdictOf(say(5, 0), 1), { passed: 5, failed: 1, isPart: false })
  assert.equal(verdictOf(say(5, 0), null), { passed: 5, failed: 1, isPart: false }, 'ended from outside')
  assert.equal(verdictOf('fine', 0), { passed: 1, failed: 0, isPart: false })
  assert.equal(verdictOf('', 2), { passed: 0, failed: 1, isPart: false })
  assert.equal(verdictOf('no Go here', 3, 3), { passed: 1, failed: 0, isPart: true })
  assert.equal(verdictOf('no Go here', 3), { passed: 0, failed: 1, isPart: false })
  assert.equal(verdictOf(`${say(9, 9)}${say(1, 0)}`, 0), { passed: 1, failed: 0, isPart: false }, 'the last one counts')
})

test.run()
