/** One peer of the kill tests, with its clients; see protocol.ts for what it is told and what it says. */
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createPeer, isZkError } from '../../lib/index.ts'
import type { Client, Peer } from '../../lib/index.ts'
import { level } from '../../storage/level.ts'
import { tcp } from '../../transports/tcp.ts'
import { processLogger } from './process-logger.ts'
import type { ChildSettings, Command, Report } from './protocol.ts'
import { volatileDatabase, volatileSegments } from './volatile.ts'
import { Writer } from './writer.ts'

const settings = JSON.parse(process.argv[2] ?? '') as ChildSettings
const writers: Promise<Writer>[] = []

function report(line: Report): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const logger = processLogger(report, (fields) => {
  const { damage, entries, chunks } = fields as { damage: string, entries: number, chunks: number }
  report({ kind: 'recovered', damage, entries, chunks })
})

/** Everything below the root, with every field of its Stat: equal texts are equal trees. */
function dump(peer: Peer, file: string): void {
  const lines: string[] = []
  const visit = (path: string): void => {
    const { data, stat } = peer.tree.get(path)!
    lines.push(JSON.stringify([path, data === null ? null : Buffer.from(data).toString(), stat]))
    for (const name of peer.tree.children(path)!.toSorted()) visit(path === '/' ? `/${name}` : `${path}/${name}`)
  }
  visit('/')
  writeFileSync(file, lines.join('\n'))
}

async function settle(peer: Peer, zk: Client, alive: readonly string[]): Promise<void> {
  const wanted = alive.toSorted().join()
  for (;;) {
    const change = zk.once('/alive', { children: true })
    // The last watch ends with the session.
    change.catch((error: unknown) => void error)
    if ((await zk.children('/alive')).toSorted().join() === wanted) break
    await change
  }
  // A process may have died between the opening of its session and its ephemeral node. Nothing tells of that.
  while (peer.status().sessions !== alive.length) await new Promise((resolve) => setTimeout(resolve, 50))
}

async function obey(peer: Peer, command: Command): Promise<void> {
  switch (command.kind) {
    case 'quiet':
      for (const writer of writers) await (await writer).quiet()
      report({ kind: 'quiet' })
      break
    case 'settle':
      await settle(peer, (await writers[0]!).zk, command.alive)
      report({ kind: 'settled' })
      break
    case 'dump':
      await (await writers[0]!).zk.sync()
      dump(peer, command.file)
      report({ kind: 'dumped', zxid: peer.tree.zxid, sessions: peer.status().sessions })
      break
  }
}

async function main(): Promise<void> {
  const ending = new AbortController()
  let stop = async (): Promise<void> => ending.abort()
  process.once('SIGTERM', () => void stop().then(() => process.exit(0)))
  const { id, incarnation, folder, ports, sync, isVolatile, sessionTimeoutMs } = settings
  const members = Object.fromEntries(ports.map((port, index) => [index + 1, `tcp://127.0.0.1:${port}`]))
  const parts = isVolatile ? { database: volatileDatabase, segments: volatileSegments } : {}
  const storage = level(folder, { sync, ...parts })
  // Small limits: within a test, snapshots are taken, the log is purged, and peers are synchronized in every way.
  const limits = { snapshotTxns: 1_500, retainedTxns: 400 }
  const peer = await createPeer({
    id, ensemble: { name: 'kill', members }, transports: [tcp()], storage, limits, logger,
    signal: ending.signal,
  })
  stop = () => peer.stop()
  peer.on('fatal', ({ code, message }) => report({ kind: 'fatal', code, reason: message }))
  peer.on('role', ({ role, epoch, leader }) => report({ kind: 'role', role, epoch, leader }))
  peer.on('serving', (serving) => report({ kind: 'serving', serving, health: peer.status().health }))
  const input = createInterface({ input: process.stdin })
  input.on('line', (line) => void obey(peer, JSON.parse(line) as Command))
  // The driver is gone: whoever started this needs it no more.
  input.on('close', () => process.exit(1))
  await peer.ready()
  for (let number = 1; number <= settings.writers; number++) {
    writers.push(Writer.open(peer, `${id}.${incarnation}.${number}`, sessionTimeoutMs, report))
  }
  await Promise.all(writers)
}

/** The end of the peer in the middle of its start is no failure. */
function isStopped(error: unknown): boolean {
  return isZkError(error, 'PeerStopped') || isZkError(error, 'Closed') || isZkError(error, 'Aborted')
}

main().catch((error: unknown) => {
  if (!isStopped(error)) report({ kind: 'fatal', code: 'start', reason: String(error) })
})
