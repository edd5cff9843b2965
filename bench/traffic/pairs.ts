import { median } from '../median.ts'
import type { Measured } from './generator.ts'

/** Runs of one workload against two ensembles, one after the other, in pairs. */
export interface Pairs {
  readonly workload: string
  readonly theirs: readonly Measured[]
  readonly ours: readonly Measured[]
}

/** What the runs of one side come to. */
export interface Summary {
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  readonly errors: number
}

/** Medians of each figure; errors are added up. */
export function summary(runs: readonly Measured[]): Summary {
  return {
    perSecond: median(runs.map((run) => run.perSecond)), p50Us: median(runs.map((run) => run.p50Us)),
    p99Us: median(runs.map((run) => run.p99Us)), p999Us: median(runs.map((run) => run.p999Us)),
    maxUs: median(runs.map((run) => run.maxUs)), errors: runs.reduce((sum, run) => sum + run.errors, 0),
  }
}

/**
 * How many times as many operations per second ours did: the median of the ratios of each pair, since what else the
 * machine does changes from minute to minute.
 */
export function ratioOf({ theirs, ours }: Pairs): number {
  return median(ours.map((run, at) => run.perSecond / Math.max(1, theirs[at]?.perSecond ?? Infinity)))
}

/** Measures in turn, theirs first; a first pair warms both up and does not count. */
export async function measurePairs(
  workload: string, runs: number, theirs: () => Promise<Measured>, ours: () => Promise<Measured>,
): Promise<Pairs> {
  const pairs = { workload, theirs: [] as Measured[], ours: [] as Measured[] }
  for (let run = 0; run <= runs; run++) {
    const their = await theirs()
    const our = await ours()
    if (run === 0) continue
    pairs.theirs.push(their)
    pairs.ours.push(our)
  }
  return pairs
}
