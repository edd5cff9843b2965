import { readFileSync } from 'node:fs'
import { assert, suite } from '../harness.ts'
import { MUTANTS } from './scenarios/all.ts'
import { BEYOND_STORMS } from './storms-for.ts'

const test = suite('sim: storms for')

test('each known bug is looked for in storms, or said to be beyond them', () => {
  const sought = ['swarm-early', 'swarm'].flatMap((name) => {
    const text = readFileSync(new URL(`${name}.test.ts`, import.meta.url), 'utf8')
    return Array.from(text.matchAll(/^ {2}(\w+): [\d_]+,$/gm), (match) => match[1]!)
  })
  assert.ok(sought.length > 40)
  assert.equal([...sought, ...BEYOND_STORMS].sort(), MUTANTS)
})

test.run()
