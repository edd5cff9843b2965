import type { Peer } from '../../lib/node.ts'
import { createPeer } from '../../lib/node.ts'
import { memory } from '../../storage/memory.ts'
import type { Case } from '../harness.ts'

/** A peer in memory that serves clients over TCP, for as long as a case lasts. */
export async function servedPeer(t: Case): Promise<{ readonly peer: Peer, readonly host: string }> {
  const peer = await createPeer({
    id: 1, ensemble: { name: 'bench', members: { 1: [] } }, storage: memory(),
    clients: { listen: ['tcp://127.0.0.1:0'], perAddress: 0 },
  })
  t.defer(() => peer.stop())
  await peer.ready()
  return { peer, host: peer.status().clientAddresses[0]!.slice('tcp://'.length) }
}
