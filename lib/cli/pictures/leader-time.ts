import type { Client } from '../../client/client.ts'
import { uniqueId } from '../../recipes/unique-id.ts'

/** By whose clock spans of time are told. */
export interface Timepiece {
  readonly clock: 'this machine' | 'the leader'
  now(): number
}

/** The clock of this machine: what it says of others' moments is as good as the two clocks agree. */
export const OWN_TIME: Timepiece = { clock: 'this machine', now: () => Date.now() }

/**
 * The leader's clock, as of the middle of one write: an ephemeral node in the root that is deleted at once. Reads do
 * not tell the time. Errors: those of `create`.
 */
export async function leaderTime(zk: Client, signal: AbortSignal): Promise<Timepiece> {
  const sentMs = Date.now()
  const { path, stat } = await zk.createWithStat(`/vivarium.time-${uniqueId(zk)}`, '', { mode: 'ephemeral', signal })
  const aheadMs = stat.ctime - (sentMs + Date.now()) / 2
  await zk.delete(path, { signal })
  return { clock: 'the leader', now: () => Date.now() + aheadMs }
}
