import { connect } from '../../../lib/node.ts'
import type { Client } from '../../../lib/node.ts'
import type { Kazoo } from '../kazoo/install.ts'
import type { Servers } from '../servers.ts'
import { Script } from './script.ts'

/** What one case may use: a tree of its own on the servers, empty at first; everything ends with the case. */
export class Scene {
  readonly kazoo: Kazoo
  readonly #servers: Servers
  readonly #root: string
  readonly #clients: Client[] = []
  readonly #scripts: Script[] = []

  constructor(kazoo: Kazoo, servers: Servers, root: string) {
    this.kazoo = kazoo
    this.#servers = servers
    this.#root = root
  }

  /** One more session. */
  async connect(sessionTimeoutMs = 10_000): Promise<Client> {
    const zk = await connect(`zk://${this.hosts}`, { sessionTimeoutMs })
    this.#clients.push(zk)
    return zk
  }

  /** A program that uses kazoo, told of the servers first. */
  script(file: string, ...args: readonly string[]): Script {
    return this.keep(Script.ofKazoo(this.kazoo, file, [this.hosts, ...args]))
  }

  /** Ends with the case, too. */
  keep(script: Script): Script {
    this.#scripts.push(script)
    return script
  }

  get hosts(): string {
    return `${this.#servers.hosts.join(',')}${this.#root}`
  }

  /** Makes the tree. */
  async begin(): Promise<void> {
    const zk = await connect(`zk://${this.#servers.hosts.join(',')}`)
    await zk.create(this.#root)
    await zk.close()
  }

  async end(): Promise<void> {
    await Promise.all(this.#scripts.map((script) => script.kill()))
    await Promise.all(this.#clients.map((zk) => zk.close()))
  }
}
