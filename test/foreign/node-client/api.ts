/** What this suite uses of node-zookeeper-client, and its installation in the folder for temporary files. */
import type { EventEmitter } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from '../command.ts'

/** The newest release when this was written. */
const VERSION = '1.1.3'

/** An error that a server answered, or the loss of a connection. */
export interface Exception extends Error {
  getCode(): number
}

/** How an operation ends. */
export type Done<T> = (error: Exception | null, value: T) => void

/** Sixty-four bits are eight bytes. */
export interface Stat {
  readonly czxid: Buffer
  readonly mzxid: Buffer
  readonly pzxid: Buffer
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  readonly ephemeralOwner: Buffer
  readonly dataLength: number
  readonly numChildren: number
}

/** A watch that fired. */
export interface WatchEvent {
  getName(): string
  getPath(): string
}

/** Called once, when a watch fires. */
export type Watch = (event: WatchEvent) => void

/** One entry of an access-control list. */
export interface Acl {
  readonly permission: number
  readonly id: { readonly scheme: string, readonly id: string }
}

/** What one operation of a transaction did: its error when it has one. */
export interface Result {
  readonly type: number
  readonly err?: number
  readonly path?: string
  readonly stat?: Stat
}

/** A sequence of operations that is done as a whole or not at all. */
export interface Transaction {
  create(path: string, data?: Buffer, acls?: readonly Acl[], mode?: number): Transaction
  setData(path: string, data: Buffer, version?: number): Transaction
  check(path: string, version?: number): Transaction
  remove(path: string, version?: number): Transaction
  commit(done: (error: Exception | undefined | null, results: readonly Result[]) => void): void
}

/** A client of the package. */
export interface Client extends EventEmitter {
  readonly connectionManager: { readonly socket: Socket }
  connect(): void
  close(): void
  getState(): { getName(): string }
  getSessionId(): Buffer
  getSessionPassword(): Buffer
  getSessionTimeout(): number
  addAuthInfo(scheme: string, auth: Buffer): void
  create(
    path: string, data: Buffer | null, acls: readonly Acl[] | null, mode: number | null, done: Done<string>): void
  remove(path: string, version: number, done: Done<undefined>): void
  removeRecursive(path: string, version: number, done: Done<undefined>): void
  exists(path: string, watch: Watch | null, done: Done<Stat | null>): void
  getData(path: string, watch: Watch | null, done: (error: Exception | null, data: Buffer, stat: Stat) => void): void
  setData(path: string, data: Buffer, version: number, done: Done<Stat>): void
  getChildren(
    path: string, watch: Watch | null, done: (error: Exception | null, names: string[], stat: Stat) => void): void
  listSubTreeBFS(path: string, done: Done<string[]>): void
  getACL(path: string, done: (error: Exception | null, acls: Acl[], stat: Stat) => void): void
  setACL(path: string, acls: readonly Acl[], version: number, done: Done<Stat>): void
  mkdirp(path: string, data: Buffer | null, done: Done<string>): void
  transaction(): Transaction
}

/** How a client is made. */
export interface ClientOptions {
  readonly sessionTimeout?: number
  readonly spinDelay?: number
  readonly retries?: number
  readonly sessionId?: Buffer
  readonly sessionPassword?: Buffer
}

/** The package. */
export interface Api {
  readonly version: string
  createClient(hosts: string, options?: ClientOptions): Client
  readonly ACL: {
    new (permission: number, id: unknown): Acl
    readonly OPEN_ACL_UNSAFE: readonly Acl[]
    readonly CREATOR_ALL_ACL: readonly Acl[]
    readonly READ_ACL_UNSAFE: readonly Acl[]
  }
  readonly Id: { new (scheme: string, id: string): unknown, readonly ANYONE_ID_UNSAFE: unknown }
  readonly Permission: Readonly<Record<'ALL' | 'READ' | 'WRITE' | 'CREATE' | 'DELETE' | 'ADMIN', number>>
  readonly CreateMode: Readonly<
    Record<'PERSISTENT' | 'PERSISTENT_SEQUENTIAL' | 'EPHEMERAL' | 'EPHEMERAL_SEQUENTIAL', number>>
  readonly Exception: Readonly<Record<string, number>>
}

/** Finds or installs the package. */
export async function install(): Promise<Api> {
  const home = join(tmpdir(), `node-zookeeper-client-${VERSION}`)
  if (!existsSync(home)) {
    const folder = mkdtempSync(join(tmpdir(), 'node-zookeeper-client-'))
    try {
      const wanted = `node-zookeeper-client@${VERSION}`
      await command('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-save', '--silent', wanted], folder)
      // Another process may have been faster: its folder is as good.
      if (!existsSync(home)) renameSync(folder, home)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const loaded = createRequire(join(home, 'node_modules', 'here.js'))('node-zookeeper-client') as Omit<Api, 'version'>
  return { ...loaded, version: VERSION }
}
