/**
 * Three peers in processes of their own, behind proxies, with clients of a mixed load, and a fault every 10 s:
 *   npm run soak -- [--minutes N] [--seed S] [--rate N] [--clients N] [--every SECONDS] [--only FAULT] [--tmpfs]
 * Ends with tables in Markdown and `N passed, N failed`, counting checks. The seed decides on the faults, their order
 * and what the clients do, not on when all this happens to the microsecond. After a failure, or with `--keep`, its
 * folder stays: the data of the peers, and a log of what they and the faults did. With `--tmpfs` (Linux, as root) one
 * of the disks is a small file system, which is filled in earnest; the others answer as if they were full.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CHECKS } from './checks.ts'
import type { Check } from './checks.ts'
import { FAULTS } from './faults.ts'
import { OUTLIVING_MS } from './lives.ts'
import { Machine } from './machine.ts'
import { Soak } from './soak.ts'

/** Of the file system that `--tmpfs` mounts. */
const VOLUME_MEGABYTES = 128
const PROGRESS_MS = 5_000
/** Of each check, shown in full. */
const MOST_WRONGS = 10
const MOST_SHOWN_AT_ONCE = 20

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' }, seed: { type: 'string' }, rate: { type: 'string', default: '200' },
    clients: { type: 'string', default: '50' }, every: { type: 'string', default: '10' },
    only: { type: 'string' }, keep: { type: 'boolean', default: false }, tmpfs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const print = (text: string): void => void process.stdout.write(`${text}\n`)

function number(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!(value >= least)) throw new Error(`--${name} takes a number of at least ${least}, not ${text}`)
  return value
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

function progress({ elapsedMs, world, fault, faults, peers, checks }: Soak): string {
  const { counts, gaps } = world
  const leader = peers?.leader ?? 'none'
  const wrong = checks.failed.length === 0 ? '' : `, WRONG: ${checks.failed.join(', ')}`
  return `${clock(elapsedMs).padStart(6)}  ${counts.writes} writes, ${counts.reads} reads, ${faults} faults, ` +
    `leader ${leader}, ${Math.round(gaps.openMs(performance.now()))} ms since a write, now: ${fault}${wrong}`
}

function checksTable({ checks }: Soak): string[] {
  return ['| check | looked at | |', '|---|--:|---|', ...(Object.keys(CHECKS) as Check[]).map((check) => {
    const wrongs = checks.wrongs(check).length
    const verdict = wrongs > 0 ? `**${wrongs} wrong**` : checks.counted(check) > 0 ? 'ok' : 'nothing to look at'
    return `| ${CHECKS[check]} | ${checks.counted(check).toLocaleString('en')} | ${verdict} |`
  })]
}

function figures(soak: Soak, machine: Machine): string[] {
  const { elapsedMs, world: { counts, lives, line }, faults, peers } = soak
  const totals = peers!.totals()
  const { user, system } = process.cpuUsage()
  const share = (seconds: number): string => (seconds * 1_000 / elapsedMs).toFixed(2)
  const rows: [string, number | string][] = [
    ['minutes', (elapsedMs / 60_000).toFixed(1)],
    ['faults', faults],
    ['acknowledged writes', counts.writes], ['writes of unknown outcome', counts.unknown],
    ['reads', counts.reads], ['syncs', counts.syncs], ['events of watches', counts.events],
    ['sequential nodes of unknown outcome', line.unknown],
    ['sessions', counts.sessions], ['expired, as their clients were told', counts.expired],
    [`longest life of an ephemeral node after its session's timeout, s (bound: ${OUTLIVING_MS / 1_000}, and the ` +
      'timeout once more after trouble)', (Math.max(0, lives.longestMs) / 1_000).toFixed(2)],
    ['processes of peers', totals.starts], ['elections', totals.elections],
    ['synchronizations by DIFF, TRUNC, SNAP', `${totals.diffs}, ${totals.truncs}, ${totals.snaps}`],
    ['snapshots, purges of the log', `${totals.snapshots}, ${totals.purges}`],
    ['cores used by the peers', share(totals.cpuS)],
    ['cores used by clients, proxies and checks', share((user + system) / 1e6)],
    [`cores used by everything on the machine, of ${availableParallelism()}`, machine.coresInUse.toFixed(2)],
    ['longest that the process of clients, proxies and checks stood still, s',
      (machine.longestStallMs / 1_000).toFixed(2)],
  ]
  return ['| figure | |', '|---|--:|', ...rows.map(([name, value]) =>
    `| ${name} | ${typeof value === 'number' ? value.toLocaleString('en') : value} |`)]
}

/** The number of checks that failed, of those that had something to look at. */
function tell(soak: Soak, machine: Machine, failure: Error | null): number {
  const { checks, world, levels } = soak
  print('')
  const tables = [figures(soak, machine), world.gaps.table(), levels.table(), checksTable(soak)]
  for (const table of tables) print(`${table.join('\n')}\n`)
  for (const { fault, ms, lines } of soak.longGaps) {
    print(`${(ms / 1_000).toFixed(2)} s without a write, ${fault}:`)
    for (const line of lines) if (!line.includes('had waited')) print(`  ${line}`)
    print('')
  }
  for (const check of checks.failed) {
    for (const wrong of checks.wrongs(check).slice(0, MOST_WRONGS)) print(`WRONG ${check}: ${wrong}`)
  }
  if (failure !== null) print(`ENDED EARLY: ${failure.stack ?? failure.message}`)
  const looked = (Object.keys(CHECKS) as Check[]).filter((check) =>
    checks.counted(check) > 0 || checks.wrongs(check).length > 0)
  const failed = checks.failed.length + (failure === null ? 0 : 1)
  print(`${looked.length - checks.failed.length} passed, ${failed} failed`)
  return failed
}

async function main(): Promise<void> {
  const minutes = number('minutes', values.minutes, 0.1)
  const seed = number('seed', values.seed ?? String(Math.floor(Math.random() * 2 ** 32)), 0)
  const rate = number('rate', values.rate, 1)
  const clients = number('clients', values.clients, 1)
  const every = number('every', values.every, 1)
  const kinds = Object.keys(FAULTS).filter((kind) => values.only === undefined || kind.includes(values.only))
  if (kinds.length === 0) throw new Error(`--only takes a part of one of these: ${Object.keys(FAULTS).join('; ')}`)
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-soak-'))
  let shown = 0
  const machine = new Machine()
  const soak = new Soak({
    folder, seed, rate, clients, forMs: minutes * 60_000, everyMs: every * 1_000,
    kinds, isLying: false, volumeMegabytes: values.tmpfs ? VOLUME_MEGABYTES : null,
    onWrong: (text) => { if ((shown += 1) <= MOST_SHOWN_AT_ONCE) print(`WRONG ${text}`) },
  })
  process.once('exit', () => soak.peers?.endNow())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      print('stopping: again to stop at once')
      soak.stop()
      process.once(signal, () => process.exit(130))
    })
  }
  print(`seed ${seed}: 3 peers, ${clients} clients, ${rate} requests a second, ${minutes} minutes, a fault every ` +
    `${every} s, ${availableParallelism()} cores, Node ${process.version}, in ${folder}`)
  const telling = setInterval(() => print(progress(soak)), PROGRESS_MS)
  const failure = await soak.run().then(() => null, (error: unknown) =>
    error instanceof Error ? error : new Error(String(error)))
  clearInterval(telling)
  const failed = tell(soak, machine, failure)
  await soak.end(failed > 0 || values.keep)
  if (failed === 0 && !values.keep) {
    rmSync(folder, { recursive: true, force: true })
  } else {
    const only = values.only === undefined ? '' : ` --only '${values.only}'`
    print(`seed ${seed}; the data of the peers and soak.log are kept in ${folder}; again with: npm run soak -- ` +
      `--minutes ${minutes} --seed ${seed} --rate ${rate} --clients ${clients} --every ${every}${only}` +
      (values.tmpfs ? ' --tmpfs' : ''))
  }
  process.exitCode = failed === 0 ? 0 : 1
}

if (values.help) {
  print('npm run soak -- [--minutes N] [--seed S] [--rate N] [--clients N] [--every SECONDS] [--only FAULT] [--tmpfs]' +
    ' [--keep]')
  print(`Faults: ${Object.keys(FAULTS).join('; ')}`)
} else await main()
