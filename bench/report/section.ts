import { median } from '../median.ts'
import { VIVARIUM } from '../servers.ts'
import type { Program } from '../servers.ts'
import type { Aim } from './aims.ts'
import type { Duel, Report } from './report.ts'

/** What is measured, and how long. */
export interface Extent {
  readonly runs: number
  readonly seconds: number
  readonly nodes: number
  /** Sizes of the scaling benches above it are left out. */
  readonly largest: number
  readonly apache: Program | null
}

/** The same, and who is told of what is done. */
export interface Plan extends Extent {
  /** Tells what is being done, and how many seconds it will take on an idle machine of two cores. */
  step(text: string, seconds: number): void
  /** Something is worth being kept. */
  saved(): void
}

/** A part of the report. */
export interface Section {
  /** How long it takes on an idle machine of two cores: the sum of its steps. */
  seconds(extent: Extent): number
  /** Adds what it measured to a report. */
  measure(report: Report, plan: Plan): Promise<void>
}

/** One quantity of a program, to be measured several times. */
export interface Dueling {
  readonly what: string
  readonly unit: Duel['unit']
  readonly aim: Aim | null
  readonly runs: number
  /** Of one run of both. */
  readonly seconds: number
  readonly measure: (program: Program) => Promise<number>
}

/** Both programs in turn. */
export async function duel(plan: Plan, { what, unit, aim, runs, seconds, measure }: Dueling): Promise<Duel> {
  const ourRuns: number[] = []
  const theirRuns: number[] = []
  for (let run = 0; run < runs; run++) {
    plan.step(`${what}, run ${run + 1} of ${runs}`, seconds)
    ourRuns.push(await measure(VIVARIUM))
    if (plan.apache !== null) theirRuns.push(await measure(plan.apache))
  }
  const theirs = plan.apache === null ? null : median(theirRuns)
  return { what, unit, aim, ours: median(ourRuns), theirs, ourRuns, theirRuns }
}
