import { measure } from 'mitata'

/** One measured number, with what it should be at most. */
export interface Figure {
  readonly name: string
  readonly unit: 'ns' | 'us'
  /** Mean, unless the name says otherwise: garbage that is collected counts, and so does what other processes take. */
  readonly value: number
  /** Upper bound in `unit`; null where none was set. */
  readonly aim: number | null
}

/** What bench/run.ts runs: figures come as they are measured. */
export type Benchmark = () => AsyncGenerator<Figure>

/** Mean time of one call divided by `operations`, in ns; a promise that comes back is awaited. */
export async function nanoseconds(call: () => unknown, operations = 1): Promise<number> {
  const { avg } = await measure(call, { min_cpu_time: 300e6 })
  return avg / operations
}
