/** Micro benchmarks: `npm run bench -- [--only NAME,NAME] [--json]`; each prints its figures as they are measured. */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { codec } from './codec.ts'
import type { Benchmark, Figure } from './figure.ts'
import { reads } from './reads.ts'
import { step } from './step.ts'
import { storages } from './storage.ts'
import { tree } from './tree.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  },
})

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function show(figure: Figure): void {
  if (values.json) {
    print(JSON.stringify(figure))
    return
  }
  const { name, unit, value, aim } = figure
  const measured = `${value.toFixed(unit === 'us' ? 2 : 0).padStart(8)} ${unit}`
  const verdict = aim === null ? 'no aim' : `aim <= ${aim} ${unit}: ${value <= aim ? 'met' : 'MISSED'}`
  print(`${name.padEnd(50)} ${measured}   ${verdict.padEnd(24)} load ${loadavg()[0]!.toFixed(1)}`)
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = { reads, codec, step, tree, storage: storages }

const names = values.only?.split(',') ?? Object.keys(BENCHMARKS)
const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name))
if (values.help) {
  print(`npm run bench -- [--only NAME,NAME] [--json]\n\nNames: ${Object.keys(BENCHMARKS).join(', ')}`)
} else if (unknown.length > 0) {
  print(`no benchmark named ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`)
  process.exitCode = 2
} else {
  if (!values.json) print(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores`)
  for (const name of names) {
    if (!values.json) print(`\n${name}`)
    for await (const figure of BENCHMARKS[name]!()) show(figure)
  }
}
