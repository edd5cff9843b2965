import { peakBytes, residentBytes, startServers } from '../servers.ts'
import type { Program, Servers } from '../servers.ts'
import type { Spent } from './row.ts'
import type { Served } from './served.ts'
import { serverFolder } from './start.ts'

/** As much as the sessions of benches ask for; the default is a third of it, and idle ones would end meanwhile. */
const LINES = ['maxSessionTimeout=120000']

/** Apache ZooKeeper in a process of its own; of its threads no turns are known. */
export class ApacheSubject implements Served {
  readonly host: string
  readonly #servers: Servers

  private constructor(servers: Servers) {
    this.#servers = servers
    this.host = servers.hosts[0]!
  }

  static async start(apache: Program): Promise<ApacheSubject> {
    const program = { ...apache, lines: [...apache.lines, ...LINES] }
    return new ApacheSubject(await startServers(program, 1, serverFolder()))
  }

  begin(): Promise<void> {
    return Promise.resolve()
  }

  async end(): Promise<Spent> {
    const pid = this.#servers.servers[0]?.child.pid ?? 0
    return { blockMs: null, wallMs: null, residentBytes: residentBytes(pid), peakBytes: peakBytes(pid) }
  }

  async stop(): Promise<void> {
    await this.#servers.stop()
  }
}
