/** Seeds from the first to the second, both of them in it. */
export type Range = readonly [from: number, to: number]

/** The fewest ranges, in order, that hold just these seeds. */
export function rangesOf(seeds: Iterable<number>): Range[] {
  return joined(Array.from(seeds, (seed): Range => [seed, seed]))
}

/** The fewest ranges, in order, that hold what these do. */
export function joined(ranges: readonly Range[]): Range[] {
  const result: [number, number][] = []
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = result.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else result.push([from, to])
  }
  return result
}

/** Whether one of them holds it. */
export function holds(ranges: readonly Range[], seed: number): boolean {
  return ranges.some(([from, to]) => from <= seed && seed <= to)
}

/** Whether a seed is in both. */
export function overlap(some: readonly Range[], others: readonly Range[]): boolean {
  return some.some(([from, to]) => others.some(([otherFrom, otherTo]) => from <= otherTo && otherFrom <= to))
}

/** How many seeds they hold that have been joined. */
export function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0)
}
