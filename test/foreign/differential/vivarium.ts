import { createEnsemble } from '../../../lib/node.ts'
import { fourLetterWord } from '../servers.ts'
import type { Servers } from '../servers.ts'
import { LONG_MS } from './step.ts'

/** Starts one peer in this process, with Apache ZooKeeper's limits of sessions, enforced quotas, and no reaping. */
export async function startPeer(superDigest: string): Promise<Pick<Servers, 'name' | 'hosts' | 'mode' | 'stop'>> {
  const ensemble = await createEnsemble({
    size: 1, superDigest, enforceQuota: true,
    timing: { tickMs: 2_000, sessionMinMs: 4_000, sessionMaxMs: LONG_MS, reapMs: 86_400_000 },
    clients: () => ({ listen: ['tcp://127.0.0.1:0'], perAddress: 0, words: ['*'] }),
  })
  const address = [...ensemble.peers.values()][0]?.status().clientAddresses[0] ?? ''
  const port = Number(/:(\d+)$/.exec(address)?.[1])
  return {
    name: 'vivarium', hosts: [`127.0.0.1:${port}`], stop: () => ensemble.stop(),
    mode: async () => /^Mode: (\S+)$/m.exec(await fourLetterWord(port, 'srvr'))?.[1] ?? null,
  }
}
