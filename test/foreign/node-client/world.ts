/** What every check uses: clients with promises, what they reported, and the servers behind. */
import { deepStrictEqual } from 'node:assert/strict'
import type { Servers } from '../servers.ts'
import type { Acl, Api, Client, ClientOptions, Exception, Result, Stat, Transaction, Watch, WatchEvent } from './api.ts'

const LIMIT_MS = 20_000

/** What callbacks reported, in order. */
export class Seen<T> {
  readonly items: T[] = []
  readonly #waiting = new Set<() => void>()

  readonly add = (item: T): void => {
    this.items.push(item)
    for (const look of this.#waiting) look()
  }

  /** Resolves when it holds; rejects when it takes too long. */
  until(holds: (items: readonly T[]) => boolean, what: string): Promise<readonly T[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`no ${what} within ${LIMIT_MS} ms; seen: ${this.items.map(String).join(', ')}`))
      }, LIMIT_MS)
      const look = (): void => {
        if (!holds(this.items)) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve([...this.items])
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Resolves when these were seen, and no more. */
  async has(...wanted: readonly T[]): Promise<void> {
    deepStrictEqual(await this.until((items) => items.length >= wanted.length, `${wanted.length} items`), wanted)
  }
}

type Ask<T extends readonly unknown[]> = (done: (error: Exception | null | undefined, ...values: T) => void) => void

function promised<T extends readonly unknown[]>(ask: Ask<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS)
    ask((error, ...values) => {
      clearTimeout(timer)
      if (error === null || error === undefined) resolve(values)
      else reject(error)
    })
  })
}

/** A client whose operations are promises. */
export class Promised {
  readonly client: Client
  readonly states = new Seen<string>()

  constructor(client: Client) {
    this.client = client
    client.on('state', (state: { getName(): string }) => this.states.add(state.getName()))
  }

  /** The session's id as a number in base 16. */
  get session(): string {
    return this.client.getSessionId().toString('hex')
  }

  /** The port of the peer that it sits on. */
  get port(): number {
    return this.client.connectionManager.socket.remotePort ?? 0
  }

  async create(path: string, data = '', mode: number | null = null, acls: readonly Acl[] | null = null):
  Promise<string> {
    const [name] = await promised<[string]>((done) =>
      this.client.create(path, Buffer.from(data), acls, mode, done))
    return name
  }

  async remove(path: string, version = -1): Promise<void> {
    await promised((done) => this.client.remove(path, version, done))
  }

  async removeRecursive(path: string): Promise<void> {
    await promised((done) => this.client.removeRecursive(path, -1, done))
  }

  async exists(path: string, watch: Watch | null = null): Promise<Stat | null> {
    return (await promised<[Stat | null]>((done) => this.client.exists(path, watch, done)))[0]
  }

  async getData(path: string, watch: Watch | null = null): Promise<{ data: string, stat: Stat }> {
    const [data, stat] = await promised<[Buffer | undefined, Stat]>((done) => this.client.getData(path, watch, done))
    return { data: data?.toString() ?? '', stat }
  }

  async setData(path: string, data: string, version = -1): Promise<Stat> {
    return (await promised<[Stat]>((done) => this.client.setData(path, Buffer.from(data), version, done)))[0]
  }

  async getChildren(path: string, watch: Watch | null = null): Promise<{ names: string[], stat: Stat }> {
    const [names, stat] = await promised<[string[], Stat]>((done) => this.client.getChildren(path, watch, done))
    return { names: names.toSorted(), stat }
  }

  async listSubTree(path: string): Promise<string[]> {
    return (await promised<[string[]]>((done) => this.client.listSubTreeBFS(path, done)))[0]
  }

  async getACL(path: string): Promise<{ acls: Acl[], stat: Stat }> {
    const [acls, stat] = await promised<[Acl[], Stat]>((done) => this.client.getACL(path, done))
    return { acls, stat }
  }

  async setACL(path: string, acls: readonly Acl[], version = -1): Promise<Stat> {
    return (await promised<[Stat]>((done) => this.client.setACL(path, acls, version, done)))[0]
  }

  async mkdirp(path: string, data = ''): Promise<string> {
    return (await promised<[string]>((done) => this.client.mkdirp(path, Buffer.from(data), done)))[0]
  }

  /** The error that the transaction ended with, null for none, and what every operation did. */
  commit(build: (transaction: Transaction) => Transaction): Promise<[error: number | null, Result[]]> {
    return new Promise((resolve) => {
      build(this.client.transaction()).commit((error, results) =>
        resolve([error?.getCode() ?? null, [...results ?? []]]))
    })
  }

  /** Resolves when it is connected. */
  async connected(): Promise<this> {
    await this.states.until((states) => states.at(-1) === 'SYNC_CONNECTED', 'connection')
    return this
  }

  /** Resolves when it sees all that was written before: there is no `sync`, but a write comes after those. */
  async catchUp(): Promise<void> {
    await this.setData('/', '')
  }

  /** Ends the session, and resolves when the connection is closed. */
  async close(): Promise<void> {
    const { socket } = this.client.connectionManager
    const closed = socket.destroyed ? null : new Promise((resolve) => socket.once('close', resolve))
    this.client.close()
    await closed
  }
}

/** Resolves to the code of the error that an operation ends with. */
export async function codeOf(operation: Promise<unknown>): Promise<number> {
  try {
    await operation
  } catch (error) {
    return (error as Exception).getCode()
  }
  throw new Error('it did not fail')
}

/** An event as text. */
export const textOf = (event: WatchEvent): string => `${event.getName()} ${event.getPath()}`

/** A function for watches, and what it was called with. */
export function watchOf(): Seen<string> & { readonly on: Watch } {
  const seen = new Seen<string>()
  return Object.assign(seen, { on: (event: WatchEvent) => seen.add(textOf(event)) })
}

/** What one check may use; everything in it ends with the check. */
export class World {
  readonly api: Api
  readonly servers: Servers
  readonly root: string
  readonly #clients: Promised[] = []
  readonly #dead = new Set<number>()

  constructor(api: Api, servers: Servers, root: string) {
    this.api = api
    this.servers = servers
    this.root = root
  }

  /** A client that connects; its root is the check's folder. */
  start(options: ClientOptions = {}, hosts: readonly string[] = this.servers.hosts): Promised {
    const client = new Promised(this.api.createClient(hosts.join(',') + this.root, {
      sessionTimeout: 6_000, spinDelay: 50, ...options,
    }))
    this.#clients.push(client)
    client.client.connect()
    return client
  }

  /** A client that is connected. */
  client(options: ClientOptions = {}, hosts: readonly string[] = this.servers.hosts): Promise<Promised> {
    return this.start(options, hosts).connected()
  }

  /** Kills the peer that listens at this port. */
  async kill(port: number): Promise<void> {
    const index = this.servers.hosts.findIndex((host) => host.endsWith(`:${port}`))
    this.#dead.add(index)
    await this.servers.kill(index)
  }

  /** Restarts the peers that were killed. */
  async restartDead(): Promise<void> {
    for (const index of this.#dead) await this.servers.restart(index)
    this.#dead.clear()
  }

  async end(): Promise<void> {
    await this.restartDead()
    for (const client of this.#clients) await client.close()
  }
}
