/**
 * Our linearizability checker and Porcupine agree, on a slice of what `npm run histories` goes through:
 *   node --import tsx test/foreign/histories/run.ts [SEEDS]
 * Every history counts once: it passes when both give the same, right, verdict. Go comes from the machine or from
 * Debian; Porcupine from Go's proxy.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { historyToJson } from '../../../lib/testing/index.ts'
import { Campaign } from '../../histories/campaign.ts'
import { findGo, Porcupine } from '../../histories/porcupine.ts'
import { real } from '../../histories/real.ts'
import { simulated } from '../../histories/simulated.ts'
import { installPackage } from '../command.ts'

const SEEDS = Number(process.argv[2] ?? 6)
const RANDOM = 300
const REAL_MS = 4_000
/** Of the processes' clients: fewer would prove nothing. */
const LEAST_OPERATIONS = 50

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const folder = mkdtempSync(join(tmpdir(), 'vivarium-histories-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

let go = await findGo()
if (go === null) {
  await installPackage('golang-go')
  go = await findGo()
}
if (go === null) throw new Error('golang-go was installed, and there is no go')
const porcupine = await Porcupine.build(go.program, folder)
const campaign = new Campaign(porcupine)
await campaign.judgeRandom(1, RANDOM)
for (let seed = 1; seed <= SEEDS; seed++) {
  const { history } = await simulated(seed)
  await campaign.judgeRecorded('simulated', `seed ${seed}`, history, seed)
  if (seed > 1) continue
  const file = join(folder, 'history.jsonl')
  writeFileSync(file, historyToJson(history))
  const verdict = await porcupine.judgeFile(file)
  if (verdict !== 'linearizable') campaign.problems.push(`the same history, in a file: ${verdict}`)
}
const { history, kills, stops, problems } = await real(1, folder, REAL_MS)
campaign.problems.push(...problems)
if (history.length < LEAST_OPERATIONS || kills + stops === 0) {
  campaign.problems.push(`too little happened: ${history.length} operations, ${kills} kills, ${stops} stops`)
}
await campaign.judgeRecorded('processes', 'run 1', history, 1)
for (const line of campaign.table()) print(line)
for (const problem of campaign.problems) print(`FAIL ${problem}`)
print(`${campaign.agreed} passed, ${campaign.problems.length} failed`)
process.exitCode = campaign.problems.length === 0 ? 0 : 1
