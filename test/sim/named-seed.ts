import { assert } from '../harness.ts'

/** So many of the others may do in its place without a word: looking at more takes minutes that nobody would notice. */
const NEAR = 8

/** Passes when the seed that a test names sees what it should; when it has become another run, fails and names one. */
export async function seenBySeed(
  known: number, others: Iterable<number>, sees: (seed: number) => boolean | Promise<boolean>,
): Promise<void> {
  if (await sees(known)) return
  let tried = 0
  for (const seed of others) {
    tried++
    if (!await sees(seed)) continue
    if (tried > NEAR) assert.unreachable(`seed ${known} has become another run; seed ${seed} sees it: name that one`)
    return
  }
  assert.unreachable(`seed ${known} does not see it, nor does any of ${tried} others`)
}
