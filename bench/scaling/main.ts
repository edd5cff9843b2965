/** `npm run bench:scaling`: see HELP. */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { apacheZooKeeper } from '../servers.ts'
import type { Program } from '../servers.ts'
import { ANY_SERVER, SCALING } from './all.ts'
import { growthText, growths, rowText } from './row.ts'
import type { Row } from './row.ts'

const HELP = `npm run bench:scaling -- [--only NAME,NAME] [--largest N] [--apache] [--json]

What operations cost as everything grows. Each line tells what one operation costs at a size, and the longest turn of
the event loop meanwhile: as far as its thread had a processor, and by the clock.
--apache: Apache ZooKeeper instead of a peer, without what is done in the process, and without memory and start

Names: ${SCALING.map(({ name }) => name).join(', ')}
`
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' }, largest: { type: 'string', default: 'Infinity' },
    apache: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function measure(names: readonly string[], apache: Program | null): Promise<void> {
  if (!values.json) {
    const program = apache === null ? '' : `${apache.name} ${apache.version}, `
    print(`${program}Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores`)
  }
  for (const bench of SCALING.filter(({ name }) => names.includes(name))) {
    if (!values.json) print(`\n${bench.name}  (load ${loadavg()[0]!.toFixed(1)})`)
    const rows: Row[] = []
    await bench.run({
      largest: Number(values.largest), apache,
      row: (row) => {
        rows.push(row)
        print(values.json ? JSON.stringify(row) : rowText(row))
      },
    })
    if (!values.json) for (const growth of growths(rows)) print(growthText(growth))
  }
}

async function main(): Promise<number> {
  const names = (values.apache ? ANY_SERVER : SCALING).map(({ name }) => name)
  const wanted = values.only === '' ? names : values.only.split(',')
  const unknown = wanted.filter((name) => !names.includes(name))
  if (values.help || unknown.length > 0) {
    if (unknown.length > 0) print(`no bench named ${unknown.join(', ')}`)
    process.stdout.write(HELP)
    return values.help ? 0 : 2
  }
  if (!values.apache) {
    await measure(wanted, null)
    return 0
  }
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'))
  try {
    const apache = apacheZooKeeper(folder)
    if (apache === null) throw new Error('Apache ZooKeeper (/usr/share/java/zookeeper.jar) or Java is not installed')
    await measure(wanted, apache)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return 0
}

main().then((code) => { process.exitCode = code }, (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
