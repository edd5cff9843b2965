import { makeRandom } from '../lib/core/random.ts'

/** Paths `/top/node` in random order, the same in every run. */
export function randomPaths(count: number): string[] {
  const random = makeRandom(42)
  const paths = Array.from({ length: count }, (_, at) => `/d${at % 100}/node-${at}`)
  for (let at = count - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const path = paths[at]!
    paths[at] = paths[other]!
    paths[other] = path
  }
  return paths
}

/** Tops of `randomPaths`, to be made before them. */
export const TOPS: readonly string[] = Array.from({ length: 100 }, (_, at) => `/d${at}`)
