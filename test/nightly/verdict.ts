/** What a step came to. */
export interface Verdict {
  readonly passed: number
  readonly failed: number
  /** Some of it could not be done on this machine. */
  readonly isPart: boolean
}

/**
 * What a step says that ended with this code, null for one that was ended: its last line of the form `N passed,
 * N failed`, or one for itself. One that ends wrong and names nothing that failed has failed once.
 */
export function verdictOf(output: string, code: number | null, partCode?: number): Verdict {
  const isPart = code !== null && code === partCode
  const isRight = code === 0 || isPart
  const said = Array.from(output.matchAll(/^(\d+) passed, (\d+) failed$/gm)).at(-1)
  if (said === undefined) return { passed: isRight ? 1 : 0, failed: isRight ? 0 : 1, isPart }
  const [passed, failed] = [Number(said[1]), Number(said[2])]
  return { passed, failed: isRight || failed > 0 ? failed : 1, isPart }
}
