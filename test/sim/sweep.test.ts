import { assert, suite } from '../harness.ts'
import { commitOf, numberOf } from './commit.ts'
import { SCENARIOS } from './scenarios/all.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { shortRun } from './scenarios/short-run.ts'
import { SWEPT, readPart, sweep } from './sweep.ts'

/** A slice of the crash-point sweep: some boundaries of most scenarios, with every server and every image. */
const test = suite('sim: sweep')

const STRIDE = 397
const SHORT_RUNS = 6
/** A commit has a slice of its own, whoever checks it out: over many of them every boundary is visited. */
const commit = commitOf()

/** Which part of so many is that of a commit, for one scenario after the other. */
function partOf(at: number, parts: number, of: string = commit): string {
  return `${1 + (numberOf(of) + at * 37) % parts}/${parts}`
}

function scenarioOf(prefix: string): Scenario {
  return SCENARIOS.find(({ name }) => name.startsWith(prefix))!
}

/** Nothing fails in these cuts of a scenario, and they are more than so many. */
function holds(scenario: Scenario, stride: number, first: number, above: number): void {
  const { cuts, failures } = sweep(scenario, stride, first)
  assert.equal(failures, [], scenario.name)
  assert.ok(cuts > above, `${cuts} cuts`)
}

/** What sweeps that part again, whatever is checked out then. */
function commandOf(name: string, part: string, options = ''): string {
  return `at commit ${commit}: npm run sweep -- ${options}--only '${name}' --part ${part}`
}

test('a commit has one slice, and all of them together are the whole sweep', () => {
  assert.is(partOf(2, STRIDE, '00000000000c+'), '87/397')
  assert.is(partOf(2, STRIDE, '00000000000c'), '87/397', 'with changes, or without')
  assert.is(partOf(0, STRIDE, '?'), '1/397', 'where git cannot tell')
  const commits = Array.from({ length: STRIDE }, (_, at) => at.toString(16).padStart(12, '0'))
  assert.is(new Set(commits.map((one) => partOf(5, STRIDE, one))).size, STRIDE)
})

test('a crash at any point of a scenario loses nothing, and the others go on', () => {
  let cuts = 0
  for (const [at, scenario] of SWEPT.entries()) {
    const part = partOf(at, STRIDE)
    const { stride, first } = readPart(part)
    const result = sweep(scenario, stride, first)
    assert.equal(result.failures, [], commandOf(scenario.name, part))
    cuts += result.cuts
  }
  assert.ok(cuts > 100, `${cuts} cuts`)
}, { timeoutMs: 120_000 })

test('where a disk was lost or damaged the others wait for whoever crashed, and lose nothing', () => {
  for (const [at, name] of ['S-rot-middle', 'S-half-open', 'S-261'].entries()) {
    holds(scenarioOf(name), 97, (37 * at) % 97, 5)
  }
}, { timeoutMs: 120_000 })

test('a voter that starts when others lead already is not asked to serve while one is away', () => {
  holds(scenarioOf('S-1419'), 10_000, 499, 2)
})

test('a scenario that makes as many nodes as there may be makes few in a sweep', () => {
  const scenario = scenarioOf('S-4306')
  let most = 0
  const watched: Scenario = {
    ...scenario, run: (options) => {
      const script = scenario.run(options)
      most = Math.max(most, script.replica(1).tree.stat('/')!.cversion)
      return script
    },
  }
  holds(watched, 97, 41, 5)
  assert.ok(most > 500 && most < 700, `300 nodes come and go: ${most} changes below the root`)
}, { timeoutMs: 120_000 })

test('time may stand at a part of a millisecond where a scenario is cut off', () => {
  holds(scenarioOf('S-stands-alone'), 500, 137, 5)
}, { timeoutMs: 120_000 })

test('where a disk was lost before most had a history nobody is asked to go on', () => {
  holds(scenarioOf('S-founder-by-its-vote'), 10_000, 136, 2)
})

test('a crash at any point of a short run of random acts loses nothing, and the others go on', () => {
  let cuts = 0
  for (let seed = 0; seed < SHORT_RUNS; seed++) {
    const part = partOf(seed, 2 * STRIDE)
    const { stride, first } = readPart(part)
    const scenario = shortRun(seed)
    const result = sweep(scenario, stride, first)
    assert.equal(result.failures, [], commandOf(scenario.name, part, `--short ${SHORT_RUNS} `))
    cuts += result.cuts
  }
  assert.ok(cuts > 10, `${cuts} cuts`)
}, { timeoutMs: 120_000 })

test('the acts of short runs are such that bugs are seen', () => {
  for (const [mutant, check] of [['epochBeforeHistory', /^P15/], ['truncOneTooMany', /^(A1|P13)/]] as const) {
    const messages: string[] = []
    for (let seed = 0; seed < 40 && messages.length === 0; seed++) {
      try {
        shortRun(seed).run({ mutant })
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        messages.push(error.message)
      }
    }
    assert.match(messages.join(), check)
  }
})

test('the sweep sees a bug that the scenario alone would not', () => {
  const scenario = SWEPT.find(({ name }) => name.startsWith('S-4925'))!
  const mutant = 'truncOneTooMany'
  assert.ok(scenario.run({ mutant }).leader > 0, 'nothing is truncated in it')
  assert.match(sweep(scenario, 5, 0, { mutant }).failures[0]?.message ?? '', /^P13/)
}, { timeoutMs: 120_000 })

test.run()
