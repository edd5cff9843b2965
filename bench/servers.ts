/** Servers as users start them: processes with a zoo.cfg each, ours and Apache ZooKeeper's from the same lines. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../test/ports.ts'

/** A kind of server. */
export interface Program {
  readonly name: string
  readonly version: string
  /** How a write is made durable, for the report. */
  readonly durability: string
  /** Lines of zoo.cfg that it needs besides those of all. */
  readonly lines: readonly string[]
  command(file: string): readonly string[]
}

/** One that was started. */
export interface Server {
  readonly id: number
  readonly host: string
  readonly clientPort: number
  /** Milliseconds from its start until `srvr` told of a mode in which it serves. */
  readonly startMs: number
  readonly child: ChildProcess
}

/** An ensemble of them. */
export interface Servers {
  readonly program: Program
  readonly servers: readonly Server[]
  /** As `bench:load` takes them. */
  readonly hosts: readonly string[]
  /** Kills them; their data stays. */
  kill(): Promise<void>
  /** Kills them and removes their data. */
  stop(): Promise<void>
}

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string }
const JAVA_FOLDER = '/usr/share/java'
const START_WITHIN_MS = 120_000
const POLL_MS = 4
const WORD_WITHIN_MS = 2_000

/** The package of this repository, as built in dist/. */
export const VIVARIUM: Program = {
  name: 'vivarium', version: PACKAGE.version, lines: [],
  durability: 'every write flushed to the log of a majority (fdatasync) before it is acknowledged',
  command: (file) => [process.execPath, join(ROOT, 'dist/node/lib/cli/main.js'), 'serve', file],
}

/** Apache ZooKeeper where Debian's package put it, with 4 GB of heap; null when it or Java is missing. */
export function apacheZooKeeper(folder: string): Program | null {
  const jar = join(JAVA_FOLDER, 'zookeeper.jar')
  const hasJava = (process.env['PATH'] ?? '').split(':').some((path) => existsSync(join(path, 'java')))
  if (!existsSync(jar) || !hasJava) return null
  const versions = readdirSync(JAVA_FOLDER).map((name) => /^zookeeper-(\d[\d.]*\d)\.jar$/.exec(name)?.[1])
  writeFileSync(join(folder, 'log4j.properties'), 'log4j.rootLogger=OFF\n')
  return {
    name: 'Apache ZooKeeper', version: versions.find((version) => version !== undefined) ?? 'unknown',
    durability: 'its default, forceSync=yes: every write flushed to the log of a majority before it is acknowledged',
    lines: ['admin.enableServer=false'],
    command: (file) => ['java', '-Xmx4g', '-cp', `${folder}:${jar}`,
      'org.apache.zookeeper.server.quorum.QuorumPeerMain', file],
  }
}

/** The whole answer to a four-letter word; empty when there is none. */
export function fourLetterWord(port: number, word: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(word))
    let text = ''
    const end = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.setTimeout(WORD_WITHIN_MS, end)
    socket.on('data', (chunk) => { text += String(chunk) })
    socket.once('error', end)
    socket.once('close', end)
  })
}

/** `standalone`, `leader`, `follower`; null while it serves nobody. */
export async function modeOf(port: number): Promise<string | null> {
  const mode = /^Mode: (\S+)$/m.exec(await fourLetterWord(port, 'srvr'))?.[1] ?? null
  return mode === 'read-only' ? null : mode
}

/** Resident bytes of a process; 0 where the system does not tell. */
export function residentBytes(pid: number): number {
  return bytesOf(pid, /^VmRSS:\s+(\d+) kB$/m)
}

/** The most there ever were. */
export function peakBytes(pid: number): number {
  return bytesOf(pid, /^VmHWM:\s+(\d+) kB$/m)
}

function bytesOf(pid: number, line: RegExp): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(line.exec(status)?.[1] ?? 0) * 1_024
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return 0
  }
}

interface Place {
  readonly id: number
  readonly clientPort: number
  readonly quorumPort: number
  readonly electionPort: number
}

function configuration(place: Place, all: readonly Place[], folder: string, lines: readonly string[]): string {
  const members = all.length === 1 ? [] : all.map(({ id, quorumPort, electionPort }) =>
    `server.${id}=127.0.0.1:${quorumPort}:${electionPort}`)
  return [
    'tickTime=2000', 'initLimit=10', 'syncLimit=5', `dataDir=${folder}`, `clientPort=${place.clientPort}`,
    'clientPortAddress=127.0.0.1', 'maxClientCnxns=0', '4lw.commands.whitelist=*', ...members, ...lines, '',
  ].join('\n')
}

/** Resolves when it serves. */
async function launch(program: Program, place: Place, file: string): Promise<Server> {
  const [command = '', ...args] = program.command(file)
  const startedMs = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr?.on('data', (text) => { output = (output + String(text)).slice(-4_000) })
  child.on('error', (error) => { output += error.message })
  while (await modeOf(place.clientPort) === null) {
    if (child.exitCode !== null || performance.now() - startedMs > START_WITHIN_MS) {
      child.kill('SIGKILL')
      throw new Error(`${program.name} did not come up: ${output}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  const { id, clientPort } = place
  return { id, clientPort, host: `127.0.0.1:${clientPort}`, startMs: performance.now() - startedMs, child }
}

async function end({ child }: Server): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Starts them together, on free ports, with their data below `folder`, which may hold that of an earlier start. */
export async function startServers(program: Program, count: number, folder: string): Promise<Servers> {
  const places: Place[] = []
  for (let id = 1; id <= count; id++) {
    const [clientPort, quorumPort, electionPort] = await freePorts(3) as [number, number, number]
    places.push({ id, clientPort, quorumPort, electionPort })
  }
  const starting = places.map((place) => {
    const home = join(folder, String(place.id))
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'myid'), `${place.id}\n`)
    const file = join(folder, `${place.id}.cfg`)
    writeFileSync(file, configuration(place, places, home, program.lines))
    return launch(program, place, file)
  })
  const settled = await Promise.allSettled(starting)
  const servers = settled.flatMap((one) => one.status === 'fulfilled' ? [one.value] : [])
  const killAll = (): void => { for (const { child } of servers) child.kill('SIGKILL') }
  process.once('exit', killAll)
  const kill = async (): Promise<void> => {
    await Promise.all(servers.map(end))
    process.removeListener('exit', killAll)
  }
  const failed = settled.find((one) => one.status === 'rejected')
  if (failed !== undefined) {
    await kill()
    throw failed.reason
  }
  return {
    program, servers, hosts: servers.map(({ host }) => host), kill,
    stop: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
