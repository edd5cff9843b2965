/**
 * Histories of clients, from ensembles in virtual time and from processes that are killed, judged by our own checker
 * and by Porcupine, as they are and spoiled on purpose:
 *   npm run histories -- [--seeds N] [--from N] [--real N] [--seconds SECONDS] [--random N]
 * `--seeds` ensembles in virtual time; `--real` ensembles of three processes, each hurt for `--seconds`; `--random`
 * short histories of each model that no system gave. Ends with 0 when every verdict is right and both agree, with 1
 * when not, and with 3 when there was no Go to build Porcupine with: then only our own checker has judged.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { optionWords } from '../option-words.ts'
import { Campaign } from './campaign.ts'
import { findGo, Porcupine } from './porcupine.ts'
import { real } from './real.ts'
import { simulated } from './simulated.ts'

const PROGRESS_MS = 5_000
const MOST_PROBLEMS = 10
const WITHOUT_GO = 3

const { number } = optionWords('npm run histories', 'Our checker of histories and Porcupine on the same ones.', {
  seeds: ['N', 'simulated histories, 100'],
  from: ['N', 'the first of all seeds, 1'],
  real: ['N', 'histories of real processes, 1'],
  seconds: ['SECONDS', 'how long each of those is, 10'],
  random: ['N', 'histories made up, right and wrong ones, 2,000'],
})

const print = (text: string): void => void process.stdout.write(`${text}\n`)

const from = number('from') ?? 1
const seeds = number('seeds') ?? 100
const folder = mkdtempSync(join(tmpdir(), 'vivarium-histories-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

const go = await findGo()
if (go === null) print('there is no Go on this machine (golang-go in Debian): Porcupine judges nothing')
const porcupine = go === null ? null : await Porcupine.build(go.program, folder)
if (go !== null) print(`Porcupine is built with ${go.version}`)
const campaign = new Campaign(porcupine)

await campaign.judgeRandom(from, number('random') ?? 2_000)
const faults = new Map<string, number>()
let virtualMs = 0
let toldMs = performance.now()
for (let seed = from; seed < from + seeds; seed++) {
  const { history, faults: some, virtualMs: ms } = await simulated(seed)
  virtualMs += ms
  for (const [fault, times] of Object.entries(some)) faults.set(fault, (faults.get(fault) ?? 0) + times)
  await campaign.judgeRecorded('simulated', `seed ${seed}`, history, seed)
  // What nobody promises: reads that come without a sync.
  const local = await simulated(seed, { isSynced: false })
  await campaign.judgeAny('simulated, reads of the own server', `seed ${seed}`, local.history)
  if (performance.now() - toldMs > PROGRESS_MS) {
    toldMs = performance.now()
    print(`seed ${seed}: ${campaign.histories} histories judged, ${campaign.problems.length} problems`)
  }
}
let kills = 0
let stops = 0
for (let run = from; run < from + (number('real') ?? 1); run++) {
  const home = join(folder, `real-${run}`)
  mkdirSync(home)
  const result = await real(run, home, (number('seconds') ?? 10) * 1_000)
  kills += result.kills
  stops += result.stops
  campaign.problems.push(...result.problems)
  await campaign.judgeRecorded('processes', `run ${run}`, result.history, run)
}
for (const line of campaign.table()) print(line)
print(`faults in ${Math.round(virtualMs / 1_000)} s of virtual time: ` +
  [...faults].map(([fault, times]) => `${times} ${fault}`).join(', '))
print(`processes: ${kills} killed, ${stops} stopped for a while`)
print(`time to judge: ours ${Math.round(campaign.oursMs)} ms, Porcupine ${Math.round(campaign.theirsMs)} ms`)
for (const problem of campaign.problems.slice(0, MOST_PROBLEMS)) print(`WRONG: ${problem}`)
if (campaign.problems.length > 0) print(`${campaign.problems.length} problems`)
else if (porcupine === null) print(`${campaign.histories} histories: every verdict of our own checker is right`)
else print(`${campaign.agreed} of ${campaign.histories} histories: both checkers agree, and are right`)
process.exitCode = campaign.problems.length > 0 ? 1 : porcupine === null ? WITHOUT_GO : 0
