/** Has locks until it is killed; see deaths.ts for its argument. */
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from '../../lib/node.ts'
import { acquire } from '../../lib/recipes/index.ts'
import type { Holding } from './deaths.ts'

const { address, timeoutMs, paths } = JSON.parse(process.argv[2] ?? '') as Holding

await Promise.all(paths.map(async (path, at) => {
  await pause(timeoutMs * at / paths.length)
  const zk = await connect(address, { sessionTimeoutMs: timeoutMs })
  await acquire(zk, path)
}))
process.once('disconnect', () => process.exit())
process.send?.('held')
