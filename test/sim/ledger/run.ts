/**
 * What the simulator has come to since the core was changed last, and in all: `npm run sim:ledger`
 * Runs are added by `npm run sim -- --ledger`; the ledger is test/sim/ledger.json. Who has found out why a seed failed
 * writes that beside it, as `why`.
 */
import { optionWords } from '../../option-words.ts'
import { coreHash } from './core-hash.ts'
import { LEDGER_FILE, readLedger } from './file.ts'
import type { Balance } from './ledger.ts'
import type { Range } from './ranges.ts'

const RANGES_SHOWN = 6

const { value } = optionWords('npm run sim:ledger', 'What the simulator has come to, for each state of the core.', {
  file: ['FILE', 'another ledger'],
})

function days(seconds: number): string {
  return seconds < 86_400 ? `${(seconds / 3_600).toFixed(2)} h` : `${(seconds / 86_400).toFixed(2)} days`
}

function print(title: string, balance: Balance, ranges: readonly Range[]): void {
  const { runs, seeds, failing, first, last, simulatedS, busyS, wallS } = balance
  const explained = failing.filter(({ why }) => why !== undefined).length
  const lines = [
    '', `${title}: ${runs} runs${runs === 0 ? '' : `, ${first.slice(0, 16)} to ${last.slice(0, 16)}`}`,
    ...[
      ['seeds', seeds], ['simulated', days(simulatedS)], ['with clients', days(busyS)],
      ['wall', days(wallS)], ['steps', balance.steps],
      ['commits', balance.commits], ['elections', balance.elections], ['faults', balance.faults],
      ['sync DIFF', balance.diff], ['sync TRUNC', balance.trunc], ['sync SNAP', balance.snap],
      ['failed', failing.length], ['of these explained', explained],
    ].map(([name, count]) => `  ${String(name).padEnd(24)}${String(count).padStart(16)}`),
  ]
  for (const { seed, check, why = 'not explained' } of failing) lines.push(`  seed ${seed}: ${check}, ${why}`)
  if (ranges.length > 0) {
    const more = ranges.length > RANGES_SHOWN ? ` and ${ranges.length - RANGES_SHOWN} more` : ''
    const shown = ranges.slice(0, RANGES_SHOWN).map(([from, to]) => from === to ? `${from}` : `${from}–${to}`)
    lines.push(`  seeds ${shown.join(', ')}${more}`)
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

const ledger = readLedger(value('file') ?? LEDGER_FILE)
const core = coreHash()
for (const other of ledger.cores.filter((each) => each !== core)) {
  print(`core ${other}`, ledger.balance(other), ledger.counted(other))
}
print('all states of the core', ledger.balance(), [])
print(`core ${core}, the present one`, ledger.balance(core), ledger.counted(core))
