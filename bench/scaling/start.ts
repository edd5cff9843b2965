import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from '../median.ts'
import { VIVARIUM, fourLetterWord, residentBytes, startServers } from '../servers.ts'
import type { Program, Servers } from '../servers.ts'
import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered } from '../traffic/generator.ts'
import { BLANK, TOPS, createFrame } from '../traffic/requests.ts'
import type { Extent, ScalingBench } from './bench.ts'
import type { Row } from './row.ts'

const NODES = 1_400_000
const RUNS = 5
const SETTLE_MS = 2_000

/** A new folder for the data of servers. */
export function serverFolder(): string {
  return mkdtempSync(join(tmpdir(), 'vivarium-bench-'))
}

/** What servers do beside serving after their start is done. */
function settled(): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, SETTLE_MS) })
}

function residentOf({ servers }: Servers): number {
  return residentBytes(servers[0]?.child.pid ?? 0)
}

/** Starts so many servers together from nothing, and stops them: ms from the start until the slowest serves. */
export async function startTime(program: Program, count: number): Promise<number> {
  const servers = await startServers(program, count, serverFolder())
  await servers.stop()
  return Math.max(...servers.servers.map(({ startMs }) => startMs))
}

/** Resident bytes of one server that has nothing to do. */
export async function idleBytes(program: Program): Promise<number> {
  const servers = await startServers(program, 1, serverFolder())
  await settled()
  const bytes = residentOf(servers)
  await servers.stop()
  return bytes
}

/** What a tree costs a server, and what it takes to start on it. */
export interface RestartTimes {
  /** From the start to serving, after a kill. */
  readonly medianMs: number
  readonly allMs: readonly number[]
  /** Resident memory by nodes: once the tree was filled, and when the last start has settled. */
  readonly bytesPerNode: number
  readonly bytesPerNodeAfter: number
  /** The longest turn of the event loop in any of the starts, by the clock; null of a server that tells none. */
  readonly longestTurnMs: number | null
}

/** The longest turn of late; null when it is not told. */
async function longestTurn({ servers }: Servers): Promise<number | null> {
  const text = /^zk_loop_delay_max_ms\t(\d+)/m.exec(await fourLetterWord(servers[0]!.clientPort, 'mntr'))?.[1]
  return text === undefined ? null : Number(text)
}

/** The tree is filled, its server killed and started again; `then` gets the folder, once nobody serves it any more. */
export async function restartTimes(
  program: Program, nodes: number, runs: number, then?: (folder: string) => Promise<void>,
): Promise<RestartTimes> {
  const folder = serverFolder()
  let servers = await startServers(program, 1, folder)
  const allMs: number[] = []
  let bytes = 0
  let bytesAfter = 0
  let longestTurnMs: number | null = null
  try {
    const connection = await Connection.open(servers.hosts[0]!, new Buffers())
    await connection.call(createFrame('/z', null))
    await new Numbered(createFrame(`/z/d${BLANK}`, null), TOPS).on(connection, 100)
    await new Numbered(createFrame(`/z/d${BLANK}/n${BLANK}`, new Uint8Array(100).fill(120)), nodes).on(connection, 500)
    connection.destroy()
    await settled()
    bytes = residentOf(servers) / nodes
    for (let run = 0; run < runs; run++) {
      await servers.kill()
      servers = await startServers(program, 1, folder)
      allMs.push(servers.servers[0]!.startMs)
      await settled()
      const turnMs = await longestTurn(servers)
      if (turnMs !== null) longestTurnMs = Math.max(longestTurnMs ?? 0, turnMs)
    }
    bytesAfter = residentOf(servers) / nodes
    await servers.kill()
    await then?.(folder)
  } finally {
    await servers.stop()
  }
  return { medianMs: median(allMs), allMs, bytesPerNode: bytes, bytesPerNodeAfter: bytesAfter, longestTurnMs }
}

/** Of the longest turn only what the clock says is known. */
function startRow(what: string, size: number, ms: number, residentBytes_: number, turnMs: number | null = null): Row {
  return {
    bench: 'start', what, size, unit: 'ms', cost: ms, blockMs: turnMs, wallMs: turnMs, residentBytes: residentBytes_,
    peakBytes: residentBytes_,
  }
}

/** From `vivarium serve zoo.cfg` to an answer that it serves. */
export const start: ScalingBench = {
  name: 'start',
  run: async (extent: Extent) => {
    const idle = await idleBytes(VIVARIUM)
    for (const count of [1, 3]) {
      const allMs: number[] = []
      for (let run = 0; run < RUNS; run++) allMs.push(await startTime(VIVARIUM, count))
      extent.row(startRow(`start to serving, ${count} peer${count === 1 ? '' : 's together'}`, 1, median(allMs), idle))
    }
    const nodes = Math.min(NODES, Math.max(10_000, extent.largest))
    const { medianMs, bytesPerNodeAfter, longestTurnMs } = await restartTimes(VIVARIUM, nodes, 3)
    extent.row(startRow('restart after a kill', nodes, medianMs, bytesPerNodeAfter * nodes, longestTurnMs))
  },
}
