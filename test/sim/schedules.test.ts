/** What the core must also do, as schedules without a known bug behind them; and that no mutant goes unseen. */
import { readFileSync, readdirSync } from 'node:fs'
import { assert, suite } from '../harness.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Limits } from '../../lib/core/limits.ts'
import type { Script } from '../../lib/testing/sim/script.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { MUTANTS, SCENARIOS } from './scenarios/all.ts'
import { CATALOGUE } from './scenarios/catalogue.ts'
import { A, B, C, D, E, convergeWith, started } from './scenarios/scenario.ts'
import type { RunOptions } from './scenarios/scenario.ts'

const test = suite('sim: schedules')
const CORE = new URL('../../lib/core/', import.meta.url)
const TESTS = new URL('../', import.meta.url)

test('two voters that were never up when the ensemble was founded join it later', () => {
  const script = started(5, {}, A, B, C)
  script.connect(C, 1)
  script.write(C, 1, '/w1')
  script.crash(A, B, C)
  script.up(A, B, C)
  script.lead(C)
  script.up(D, E)
  script.serve(D, E)
  convergeWith(script, ['/w1'])
})

test('two voters without a history do not answer each other for ever', () => {
  const script = started(5, {}, B, C, E)
  script.connect(E, 1)
  script.write(E, 1, '/w1')
  script.crash(B, C, E)
  script.up(A, D, E)
  script.pass(5_000)
  assert.is(script.leader, 0, 'one of five that has a history leads nobody')
  script.up(B, C)
  convergeWith(script, ['/w1'])
})

test('a write keeps its session alive, even when the report of who was heard does not come', () => {
  const script = started(3, {}, A, B, C)
  script.connect(A, 1, 1_000)
  script.tap = (_from, _to, message) => message.kind === 'pong' ? [{ ...message, touches: [] }] : [message]
  for (let i = 0; i < 10; i++) {
    script.pass(400)
    script.write(A, 1, `/w${i}`)
  }
  assert.is(script.connected.size, 1)
  assert.is(script.replies.filter(({ code }) => code === 'Ok').length, 10)
  script.pass(1_500)
  assert.is(script.connected.size, 0, 'silence ends it')
})

/** A write through the connection at `id` that its session left before; the session has come back by another. */
function comeBack(id: number, limits: Partial<Limits>): void {
  const script = started(3, { limits }, A, B, C)
  script.connect(id, 1)
  script.hold(A, B, C)
  script.write(id, 1, '/first')
  script.resume(B, 2, 1)
  script.write(id, 1, '/stale')
  script.resume(id, 3, 1)
  script.write(id, 3, '/last')
  script.release(A, B, C)
  script.pass(100)
  const { tree } = script.replica(id)
  assert.equal(['/first', '/stale', '/last'].map((path) => tree.has(path)), [true, false, true])
}

test('a write through a connection that was left stays refused when the session comes back to the leader', () => {
  comeBack(C, { outstandingTxns: 1 })
})

test('a write through a connection that was left is not sent when the session comes back to a follower', () => {
  comeBack(A, { linkWindowBytes: 1 })
})

/** Disks that write all they have to write: too few to commit, enough to commit or to apply at some peer, all. */
const WRITTEN = [[], [A], [C], [A, B], [A, C], [B, C], [A, B, C]] as const

/** An ephemeral node, the close of its session, and one more; these disks write after the first and the second. */
function closing(first: readonly number[], second: readonly number[], options: RunOptions): Script {
  const script = started(3, options, A, B, C)
  script.connect(A, 1)
  const make = (path: string): void => {
    script.request(A, 1, { op: 1, path, data: null, acl: OPEN_ACL, flags: 1, ttlMs: -1 })
  }
  script.hold(A, B, C)
  make('/ephemeral')
  script.release(...first)
  script.hold(...first)
  script.request(A, 1, { op: -11 })
  script.release(...second)
  script.hold(...second)
  make('/late')
  script.release(A, B, C)
  script.pass(500)
  convergeWith(script, [])
  return script
}

test('an ephemeral node goes with its session, whatever disks write in between', () => {
  let seen = 0
  for (const first of WRITTEN) for (const second of WRITTEN) {
    const script = closing(first, second, {})
    for (const id of [A, B, C]) {
      const { tree } = script.replica(id)
      const kept = ['/ephemeral', '/late'].filter((path) => tree.has(path))
      assert.equal(kept, [], `at peer ${id}, after ${first.join()} and ${second.join()} have written`)
    }
    try {
      closing(first, second, { mutant: 'closeIgnoresOutstanding' })
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      seen++
    }
  }
  assert.ok(seen > 0, 'a close that forgets what is outstanding is seen')
})

test('every mutant of the core is killed by a scenario', () => {
  const files = readdirSync(CORE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const source = files.map((name) => readFileSync(new URL(name, CORE), 'utf8')).join('\n')
  const names = new Set(Array.from(source.matchAll(/utant(?:\(| [!=]== )'(\w+)'/g), ([, name]) => name!))
  assert.equal(Array.from(names).sort(), MUTANTS)
})

test('every scenario of the plan is listed, and what is said to be built is there', () => {
  const built = CATALOGUE.flatMap(({ built: names }) => names)
  for (const { name } of SCENARIOS) assert.ok(built.includes(name), `not listed: ${name}`)
  for (const { id, built: names, missing } of CATALOGUE) {
    assert.ok((names.length > 0) !== (missing !== undefined) || names.length > 0, `${id} is built or says why not`)
    for (const name of names) {
      if (SCENARIOS.some((scenario) => scenario.name === name)) continue
      const [file, title] = name.split(': ', 2)
      assert.ok(file !== undefined && title !== undefined, name)
      const text = readFileSync(new URL(file, TESTS), 'utf8').replaceAll("\\'", "'")
      assert.ok(text.includes(`test('${title}`), `${file} has no case "${title}"`)
    }
  }
})

test('the checkers of a script see what they check', () => {
  const script = started(3, {}, A, B, C)
  script.connect(C, 1)
  script.request(C, 1, { op: 1, path: '/a', data: null, acl: OPEN_ACL, flags: 0, ttlMs: -1 })
  assert.is(script.replies.at(-1)?.code, 'Ok')
  assert.throws(() => script.serve(D), /no peer 4/)
})

test.run()
