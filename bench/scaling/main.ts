/**
 * What operations cost as everything grows: `npm run bench:scaling -- [--only NAME,NAME] [--largest N] [--json]`. Each
 * line tells what one operation costs at a size, and the longest turn of the event loop meanwhile.
 */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { SCALING } from './all.ts'
import { growthText, growths, rowText } from './row.ts'
import type { Row } from './row.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' }, largest: { type: 'string', default: 'Infinity' },
    json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  },
})

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<number> {
  const names = SCALING.map(({ name }) => name)
  const wanted = values.only === '' ? names : values.only.split(',')
  const unknown = wanted.filter((name) => !names.includes(name))
  if (values.help || unknown.length > 0) {
    if (unknown.length > 0) print(`no bench named ${unknown.join(', ')}`)
    print(`npm run bench:scaling -- [--only NAME,NAME] [--largest N] [--json]\n\nNames: ${names.join(', ')}`)
    return values.help ? 0 : 2
  }
  if (!values.json) print(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores`)
  for (const bench of SCALING.filter(({ name }) => wanted.includes(name))) {
    if (!values.json) print(`\n${bench.name}  (load ${loadavg()[0]!.toFixed(1)})`)
    const rows: Row[] = []
    await bench.run({
      largest: Number(values.largest),
      row: (row) => {
        rows.push(row)
        print(values.json ? JSON.stringify(row) : rowText(row))
      },
    })
    if (!values.json) for (const growth of growths(rows)) print(growthText(growth))
  }
  return 0
}

main().then((code) => { process.exitCode = code }, (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
