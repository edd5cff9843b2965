/** Servers for ZooKeeper clients, each a process with a zoo.cfg of its own; killed with this process at the latest. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../ports.ts'

/** What to start. */
export interface ServersOptions {
  readonly servers: 1 | 3
  /** Further lines of zoo.cfg. */
  readonly extra?: readonly string[]
  /** Client ports, one per server; free ones when absent. */
  readonly ports?: readonly number[]
}

/** How one kind of server is run. */
export interface Program {
  readonly name: string
  /** Lines of zoo.cfg that this kind of server needs. */
  readonly lines: readonly string[]
  /** The command that serves by a zoo.cfg until it is killed. */
  readonly command: (file: string) => readonly [command: string, ...args: string[]]
}

/** Running servers; `i` counts from 0. */
export interface Servers {
  readonly name: string
  /** `127.0.0.1:port` of every server. */
  readonly hosts: readonly string[]
  /** Kills one server; its data stays. */
  kill(i: number): Promise<void>
  /** Starts a killed server again and resolves when it serves. */
  restart(i: number): Promise<void>
  /** What `srvr` calls the mode of a server: `standalone`, `leader`, `follower`; null when it does not serve. */
  mode(i: number): Promise<string | null>
  /** What a server printed last. */
  output(i: number): string
  /** Kills all servers and removes their data. */
  stop(): Promise<void>
}

interface Server {
  readonly id: number
  readonly clientPort: number
  readonly quorumPorts: string
  output: string
  child: ChildProcess | null
}

const START_TIMEOUT_MS = 60_000
const POLL_MS = 50
const WORD_TIMEOUT_MS = 2_000

/** Sends a four-letter word and resolves to the whole answer; empty when there is none. */
export function fourLetterWord(port: number, word: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(word))
    let text = ''
    const end = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.setTimeout(WORD_TIMEOUT_MS, end)
    socket.on('data', (chunk) => { text += chunk.toString() })
    socket.once('error', end)
    socket.once('close', end)
  })
}

async function modeOf(port: number): Promise<string | null> {
  return /^Mode: (\S+)$/m.exec(await fourLetterWord(port, 'srvr'))?.[1] ?? null
}

function configuration(
  folder: string, server: Server, all: readonly Server[], lines: readonly string[],
): string {
  const members = all.length === 1 ? [] : all.map(({ id, quorumPorts }) => `server.${id}=127.0.0.1:${quorumPorts}`)
  return [
    'tickTime=2000', 'initLimit=10', 'syncLimit=5', `dataDir=${folder}`, `clientPort=${server.clientPort}`,
    'clientPortAddress=127.0.0.1', 'maxClientCnxns=0', '4lw.commands.whitelist=*', ...members, ...lines, '',
  ].join('\n')
}

async function untilServing(server: Server, name: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (await modeOf(server.clientPort) === null) {
    const { child } = server
    const end = child === null ? 'killed' : child.exitCode ?? child.signalCode
    if (end !== null || Date.now() > deadline) {
      throw new Error(`${name} ${server.id} did not come up (${end ?? 'it runs'}): ${server.output.slice(-2_000)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function end(server: Server): Promise<void> {
  const child = server.child
  server.child = null
  if (child === null || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
}

async function layOut(options: ServersOptions): Promise<Server[]> {
  const free = await freePorts(options.servers * 3)
  return Array.from({ length: options.servers }, (_, i) => ({
    id: i + 1, clientPort: options.ports?.[i] ?? free[3 * i] ?? 0,
    quorumPorts: `${free[3 * i + 1] ?? 0}:${free[3 * i + 2] ?? 0}`, output: '', child: null,
  }))
}

function launcher(program: Program, folder: string, servers: readonly Server[], options: ServersOptions) {
  return async (server: Server): Promise<void> => {
    const home = join(folder, String(server.id))
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'myid'), String(server.id))
    const file = join(folder, `${server.id}.cfg`)
    writeFileSync(file, configuration(home, server, servers, [...program.lines, ...options.extra ?? []]))
    const [command, ...args] = program.command(file)
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const collect = (text: unknown): void => { server.output = (server.output + String(text)).slice(-10_000) }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', collect)
    server.child = child
    await untilServing(server, program.name)
  }
}

/** Starts one server alone or an ensemble of three, and resolves when all serve. */
export async function startServers(program: Program, options: ServersOptions): Promise<Servers> {
  process.stdout.write(`${program.name}, ${options.servers} server(s)\n`)
  const folder = mkdtempSync(join(tmpdir(), 'servers-'))
  const servers = await layOut(options)
  const start = launcher(program, folder, servers, options)
  const killAll = (): void => { for (const { child } of servers) child?.kill('SIGKILL') }
  const at = (i: number): Server => {
    const server = servers[i]
    if (server === undefined) throw new Error(`no server ${i}`)
    return server
  }
  process.once('exit', killAll)
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(end))
    process.removeListener('exit', killAll)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all(servers.map(start))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    name: program.name,
    hosts: servers.map(({ clientPort }) => `127.0.0.1:${clientPort}`),
    kill: (i) => end(at(i)),
    restart: (i) => start(at(i)),
    mode: (i) => modeOf(at(i).clientPort),
    output: (i) => at(i).output,
    stop,
  }
}
