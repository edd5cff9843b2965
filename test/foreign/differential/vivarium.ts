import { createEnsemble } from '../../../lib/node.ts'

/** Starts one peer with the limits of sessions that Apache ZooKeeper has by default, and no reaping. */
export async function startVivarium(): Promise<{ name: string, port: number, stop(): Promise<void> }> {
  const ensemble = await createEnsemble({
    size: 1, superDigest: 'super:xQJmxLMiHGwaqBvst5y6rkB6HQs=',
    timing: { sessionMinMs: 4_000, sessionMaxMs: 40_000, reapMs: 86_400_000 },
    clients: () => ({ listen: ['tcp://127.0.0.1:0'], perAddress: 0, words: ['*'] }),
  })
  const address = [...ensemble.peers.values()][0]?.status().clientAddresses[0] ?? ''
  return { name: 'vivarium', port: Number(/:(\d+)$/.exec(address)?.[1]), stop: () => ensemble.stop() }
}
