/**
 * What the recipes cost: locks alone, handed over and left behind, and a cache that catches up.
 *
 *     npm run bench:recipes -- [--only NAME,NAME] [--seconds S] [--rounds N] [--nodes N] [--apache]
 *
 * Each figure comes as a line for people and one of JSON. All but `memory` and `cache` run on three servers in
 * processes of their own, with data on the disk; `--apache` takes Apache ZooKeeper for them instead.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect } from '../../lib/node.ts'
import { newest } from '../../test/foreign/kazoo/install.ts'
import { apacheZooKeeper, startServers, VIVARIUM } from '../servers.ts'
import type { Program, Servers } from '../servers.ts'
import { handOver } from './crowd.ts'
import { deaths } from './deaths.ts'
import { locksByKazoo, locksInProcess, locksOverTcp } from './locks.ts'
import { head } from './sample.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' }, seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '5' },
    nodes: { type: 'string', default: '100000' }, apache: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)

/** Short sessions, whose ends are noticed in time. */
const LINES = ['tickTime=500', 'minSessionTimeout=1000']

type OnServers = (servers: Servers, address: string) => Promise<void>

const ON_SERVERS: Readonly<Record<string, OnServers>> = {
  tcp: async ({ program }, address) => {
    const zk = await connect(address)
    try {
      await locksOverTcp(zk, program.name, seconds)
    } finally {
      await zk.close()
    }
  },
  kazoo: async ({ hosts, program }) => locksByKazoo(await newest(), hosts, program.name, seconds),
  crowd: async ({ program }, address) => handOver(address, program.name, rounds),
  death: async ({ program }, address) => deaths(address, program.name, 2 * rounds),
}

const ALONE: Readonly<Record<string, () => Promise<void>>> = {
  memory: () => locksInProcess(seconds),
  cache: async () => {
    const script = fileURLToPath(new URL('cache.js', import.meta.url))
    const args = ['--expose-gc', script, '--nodes', values.nodes, '--runs', String(Math.min(rounds, 3))]
    const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'close')
    if (code !== 0) throw new Error(`the cache's process ended with ${String(code)}`)
  },
}

function programOf(folder: string): Program {
  const program = values.apache ? apacheZooKeeper(folder) : VIVARIUM
  if (program === null) throw new Error('Apache ZooKeeper is not installed')
  return { ...program, lines: [...program.lines, ...LINES] }
}

async function onServers(names: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'))
  try {
    const servers = await startServers(programOf(folder), 3, folder)
    try {
      for (const name of names) await ON_SERVERS[name]?.(servers, `zk://${servers.hosts.join(',')}`)
    } finally {
      await servers.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const all = [...Object.keys(ALONE), ...Object.keys(ON_SERVERS)]
const names = values.only?.split(',') ?? all
const unknown = names.filter((name) => !all.includes(name))
if (values.help) {
  process.stdout.write(
    'npm run bench:recipes -- [--only NAME,NAME] [--seconds S] [--rounds N] [--nodes N] [--apache]\n\n' +
    `Names: ${all.join(', ')}\n`)
} else if (unknown.length > 0) {
  process.stdout.write(`no benchmark named ${unknown.join(', ')}; there are ${all.join(', ')}\n`)
  process.exitCode = 2
} else {
  head()
  const served = names.filter((name) => name in ON_SERVERS)
  if (names.includes('memory')) await ALONE['memory']?.()
  if (served.length > 0) await onServers(served)
  if (names.includes('cache')) await ALONE['cache']?.()
}
