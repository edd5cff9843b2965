import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../lib/core/random.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { connect, isZkError } from '../../lib/node.ts'
import { HistoryRecorder } from '../../lib/testing/index.ts'
import type { ZnodeInput, ZnodeOutput } from '../../lib/testing/index.ts'
import { Peers } from '../fencing/peers.ts'
import { Contender } from './workload.ts'
import type { ZnodeHistory } from './workload.ts'

/** What one ensemble of processes gave. */
export interface Real {
  readonly history: ZnodeHistory
  readonly kills: number
  readonly stops: number
  /** Of processes: what they should not have done. */
  readonly problems: readonly string[]
}

const CONTENDERS = 6
const SESSION_TIMEOUT_MS = 2_000
const OPERATIONS_MOST = 100_000
/** Between two operations of one client, at most. */
const WORK_PAUSE_MS = 40
/** Between two blows, at most. */
const PAUSE_MS = 2_000
/** A killed peer is away for at most so long. */
const AWAY_MS = 1_200
/** One blow in so many falls on two peers at once. */
const BOTH_OF = 4

async function contend(address: string, contender: Contender, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    try {
      const zk = await connect(address, { sessionTimeoutMs: SESSION_TIMEOUT_MS, signal: over })
      // Closing ends the calls that wait, with an outcome that is unknown.
      const end = (): void => void zk.close()
      over.addEventListener('abort', end)
      await contender.work(zk, OPERATIONS_MOST)
      over.removeEventListener('abort', end)
      await zk.close()
    } catch (error) {
      if (!isZkError(error)) throw error
    }
  }
}

/** Kills peers with SIGKILL, or stops them for a while, until it is over. In the end all run. */
async function strike(peers: Peers, random: Random, over: AbortSignal): Promise<{ kills: number, stops: number }> {
  const blows = { kills: 0, stops: 0 }
  const hit = async (index: number): Promise<void> => {
    const peer = peers.all[index]!
    if (random.below(3) === 0) {
      blows.stops += 1
      peer.stop()
      await pause(random.below(2 * AWAY_MS))
      peer.resume()
    } else {
      blows.kills += 1
      await peer.kill()
      await pause(random.below(AWAY_MS))
      peers.run(index)
    }
  }
  while (!over.aborted) {
    await pause(random.below(PAUSE_MS))
    const first = random.below(peers.all.length)
    const both = random.below(BOTH_OF) === 0
    await Promise.all([hit(first), ...(both ? [hit((first + 1) % peers.all.length)] : [])])
  }
  return blows
}

/** Clients of three peers in processes of their own, which die and stand still, for so long. */
export async function real(seed: number, folder: string, forMs: number): Promise<Real> {
  const problems: string[] = []
  const random = makeRandom(seed)
  const peers = await Peers.start(folder, (what) => void problems.push(what))
  try {
    const recorder = new HistoryRecorder<ZnodeInput, ZnodeOutput>()
    // The time of the run begins when the ensemble serves.
    const first = await connect(peers.address, { connectTimeoutMs: 60_000 })
    await first.close()
    const over = AbortSignal.timeout(forMs)
    const blows = strike(peers, makeRandom(random.next()), over)
    await Promise.all(Array.from({ length: CONTENDERS }, (_, index) => {
      const contender = new Contender(`client${index + 1}`, recorder, makeRandom(random.next()), WORK_PAUSE_MS)
      return contend(peers.address, contender, over)
    }))
    return { history: recorder.history(), ...await blows, problems }
  } finally {
    await Promise.all(peers.all.map((peer) => peer.kill()))
  }
}
