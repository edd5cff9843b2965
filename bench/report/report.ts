import type { Disk } from '../disk.ts'
import type { Figure } from '../figure.ts'
import type { SampleFigures } from '../recipes/sample.ts'
import type { Growth, Row } from '../scaling/row.ts'
import type { Measured } from '../traffic/generator.ts'
import type { Summary } from '../traffic/pairs.ts'
import type { Aim } from './aims.ts'

/** One workload, ours and theirs in turn. */
export interface WorkloadResult {
  readonly servers: number
  readonly workload: string
  /** How many times as many operations per second ours did; null without theirs. */
  readonly ratio: number | null
  readonly ours: Summary
  readonly theirs: Summary | null
  readonly ourRuns: readonly Measured[]
  readonly theirRuns: readonly Measured[]
}

/** One quantity of both programs, as medians of the same number of runs. */
export interface Duel {
  readonly what: string
  readonly unit: 'us' | 'ms' | 'bytes'
  /** Of ours. */
  readonly aim: Aim | null
  readonly ours: number
  readonly theirs: number | null
  readonly ourRuns: readonly number[]
  readonly theirRuns: readonly number[]
}

/** One whole-peer figure of bench/macro.ts. */
export interface MacroFigure {
  readonly name: string
  readonly unit: string
  readonly aim: Aim
  readonly median: number
  readonly runs: readonly number[]
}

/** What a recipe took, ours and theirs; null where theirs was not asked. */
export interface RecipeResult {
  readonly what: string
  readonly ours: SampleFigures
  readonly theirs: SampleFigures | null
}

/** Where and how everything was measured. */
export interface Setting {
  readonly startedAt: string
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly system: string
  readonly loadAtStart: number
  readonly disk: Disk
  readonly node: string
  readonly vivarium: string
  /** Null when it is not installed; then everything is ours alone. */
  readonly apache: string | null
  readonly java: string | null
  readonly durability: readonly (readonly [program: string, what: string])[]
  readonly runs: number
  readonly seconds: number
  readonly command: string
}

/** All that a report tells. */
export interface Report {
  readonly setting: Setting
  readonly workloads: WorkloadResult[]
  readonly duels: Duel[]
  readonly figures: Figure[]
  readonly macro: MacroFigure[]
  readonly scaling: Row[]
  /** The same of Apache ZooKeeper, as far as it goes. */
  readonly apacheScaling: Row[]
  /** What both come to. */
  growths: readonly Growth[]
  apacheGrowths: readonly Growth[]
  readonly recipes: RecipeResult[]
  /** What could not be measured, and why. */
  readonly notes: string[]
}
