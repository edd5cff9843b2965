import type { Client } from '../client/client.ts'
import { checkPath } from '../client/requests.ts'
import { below } from './pause.ts'
import { claimTick } from './ticks.ts'

/** What node-cron asks before each run of a task that is `distributed` (its RunCoordinator, from 4.4 on). */
export interface RunCoordinator {
  shouldRun(key: string, ttlMs: number): Promise<boolean>
}

/** A key is the task's and the moment of the run. */
const KEY = /^(.*):(\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/s

/**
 * Lets node-cron run a distributed task on exactly one member per tick:
 * `cron.setRunCoordinator(runCoordinator(zk, '/cron'))`. Whoever claims a tick runs it, and nobody does again, also
 * when the one who claimed it dies. Without a quorum nobody runs. Layout: one node per task below `path`, which holds
 * the last tick. Errors of `shouldRun`: TypeError for a key that is not node-cron's, those of `set`.
 */
export function runCoordinator(zk: Client, path: string): RunCoordinator {
  checkPath(path)
  return Object.freeze<RunCoordinator>({
    shouldRun: async (key) => {
      const match = KEY.exec(key)
      if (match === null) throw new TypeError(`no key of node-cron: ${key}`)
      return claimTick(zk, below(path, encodeURIComponent(match[1]!)), Date.parse(match[2]!), zk.session?.id ?? '')
    },
  })
}
