/** One peer of the soak; see protocol.ts for what it is told and what it says. */
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createPeer, isZkError } from '../../lib/index.ts'
import type { Peer } from '../../lib/index.ts'
import { tcp } from '../../transports/tcp.ts'
import { processLogger } from '../kill/process-logger.ts'
import { MoodyDisk, watched } from './disk.ts'
import type { Command, PeerSettings, Report } from './protocol.ts'
import { tellStalls } from './stalls.ts'
import { shown } from './text.ts'

const SAMPLE_MS = 1_000
/** Not part of the tree that peers have in common: it tells the addresses that each of them was given. */
const CONFIG = '/zookeeper/config'
/** A peer that stopped by itself ends its process with this code. */
const FATAL_EXIT = 3
/** Small limits: snapshots are taken every few seconds, logs purged, and peers that come back get either. */
const LIMITS = { snapshotTxns: 250, retainedTxns: 50 }

const settings = JSON.parse(process.argv[2] ?? '') as PeerSettings
const disk = new MoodyDisk(settings.disk, settings.isLying)
const housekeeping = { snapshots: 0, purges: 0 }

function report(line: Report): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const logger = processLogger(report, ({ damage }) => report({ kind: 'recovered', damage: String(damage) }))

/** Equal texts are equal trees. */
function dump(peer: Peer, file: string): void {
  const lines: string[] = []
  const visit = (path: string): void => {
    if (path === CONFIG) return
    const { data, stat } = peer.tree.get(path)!
    lines.push(JSON.stringify([path, data === null ? null : shown(Buffer.from(data).toString()), stat]))
    for (const name of peer.tree.children(path)!.toSorted()) visit(path === '/' ? `/${name}` : `${path}/${name}`)
  }
  visit('/')
  writeFileSync(file, lines.join('\n'))
  report({ kind: 'dumped', zxid: peer.tree.zxid, sessions: peer.status().sessions })
}

function sample(peer: Peer, diskBytes: number): void {
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const { elections = 0, syncsDiff = 0, syncsTrunc = 0, syncsSnap = 0 } = peer.metrics()
  const { nodes, sessions } = peer.status()
  report({
    kind: 'sample', sample: {
      rssBytes: rss, heapBytes: heapUsed, diskBytes, nodes, sessions, ageS: Math.round(process.uptime()),
      cpuS: (user + system) / 1e6, ...housekeeping, elections, diffs: syncsDiff, truncs: syncsTrunc, snaps: syncsSnap,
    },
  })
}

function fatal(error: unknown): void {
  const code = isZkError(error) ? error.code : 'start'
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
  const line: Report = { kind: 'fatal', code, reason: `${String(error)}${cause}` }
  process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(FATAL_EXIT))
}

async function main(): Promise<void> {
  const { id, members, folder, clientPort } = settings
  let peer: Peer | null = null
  const input = createInterface({ input: process.stdin })
  input.on('line', (line) => {
    const command = JSON.parse(line) as Command
    if (command.kind === 'disk') disk.set(command.mode)
    else if (peer !== null) dump(peer, command.file)
  })
  // The driver is gone: whoever started this needs it no more.
  input.on('close', () => process.exit(1))
  const tell = (text: string): void => report({ kind: 'log', text })
  const storage = watched(disk.storage(folder), housekeeping, tell)
  tellStalls(tell)
  const running = peer = await createPeer({
    id, ensemble: { name: 'soak', members }, transports: [tcp()], storage, limits: LIMITS, logger,
    clients: { listen: [`tcp://127.0.0.1:${clientPort}`], perAddress: 0, words: ['*'] },
  })
  running.on('fatal', fatal)
  running.on('role', ({ role, leader }) => report({ kind: 'role', role, leader }))
  running.on('serving', (serving) => report({ kind: 'serving', serving, health: running.status().health }))
  setInterval(() => sample(running, storage.size?.() ?? 0), SAMPLE_MS)
}

main().catch(fatal)
