import { closeSync, fstatSync, openSync, readSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { LatencyHistogram } from '../traffic/histogram.ts'
import { Buffers, Connection } from '../traffic/connection.ts'
import { startServers } from '../servers.ts'
import type { Program } from '../servers.ts'
import { setsUnderSnapshot } from './under-snapshot.ts'

/** It begins one after half as many txns or up to as many: late enough for sets to be seen without one. */
const SNAP_COUNT = 1_000_000
/** What the last file of snapshots ends with when it is whole: a text of one character. */
const SEAL = '\u0000\u0000\u0000\u0001/'

/** What sets waited, in microseconds, without a snapshot and during one. */
export interface SetLatencies {
  readonly calmP99Us: number
  readonly p99Us: number
  readonly slowestUs: number
}

/** The newest snapshot in the folder of one server's data is not whole yet. */
function isWriting(folder: string): boolean {
  const newest = readdirSync(folder).filter((name) => name.startsWith('snapshot.'))
    .sort((a, b) => zxidOf(a) - zxidOf(b)).at(-1)
  if (newest === undefined) return false
  const file = openSync(join(folder, newest), 'r')
  try {
    const { size } = fstatSync(file)
    const end = Buffer.alloc(SEAL.length)
    if (size >= end.length) readSync(file, end, 0, end.length, size - end.length)
    return end.toString('latin1') !== SEAL
  } finally {
    closeSync(file)
  }
}

function zxidOf(name: string): number {
  return Number.parseInt(name.slice('snapshot.'.length), 16)
}

/** Starts Apache ZooKeeper on the data of a large tree and has it take a snapshot while nodes are set. */
export async function apacheUnderSnapshot(apache: Program, folder: string, nodes: number): Promise<SetLatencies> {
  const program = { ...apache, lines: [...apache.lines, `snapCount=${SNAP_COUNT}`] }
  const servers = await startServers(program, 1, folder)
  const found = { calmP99Us: 0, p99Us: 0, slowestUs: 0 }
  try {
    const connection = await Connection.open(servers.hosts[0]!, new Buffers())
    await setsUnderSnapshot(connection, nodes, {
      isUnderWay: async () => isWriting(join(folder, '1', 'version-2')),
      begins: async () => undefined,
      ended: async (phase: 'calm' | 'snapshot', latencies: LatencyHistogram) => {
        if (phase === 'calm') found.calmP99Us = latencies.quantile(0.99)
        else Object.assign(found, { p99Us: latencies.quantile(0.99), slowestUs: latencies.maxUs })
      },
    })
    connection.destroy()
  } finally {
    await servers.kill()
  }
  return found
}
