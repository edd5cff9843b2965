/** Storms in a quarter of their time: what they keep of whole ones, that they see bugs, and how one is looked at. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { assert, suite } from '../harness.ts'
import type { Plan } from '../../lib/testing/sim/plan.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import type { Reduction, Run } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { shrink } from '../../lib/testing/sim/shrink.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: brief')

const run = promisify(execFile)
const BRIEF: Reduction = { storm: 'brief' }
const SEEDS: readonly number[] = Array.from({ length: 400 }, (_, at) => at + 1)

function briefOf(seed: number, mutant?: string): Run {
  return drawRun(seed, mutant, BRIEF)
}

/** When what happens in it, and after it. */
function timesOf({ stormMs, calms, calmMs }: Plan): number[] {
  return [stormMs, calmMs, ...calms.flatMap(({ fromMs, toMs }) => [fromMs, toMs])]
}

test('a brief storm is that of the seed in a quarter of the time: as many faults, of the same dice', () => {
  let founded = 0
  for (const seed of SEEDS) {
    const [whole, brief] = [drawRun(seed), briefOf(seed)]
    assert.is(brief.plan.world.timing.tickMs, 200)
    assert.is(brief.plan.ending, whole.plan.ending)
    if (whole.plan.founding !== null) {
      founded++
      assert.ok(brief.plan.stormMs <= whole.plan.stormMs)
      continue
    }
    // A quarter is exact in binary: not a bit is lost.
    assert.equal(brief.faults.map((fault) => ({ ...fault, atMs: 4 * fault.atMs })), whole.faults)
    assert.equal(timesOf(brief.plan).map((ms) => 4 * ms), timesOf(whole.plan))
  }
  assert.ok(founded > 10 && founded < SEEDS.length / 4, `${founded} foundings`)
})

test('it is as deterministic as a whole one, nothing is wrong in it, and it takes a small part of the steps', () => {
  const codec = makeTxnCodec()
  let [whole, brief] = [0, 0]
  for (const seed of [38, 43, 44, 45]) {
    const result = play(briefOf(seed), codec)
    assert.is(result.failure, null)
    assert.equal(play(briefOf(seed), makeTxnCodec()), result)
    brief += result.steps
    whole += play(drawRun(seed), codec).steps
  }
  assert.ok(brief * 2 < whole, `${brief} of ${whole} steps`)
}, { timeoutMs: 120_000 })

/** Known bugs by a seed whose brief storm finds them. */
const FOUND: Readonly<Record<string, number>> = {
  ackNewLeaderEarly: 1, commitNeedsPostNewleaderProposal: 1, epochBeforeHistory: 8, snapUnsynced: 2, syncsLoseTxns: 11,
  truncOneTooMany: 2, trustEmptyDisk: 2, wrongPasswordTouches: 1,
}

for (const [mutant, seed] of Object.entries(FOUND)) {
  test(`it finds ${mutant}`, () => {
    assert.is.not(play(briefOf(seed, mutant), makeTxnCodec()).failure, null)
  }, { timeoutMs: 60_000 })
}

test('what is left of a brief one that fails is a part of the brief one', () => {
  const [mutant, seed] = ['surviveFsyncError', 1] as const
  const shrunk = shrink(seed, mutant, makeTxnCodec(), 12, BRIEF)
  assert.ok(shrunk !== null)
  const { reduction, result } = shrunk
  assert.is(reduction.storm, 'brief')
  const again = play(drawRun(seed, mutant, JSON.parse(JSON.stringify(reduction))), makeTxnCodec())
  assert.is(again.failure?.message, result.failure?.message)
  assert.is(again.fingerprint, result.fingerprint)
}, { timeoutMs: 120_000 })

interface Ended {
  readonly code?: number
  readonly stdout: string
}

/** Runs the simulator with these options to its end. */
async function sim(signal: AbortSignal, ...words: string[]): Promise<Ended> {
  const args = ['--import', 'tsx', fileURLToPath(new URL('run.ts', import.meta.url)), ...words]
  return run(process.execPath, args, { signal, maxBuffer: 16_000_000 }).catch((error: unknown) => error as Ended)
}

test('one that fails prints one command, and that fails likewise', async ({ signal }) => {
  const mutant = 'ackNewLeaderEarly'
  const many = await sim(signal, '--brief', '--seeds', '1', '--mutant', mutant, '--no-shrink')
  assert.is(many.code, 1)
  const message = /^seed 1: .+$/m.exec(many.stdout)?.[0]
  const command = /^replay with: npm run sim -- (.+) --page \S+$/m.exec(many.stdout)?.[1]
  assert.is(command, `--seed 1 --brief --mutant ${mutant}`)
  const one = await sim(signal, ...command!.split(' '), '--no-shrink')
  assert.is(one.code, 1)
  assert.ok(message !== undefined && one.stdout.includes(message), one.stdout)
  assert.match(one.stdout, /^replay with: npm run sim -- --seed 1 --brief --mutant /m)
}, { timeoutMs: 120_000 })

test('the ledger has whole seeds alone', async ({ signal }) => {
  const { code } = await sim(signal, '--brief', '--seeds', '1', '--ledger', '--ledger-file', '/nonexistent')
  assert.is(code, 2)
}, { timeoutMs: 60_000 })

test.run()
