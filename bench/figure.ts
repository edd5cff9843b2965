import { measure } from 'mitata'

/** One measured number, with what it should be at most. */
export interface Figure {
  readonly name: string
  readonly unit: 'ns' | 'us'
  readonly value: number
  /** Upper bound in `unit`; null where none was set. */
  readonly aim: number | null
}

/** What bench/run.ts runs: figures come as they are measured. */
export type Benchmark = () => AsyncGenerator<Figure>

/** Median time of one call divided by `operations`, in ns; a promise that comes back is awaited. */
export async function nanoseconds(call: () => unknown, operations = 1): Promise<number> {
  const { p50 } = await measure(call, { min_cpu_time: 300e6 })
  return p50 / operations
}
