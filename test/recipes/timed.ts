import { Client, createEnsemble } from '../../lib/node.ts'
import type { Ensemble } from '../../lib/node.ts'
import { SleepyClock } from '../client/wire-server.ts'
import type { Case } from '../harness.ts'

/** A session whose program has a clock that goes when the test says so; the ensemble has its own. */
export interface Timed {
  readonly zk: Client
  readonly clock: SleepyClock
}

/** An ensemble in this process, and sessions with such clocks. */
export async function timedPlace(t: Case): Promise<{
  readonly ensemble: Ensemble, connect(clock?: SleepyClock): Promise<Timed>,
}> {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const endpoint = ensemble.peer(1)?.endpoint
  if (endpoint === undefined) throw new Error('no peer')
  return {
    ensemble,
    connect: async (clock = new SleepyClock()) => {
      const zk = await Client.connect({ endpoints: [endpoint], clock })
      t.defer(async () => {
        const closed = zk.close()
        clock.pass(10_000)
        await closed
      })
      return { zk, clock }
    },
  }
}
