/** What cases of clients over the wire share: servers of one kind, and what is cleared away after each case. */
import { connect } from '../../lib/node.ts'
import type { Client, RemoteConnectOptions, StateChange } from '../../lib/node.ts'
import { isZkError } from '../../lib/core/errors.ts'
import type { ErrorCode, ZkError } from '../../lib/core/errors.ts'
import { Proxy } from './proxy.ts'

/** The servers of a scene; `i` counts from 0. */
export interface SceneServers {
  readonly kind: 'vivarium' | 'apache'
  readonly scheme: 'tcp' | 'ws'
  /** `127.0.0.1:port` of every server. */
  readonly hosts: readonly string[]
  /** The shortest session timeout that they grant. */
  readonly shortMs: number
  kill?(i: number): Promise<void>
  restart?(i: number): Promise<void>
}

/** What a case may need: more than one server, or servers that can be killed. */
export type Trait = 'many' | 'kill'

/** One case; it runs against any servers that have what it needs. */
export interface RemoteCase {
  readonly name: string
  readonly needs?: Trait
  run(scene: Scene): Promise<void>
}

/** How a case connects: to all servers, unless it says otherwise. */
export interface SceneConnectOptions extends RemoteConnectOptions {
  readonly hosts?: readonly string[]
  readonly chroot?: string
}

/** The surroundings of one case. */
export class Scene {
  readonly servers: SceneServers
  /** A node of the case's own, below which it works. */
  readonly root: string
  readonly #teardowns: (() => Promise<unknown>)[] = []

  static async open(servers: SceneServers, root: string): Promise<Scene> {
    const scene = new Scene(servers, root)
    const zk = await scene.connect()
    await zk.create(root)
    await zk.close()
    return scene
  }

  private constructor(servers: SceneServers, root: string) {
    this.servers = servers
    this.root = root
  }

  has(trait: Trait): boolean {
    return hasTrait(this.servers, trait)
  }

  /** A server's `host:port`. */
  host(i: number): string {
    const host = this.servers.hosts[i]
    if (host === undefined) throw new Error(`no server ${i}`)
    return host
  }

  address(hosts: readonly string[] = this.servers.hosts, chroot = ''): string {
    return `${this.servers.scheme}://${hosts.join(',')}${chroot}`
  }

  /** A session that is closed with the case. */
  async connect({ hosts, chroot, ...options }: SceneConnectOptions = {}): Promise<Client> {
    const zk = await connect(this.address(hosts, chroot), options)
    this.#teardowns.push(() => zk.close())
    return zk
  }

  /** A proxy before one server, and a session through it. */
  async proxied(options: SceneConnectOptions = {}, i = 0): Promise<{ readonly zk: Client, readonly proxy: Proxy }> {
    const proxy = await this.proxy(i)
    return { proxy, zk: await this.connect({ hosts: [proxy.host], ...options }) }
  }

  async proxy(i = 0): Promise<Proxy> {
    const proxy = await Proxy.start(this.host(i))
    this.#teardowns.unshift(() => proxy.stop())
    return proxy
  }

  /** Sessions are closed before the proxies that they go through. */
  async close(): Promise<void> {
    for (let last = this.#teardowns.pop(); last !== undefined; last = this.#teardowns.pop()) await last()
  }
}

/** Whether the servers offer what a case needs. */
export function hasTrait(servers: SceneServers, trait: Trait): boolean {
  return trait === 'many' ? servers.hosts.length > 1 : servers.kill !== undefined
}

/** Resolves at the first change to the state, with what changed. To be called before the change can happen. */
export function untilState(zk: Client, state: StateChange['state']): Promise<StateChange> {
  return new Promise((resolve) => {
    const off = zk.on('state', (change) => {
      if (change.state !== state) return
      off()
      resolve(change)
    })
  })
}

/** The rejection, which must be a ZkError of the code. */
export async function fails(promise: Promise<unknown>, code: ErrorCode): Promise<ZkError> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    if (isZkError(error, code)) return error
    throw new Error(`expected ${code}`, { cause: error })
  }
  throw new Error(`expected ${code}, got ${JSON.stringify(value)}`)
}
