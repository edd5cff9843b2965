/** The process of bench/scaling/subject.ts: the folder of its data is its argument, commands come as messages. */
import { createPeer } from '../../lib/node.ts'
import type { Storage } from '../../lib/ports/storage.ts'
import { level } from '../../storage/level.ts'
import { INSIDE } from './inside.ts'
import { LoopWatch } from './loop-watch.ts'
import type { Answer, Command, Toll } from './subject.ts'

const watch = new LoopWatch()
let snapshots = 0
let isSnapshotting = false
let delayMs = 0

/** LevelDB, which tells of snapshots on their way to it, and may be slow. */
function observed(storage: Storage): Storage {
  const write = storage.write.bind(storage)
  storage.write = async (batch) => {
    if (batch.chunks !== undefined) isSnapshotting = true
    await write(batch)
    if (batch.install !== undefined) {
      isSnapshotting = false
      snapshots++
    }
    if (delayMs > 0) await new Promise((resolve) => { setTimeout(resolve, delayMs) })
  }
  return storage
}

function toll(): Toll {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  return {
    ...watch.block, residentBytes: rss, peakBytes: process.resourceUsage().maxRSS * 1_024, heapBytes: heapUsed,
    bufferBytes: arrayBuffers, snapshots,
  }
}

function tell(answer: Answer): void {
  process.send!(answer)
}

const peer = await createPeer({
  id: 1, ensemble: { name: 'bench', members: { 1: [] } }, storage: observed(level(process.argv[2]!)),
  clients: { listen: ['tcp://127.0.0.1:0'], perAddress: 0 },
})
await peer.ready()

async function onCommand(command: Command): Promise<void> {
  switch (command.kind) {
    case 'begin':
      watch.start()
      tell({ kind: 'begun' })
      break
    case 'end': {
      watch.stop()
      // Memory that is free but not collected yet says little.
      for (let i = 0; command.collect && i < 3; i++) (globalThis as { gc?: () => void }).gc?.()
      tell({ kind: 'toll', toll: toll() })
      break
    }
    case 'inside': tell({ kind: 'cost', costUs: await INSIDE[command.name](peer, command.size, watch) }); break
    case 'delayDisk':
      delayMs = command.ms
      tell({ kind: 'delayed' })
      break
    case 'snapshotting': tell({ kind: 'snapshotting', is: isSnapshotting }); break
  }
}

process.on('message', (command) => {
  onCommand(command as Command).catch((error: unknown) => {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  })
})
process.once('disconnect', () => process.exit())
tell({ kind: 'ready', host: peer.status().clientAddresses[0]!.slice('tcp://'.length) })
