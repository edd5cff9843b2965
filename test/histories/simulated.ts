import { makeRandom } from '../../lib/core/random.ts'
import { isZkError } from '../../lib/index.ts'
import type { Client } from '../../lib/index.ts'
import { HistoryRecorder, simulate } from '../../lib/testing/index.ts'
import type { StormCounts, World, ZnodeInput, ZnodeOutput } from '../../lib/testing/index.ts'
import { Contender } from './workload.ts'
import type { ZnodeHistory } from './workload.ts'

/** What one seed gave. */
export interface Simulated {
  readonly history: ZnodeHistory
  readonly faults: StormCounts
  readonly virtualMs: number
}

/** How the world differs from the usual. */
export interface SimulatedOptions {
  /** False: reads come without a sync before them, and need not be linearizable. */
  readonly isSynced?: boolean
  readonly operations?: number
}

const STORM_MS = 12_000
const OPERATIONS = 60

/** A session after the other, until so much was done. One whose program is killed is followed by none. */
async function contend(
  world: World, contender: Contender, isSynced: boolean, operations: number, clients: Set<Client>,
): Promise<void> {
  let left = operations
  while (left > 0) {
    const zk = await world.connect({ sessionTimeoutMs: 3_000 })
    clients.add(zk)
    left = await Promise.race([contender.work(zk, left, isSynced), world.killed(zk).then(() => 0)])
    clients.delete(zk)
    // Its outcome is of no interest: the session ends with the world.
    zk.close().catch((error: unknown) => { if (!isZkError(error)) throw error })
  }
}

/** Clients of an ensemble in virtual time and bad weather; some die in the middle of what they do. */
export async function simulated(seed: number, options: SimulatedOptions = {}): Promise<Simulated> {
  const { isSynced = true, operations = OPERATIONS } = options
  const random = makeRandom(seed * 4 + 1)
  await using world = simulate({ peers: 3 + 2 * random.below(2), observers: random.below(2), seed })
  return await world.run(async () => {
    await world.ready()
    const recorder = new HistoryRecorder<ZnodeInput, ZnodeOutput>(() => world.nowMs)
    const clients = new Set<Client>()
    const names = Array.from({ length: 3 + random.below(3) }, (_, index) => `client${index + 1}`)
    const storm = world.storm(STORM_MS)
    const victims = random.below(2)
    const killing = world.advance(STORM_MS * random.unit()).then(() => {
      for (const zk of [...clients].slice(0, victims)) world.kill(zk)
    })
    await Promise.all(names.map((name, index) =>
      contend(world, new Contender(name, recorder, makeRandom(seed * 64 + index)), isSynced, operations, clients)))
    const faults = await storm
    await killing
    return { history: recorder.history(), faults, virtualMs: world.nowMs }
  })
}
