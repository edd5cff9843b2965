import { cpus, loadavg } from 'node:os'
import { figure } from '../median.ts'

/** What was measured many times. */
export interface Sample {
  readonly name: string
  /** The kind of server that was asked, where there is a choice. */
  readonly program?: string | undefined
  /** Of each time, in ms. */
  readonly millis: readonly number[]
  /** So many were done per second, where that says something. */
  readonly perSecond?: number
  /** Further numbers, by what they are. */
  readonly more?: Readonly<Record<string, number>>
}

/** What `show` prints of it as JSON, for programs; further numbers stand beside these. */
export interface SampleFigures {
  readonly bench: string
  readonly program?: string
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly perSecond?: number
}

/** The latency that this share of all did not exceed. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** What follows was measured here. */
export function head(): void {
  print(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores`)
}

/** One line for people, and one of JSON. */
export function show({ name, program, millis, perSecond, more = {} }: Sample): void {
  const sorted = [...millis].sort((one, other) => one - other)
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)]
  const rate = perSecond === undefined ? '' : `, ${figure(perSecond)}/s`
  const others = Object.entries(more).map(([what, value]) => `, ${what} ${figure(value)}`).join('')
  const load = loadavg()[0] ?? 0
  const asked = program === undefined ? name : `${name}, ${program}`
  print(`${asked.padEnd(52)} p50 ${figure(p50).padStart(8)} ms, p99 ${figure(p99).padStart(8)} ms${rate}${others} ` +
    `(of ${millis.length}, load ${load.toFixed(1)})`)
  const figures: SampleFigures = {
    bench: name, count: millis.length, p50Ms: rounded(p50), p99Ms: rounded(p99),
    ...(program === undefined ? {} : { program }),
    ...(perSecond === undefined ? {} : { perSecond: rounded(perSecond) }),
  }
  const further = Object.fromEntries(Object.entries(more).map(([what, value]) => [what, rounded(value)]))
  print(JSON.stringify({ ...figures, ...further, load }))
}
