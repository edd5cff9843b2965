import { connect, createEnsemble } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { uniqueId } from '../../lib/recipes/unique-id.ts'
import type { Case } from '../harness.ts'

/** Where a recipe is tried: a tree of its own, empty at first. */
export interface Place {
  /** One more session there; closed when the case is over. */
  connect(sessionTimeoutMs?: number): Promise<Client>
}

/**
 * An ensemble in this process, or, when RECIPES_AT names ZooKeeper servers (`zk://127.0.0.1:2181`), a subtree of
 * theirs: the same cases pass on both.
 */
export async function place(t: Case): Promise<Place> {
  const { RECIPES_AT: address } = process.env
  if (address === undefined) {
    const ensemble = await createEnsemble({ size: 1, signal: t.signal })
    t.defer(() => ensemble.stop())
    return { connect: async (sessionTimeoutMs = 10_000) => closing(t, await ensemble.connect({ sessionTimeoutMs })) }
  }
  const name = `/recipes-${uniqueId(Math)}`
  const zk = closing(t, await connect(address, { signal: t.signal }))
  await zk.create(name)
  t.defer(() => zk.delete(name, { recursive: true }))
  return {
    connect: async (sessionTimeoutMs = 10_000) => closing(t, await connect(`${address}${name}`, { sessionTimeoutMs })),
  }
}

function closing(t: Case, zk: Client): Client {
  t.defer(() => zk.close())
  return zk
}
