/**
 * Runs the shell and the load generator of ZooKeeper's C client, as Debian packages them:
 *   node --import tsx test/foreign/cclient/run.ts
 * The shell has every command on an ensemble of Apache ZooKeeper and on one of ours, and must print the same; the load
 * generator runs to its end; and the shell survives the death of the peer that it is connected to.
 */
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { connect } from '../../../lib/node.ts'
import { tellFailure } from '../../failures.ts'
import { startApache } from '../apache.ts'
import { command, installPackage } from '../command.ts'
import { Dialogue } from '../dialogue.ts'
import type { Servers } from '../servers.ts'
import { compareTranscripts } from '../transcripts.ts'
import type { Exchange } from '../transcripts.ts'
import { startVivarium } from '../vivarium.ts'
import { SCRIPT } from './script.ts'

const SHELL = '/usr/lib/zookeeper/bin/cli_mt'
const LOAD = '/usr/lib/zookeeper/bin/load_gen'
const CHILDREN = 300
const CYCLES = 3
/** Of one cycle. */
const LOAD_TIMEOUT_MS = 40_000
const CONNECTED = 'Watcher SESSION_EVENT state = CONNECTED_STATE\n'
/** What the client logs, and how long something took. */
const NOISE = /^\d{4}-\d\d-\d\d [\d:,]+:\d+.*:ZOO_|^time = |^$/

function normalise(text: string, servers: Servers): string[] {
  const lines = text.split('\n').filter((line) => !NOISE.test(line)).map((line) => {
    let plain = line
    for (const host of servers.hosts) plain = plain.replaceAll(host, 'HOST')
    return plain.replace(/(id = |id: 0x|zxid=|ephemeralOwner = (?!0$))[0-9a-f]+/, '$1HEX')
      .replace(/time ?= ?.*/, 'time = DATE').replace(/^(server\.\d+=)[^:]*:\d+:\d+/, '$1HOST')
  })
  // The names of children come in any order.
  const names = lines.filter((line) => /^\t\S+$/.test(line)).toSorted()
  return lines.map((line) => /^\t\S+$/.test(line) ? names.shift() ?? '' : line)
}

function open(servers: Servers): Dialogue {
  return new Dialogue(SHELL, [servers.hosts.join(',')], (count) =>
    ({ line: `get /mark-${count}`, sign: `/mark-${count}: rc = -101\n\nStat:\nnull\n` }))
}

async function play(servers: Servers): Promise<Exchange[]> {
  const dialogue = open(servers)
  try {
    const exchanges: Exchange[] = [{ command: '(welcome)', lines: normalise(await dialogue.until(CONNECTED), servers) }]
    await dialogue.until('Got a new session id')
    await dialogue.ask('')
    for (const line of SCRIPT) exchanges.push({ command: line, lines: normalise(await dialogue.ask(line), servers) })
    const { code } = await dialogue.end('quit')
    return [...exchanges, { command: 'quit', lines: [`exit code ${code}`] }]
  } finally {
    dialogue.kill()
  }
}

/** Creates, writes, reads and deletes many nodes, again and again until it is ended; then cleans up. */
async function load(servers: Servers): Promise<void> {
  const hosts = servers.hosts.join(',')
  const child = spawn(LOAD, [hosts, '/load', String(CHILDREN)], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const timer = setTimeout(() => child.kill('SIGKILL'), LOAD_TIMEOUT_MS)
  let cycles = 0
  let errors = ''
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.includes('ZOO_ERROR')) errors += `${line}\n`
    if (line.includes('Starting the delete cycle')) {
      cycles += 1
      timer.refresh()
    }
    if (cycles > CYCLES) child.kill('SIGKILL')
  })
  await ended
  clearTimeout(timer)
  assert.equal(errors, '')
  assert.ok(cycles > CYCLES, `${cycles} cycles`)
  await command(LOAD, [hosts, '/load', 'clean'])
  const zk = await connect(`zk://${hosts}`)
  try {
    await zk.sync('/')
    assert.equal(await zk.exists('/load'), null, 'all is cleaned up')
  } finally {
    await zk.close()
  }
}

/** The session and its ephemeral node outlive the peer that served it. */
async function survive(servers: Servers): Promise<void> {
  const dialogue = open(servers)
  try {
    await dialogue.until('Got a new session id: ')
    await dialogue.ask('verbose')
    const chatter = await dialogue.ask('exists /')
    await dialogue.ask('verbose')
    const at = servers.hosts.findIndex((host) => chatter.includes(` to ${host}`))
    assert.ok(at >= 0, `it says where it is connected: ${chatter}`)
    await dialogue.ask('create +e /mine')
    const before = normalise(await dialogue.ask('get /mine'), servers)
    const ownerOf = async (): Promise<string | undefined> =>
      /ephemeralOwner = ([1-9a-f][0-9a-f]*)/.exec(await dialogue.ask('get /mine'))?.[1]
    const own = await ownerOf()
    assert.ok(own !== undefined, 'the node belongs to the session')
    await servers.kill(at)
    await dialogue.until(CONNECTED)
    assert.deepEqual(normalise(await dialogue.ask('get /mine'), servers), before)
    assert.equal(await ownerOf(), own)
    await servers.restart(at)
    const { code } = await dialogue.end('quit')
    assert.equal(code, 0)
  } finally {
    dialogue.kill()
  }
}

if (!existsSync(SHELL)) await installPackage('zookeeper-bin')
const [apache, ours] = await Promise.all([startApache({ servers: 3 }), startVivarium({ servers: 3 })])
let passed = 0
let failed = 0
try {
  const [theirs, own] = await Promise.all([play(apache), play(ours)])
  const equal = compareTranscripts(theirs, own, [])
  passed += equal.passed
  failed += equal.failed
  for (const [name, check] of Object.entries({ load, survive })) {
    try {
      await check(ours)
      passed += 1
      process.stdout.write(`ok ${name}\n`)
    } catch (error) {
      failed += 1
      process.stdout.write(`${tellFailure(name, error)}\n`)
    }
  }
} finally {
  await Promise.all([apache.stop(), ours.stop()])
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
