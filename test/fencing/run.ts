/**
 * Workers contend for a lock and count in a file under its token, while they and the peers are killed, stopped and
 * resumed at random:
 *   npm run recipes:kill -- [--minutes N] [--workers N] [--seed S] [--unfenced]
 * Ends with a table, and with 1 when an update was lost, a token fell, or two had the lock at once. The seed decides on
 * the blows, not on when they fall to the microsecond. `--unfenced` compares no tokens, to see what is lost then.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Contest } from './contest.ts'

const PROGRESS_MS = 5_000
/** Problems shown in full. */
const MOST_PROBLEMS = 20

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' }, workers: { type: 'string', default: '20' }, seed: { type: 'string' },
    unfenced: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  },
})

const print = (text: string): void => void process.stdout.write(`${text}\n`)

function number(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!(value >= least)) throw new Error(`--${name} takes a number of at least ${least}, not ${text}`)
  return value
}

function progress(contest: Contest, startedMs: number): string {
  const { journal, workers } = contest
  const seconds = String(Math.round((performance.now() - startedMs) / 1_000)).padStart(4)
  const stopped = workers?.all.filter(({ isStopped }) => isStopped).length ?? 0
  return `${seconds} s: count ${journal.count}, ${journal.tokens} tokens, ${stopped} workers stopped, ` +
    `${journal.lateReads + journal.lateWrites + journal.lateThoughHeld} late calls refused`
}

function table({ journal, workers, blows }: Contest): readonly (readonly [string, number])[] {
  return [
    ['increments in the file', journal.count],
    ['of those, acknowledged to a worker', journal.acknowledged],
    ['tokens (holders of the lock)', journal.tokens],
    ['late reads refused', journal.lateReads],
    ['late writes refused, holder did not look', journal.lateWrites],
    ['late writes refused, holder had just looked', journal.lateThoughHeld],
    ['holders that stopped by themselves', workers?.refrained ?? 0],
    ['sessions of workers', workers?.sessions ?? 0],
    ['of those, after an expired one', workers?.expiries ?? 0],
    ['workers killed', blows?.workers.kills ?? 0],
    ['workers stopped, shorter than a session', blows?.workers.shortStops ?? 0],
    ['workers stopped, longer', blows?.workers.longStops ?? 0],
    ['peers killed', blows?.peers.kills ?? 0],
    ['peers stopped, shorter than a session', blows?.peers.shortStops ?? 0],
    ['peers stopped, longer', blows?.peers.longStops ?? 0],
  ]
}

async function main(): Promise<void> {
  const minutes = number('minutes', values.minutes, 0)
  const size = number('workers', values.workers, 1)
  const seed = number('seed', values.seed ?? String(Math.floor(Math.random() * 2 ** 32)), 0)
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-fencing-'))
  const contest = new Contest({ folder, seed, workers: size, forMs: minutes * 60_000, isFenced: !values.unfenced })
  process.once('exit', () => {
    contest.endNow()
    rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const manner = values.unfenced ? ', tokens are not compared' : ''
  print(`seed ${seed}, ${size} workers, 3 peers, ${minutes} minutes${manner}`)
  const startedMs = performance.now()
  const telling = setInterval(() => print(progress(contest, startedMs)), PROGRESS_MS)
  const problems = await contest.run().finally(() => clearInterval(telling))
  await contest.end()
  for (const [what, value] of table(contest)) print(`${what.padEnd(46)} ${value.toLocaleString('en').padStart(10)}`)
  for (const problem of problems.slice(0, MOST_PROBLEMS)) print(`WRONG: ${problem}`)
  print(problems.length === 0 ? 'no lost update, tokens only rose, no two held the lock at once'
    : `${problems.length} problems`)
  process.exitCode = problems.length === 0 ? 0 : 1
}

if (values.help) print('npm run recipes:kill -- [--minutes N] [--workers N] [--seed S] [--unfenced]')
else await main()
