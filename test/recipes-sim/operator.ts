import { isZkError } from '../../lib/core/errors.ts'
import type { World } from '../../lib/testing/index.ts'
import type { Curtain } from './actors.ts'
import { live } from './actors.ts'

/** Somebody who deletes the first node of a line now and then, as operators do who take a holder for dead. */
export async function evictor(world: World, curtain: Curtain, path: string): Promise<void> {
  await live(world, { curtain }, async (zk) => {
    await world.sleep(zk, 100 + world.random.below(1_000))
    try {
      const names = await zk.children(path)
      const first = names.toSorted((a, b) => (a.slice(-10) < b.slice(-10) ? -1 : 1))[0]
      if (first !== undefined) await zk.delete(`${path}/${first}`)
    } catch (error) {
      if (!isZkError(error, 'NoNode')) throw error
    }
  })
}
