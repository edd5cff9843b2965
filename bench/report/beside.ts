import type { SampleFigures } from '../recipes/sample.ts'
import type { RecipeResult } from './report.ts'

/** The figures of two programs by what was done, in the order of ours, to which also belongs what no server did. */
export function beside(figures: readonly SampleFigures[], ours: string): RecipeResult[] {
  const isOurs = ({ program = ours }: SampleFigures): boolean => program === ours
  return figures.filter(isOurs).map((our) => ({
    what: our.bench, ours: our, theirs: figures.find((one) => !isOurs(one) && one.bench === our.bench) ?? null,
  }))
}
