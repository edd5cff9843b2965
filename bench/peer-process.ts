/** One peer of bench/processes.ts: id, folder and the three ports are its arguments, commands come as messages. */
import { createPeer, isZkError } from '../lib/index.ts'
import type { Client, Peer } from '../lib/index.ts'
import { level } from '../storage/level.ts'
import { tcp } from '../transports/tcp.ts'
import { pipelined } from './load.ts'
import type { Answer, Command } from './processes.ts'

const [id, folder, ...ports] = process.argv.slice(2)
const members = Object.fromEntries(ports.map((port, index) => [index + 1, `tcp://127.0.0.1:${port}`]))
const DATA = new Uint8Array(100).fill(120)
/** The longest gap is known once writes went on for so long after it. */
const CALM_MS = 1_000
let isKilled = false

function tell(answer: Answer): void {
  process.send!(answer)
}

async function fill(zk: Client): Promise<void> {
  for (let key = 0; key < 100; key++) await zk.create(`/bench/${id}/k${key}`, DATA, { parents: true })
}

/** Writes one after the other; tells the longest gap after the leader was killed once it is a second old. */
async function beat(zk: Client): Promise<void> {
  let lastMs = performance.now()
  let longestMs = 0
  let afterMs = 0
  for (;;) {
    try {
      await zk.set(`/bench/${id}/k0`, DATA)
    } catch (error) {
      if (!isZkError(error, 'ConnectionLoss')) throw error
      continue
    }
    const nowMs = performance.now()
    if (isKilled && nowMs - lastMs > longestMs) {
      longestMs = nowMs - lastMs
      afterMs = nowMs
    }
    lastMs = nowMs
    if (longestMs > 0 && nowMs - afterMs > CALM_MS) break
  }
  tell({ kind: 'gap', gapMs: longestMs })
}

function onCommand(peer: Peer, zk: Client, command: Command): void {
  switch (command.kind) {
    case 'load': {
      let next = 0
      void pipelined(() => zk.set(`/bench/${id}/k${next++ % 100}`, DATA), command.depth, command.seconds)
        .then((perSecond) => tell({ kind: 'loaded', perSecond }))
      break
    }
    case 'beat': void beat(zk); break
    case 'killed': isKilled = true; break
    case 'role': tell({ kind: 'role', leads: peer.status().role === 'leading' }); break
  }
}

const peer = await createPeer({
  id: Number(id), ensemble: { name: 'bench', members }, transports: [tcp()], storage: level(folder!),
})
await peer.ready()
const zk = await peer.connect()
await fill(zk)
process.on('message', (command) => onCommand(peer, zk, command as Command))
tell({ kind: 'ready' })
