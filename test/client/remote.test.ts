/** The client over the wire, against peers in this process. */
import { createEnsemble } from '../../lib/node.ts'
import type { Ensemble } from '../../lib/node.ts'
import { suite } from '../harness.ts'
import { ALL_CASES } from './all-remote-cases.ts'
import { hasTrait, Scene } from './remote-scene.ts'
import type { SceneServers } from './remote-scene.ts'

const test = suite('client over the wire')

const SHORT_MS = 750

function serversOf(ensemble: Ensemble, scheme: 'tcp' | 'ws'): SceneServers {
  const hosts = ensemble.peers.map((peer) => {
    const address = peer.status().clientAddresses.find((one) => one.startsWith(`${scheme}:`)) ?? ''
    return address.slice(address.indexOf('//') + 2)
  })
  const servers: SceneServers = { kind: 'vivarium', scheme, hosts, shortMs: SHORT_MS }
  if (hosts.length === 1) return servers
  return {
    ...servers, kill: (i) => ensemble.stopPeer(i + 1), restart: async (i) => void await ensemble.startPeer(i + 1),
  }
}

/** One ensemble for all cases, each of which works below a node of its own; the last case stops it. */
function play(name: string, size: number, scheme: 'tcp' | 'ws'): void {
  const cases = ALL_CASES.filter(({ needs }) => needs === undefined || size > 1)
  const hosts: string[] = []
  let started: Promise<Ensemble> | null = null
  let left = cases.length
  for (const [index, one] of cases.entries()) {
    test(`${name}: ${one.name}`, async (t) => {
      // A peer that is started again listens where it did.
      started ??= createEnsemble({ size, clients: (id) =>
        ({ listen: [`${scheme}://${hosts[id - 1] ?? '127.0.0.1:0'}`], perAddress: 0 }) })
      const ensemble = await started
      t.defer(() => {
        left -= 1
        return left === 0 ? ensemble.stop() : undefined
      })
      const servers = serversOf(ensemble, scheme)
      if (hosts.length === 0) hosts.push(...servers.hosts)
      if (one.needs !== undefined && !hasTrait(servers, one.needs)) throw new Error(`the servers lack ${one.needs}`)
      const scene = await Scene.open(servers, `/case-${index}`)
      t.defer(() => scene.close())
      await one.run(scene)
    })
  }
}

play('one peer, tcp', 1, 'tcp')
play('one peer, ws', 1, 'ws')
play('three peers', 3, 'tcp')
test.run()
