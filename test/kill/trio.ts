import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../ports.ts'
import { bundle } from './bundle.ts'
import { Child } from './child.ts'
import { Ledger } from './ledger.ts'
import type { ChildSettings } from './protocol.ts'

/** How a trio differs from the usual. */
export interface TrioOptions {
  readonly writers?: number
  readonly sync?: boolean
  readonly isVolatile?: boolean
  /** Environment of peer `id`. */
  readonly env?: (id: number) => NodeJS.ProcessEnv
}

/** What must come to pass does so within this time, also on a machine that has much else to do. */
export const LIMIT_MS = 60_000
const SESSION_TIMEOUT_MS = 5_000
export const IDS = [1, 2, 3] as const

/** What a peer keeps lies below here. */
export function diskOf(root: string, id: number): string {
  return join(root, `peer-${id}`)
}

/**
 * Three peers in processes of their own, and what they acknowledged. Ports lie below those that systems hand out: none
 * is taken by an outgoing connection while its peer is dead.
 */
export class Trio {
  readonly ledger = new Ledger()
  readonly children = new Map<number, Child>()
  /** What went wrong in processes that are gone. */
  readonly failures: string[] = []
  kills = 0
  stops = 0
  wipes = 0
  readonly #root: string
  readonly #script: string
  readonly #ports: readonly number[]
  readonly #options: TrioOptions
  #incarnation = 0

  static async start(root: string, options: TrioOptions = {}): Promise<Trio> {
    const trio = await Trio.begin(root, options)
    await trio.allUp()
    return trio
  }

  /** Starts the processes, and does not wait for them to serve. */
  static async begin(root: string, options: TrioOptions = {}): Promise<Trio> {
    const ports = await freePorts(IDS.length)
    const script = await bundle(new URL('peer-process.ts', import.meta.url), root)
    const trio = new Trio(root, script, ports, options)
    for (const id of IDS) trio.startPeer(id)
    return trio
  }

  private constructor(root: string, script: string, ports: readonly number[], options: TrioOptions) {
    this.#root = root
    this.#script = script
    this.#ports = ports
    this.#options = options
  }

  folder(id: number): string {
    return join(diskOf(this.#root, id), 'data')
  }

  get running(): Child[] {
    return Array.from(this.children.values())
  }

  get leader(): number | null {
    return this.running.find(({ leads }) => leads)?.settings.id ?? null
  }

  startPeer(id: number): Child {
    this.#incarnation += 1
    const { writers = 2, sync = true, isVolatile = false, env } = this.#options
    const settings: ChildSettings = {
      id, incarnation: this.#incarnation, folder: this.folder(id), ports: this.#ports, writers,
      sessionTimeoutMs: SESSION_TIMEOUT_MS, sync, isVolatile,
    }
    const child = new Child(this.#script, settings, env?.(id) ?? {}, (report) => this.ledger.note(report))
    this.children.set(id, child)
    return child
  }

  /** SIGKILL, at the same moment for all that are named. */
  async kill(...ids: number[]): Promise<void> {
    const killed = ids.map((id) => this.#take(id))
    this.kills += killed.length
    await Promise.all(killed.map((child) => child.kill()))
    for (const child of killed) this.#close(child)
  }

  async stop(id: number): Promise<void> {
    const child = this.#take(id)
    this.stops += 1
    await child.stop()
    this.#close(child)
  }

  /** The disk of a dead peer is gone. */
  wipe(id: number): void {
    if (this.children.has(id)) throw new Error(`peer ${id} is running`)
    this.wipes += 1
    rmSync(this.folder(id), { recursive: true, force: true })
  }

  #take(id: number): Child {
    const child = this.children.get(id)
    if (!child) throw new Error(`peer ${id} is not running`)
    this.children.delete(id)
    return child
  }

  #close(child: Child): void {
    this.failures.push(...child.failures)
  }

  /** All three run, serve, and are whole. */
  async allUp(): Promise<void> {
    if (this.children.size !== IDS.length) throw new Error('not all peers are running')
    await Promise.all(this.running.map((child) =>
      child.until(() => child.isUp && child.health === 'ok', LIMIT_MS, 'serving with all sessions open')))
  }

  /** Every process that is up has more writes acknowledged: the ensemble goes on. */
  async progress(children: readonly Child[] = this.running): Promise<void> {
    const marks = children.map((child) => ({ child, acknowledged: child.acknowledged }))
    await Promise.all(marks.map(({ child, acknowledged }) =>
      child.until(() => child.acknowledged > acknowledged, LIMIT_MS, 'writing')))
  }

  /** What has gone wrong so far. */
  problems(): string[] {
    return [...this.failures, ...this.running.flatMap(({ failures }) => failures), ...this.ledger.wrong]
  }

  /**
   * Lets the writers come to rest and the sessions of dead processes expire, and compares everything that was ever
   * acknowledged with every peer, and the peers with each other.
   */
  async audit(): Promise<string[]> {
    await this.allUp()
    await Promise.all(this.running.map((child) => child.ask({ kind: 'quiet' }, 'quiet', LIMIT_MS)))
    const alive = this.running.flatMap((child) => Array.from(child.sessions.keys()))
    await Promise.all(this.running.map((child) => child.ask({ kind: 'settle', alive }, 'settled', LIMIT_MS)))
    const dumps = await Promise.all(this.running.map(async (child) => {
      const file = join(this.#root, `dump-${child.settings.id}`)
      const { zxid, sessions } = await child.ask({ kind: 'dump', file }, 'dumped', LIMIT_MS)
      return { child, zxid, sessions, text: readFileSync(file, 'utf8') }
    }))
    const problems = this.problems()
    const [first] = dumps
    for (const { child, zxid, sessions, text } of dumps) {
      problems.push(...this.ledger.check(text).map((problem) => `${child.name}: ${problem}`))
      if (zxid !== first!.zxid) problems.push(`${child.name} is at ${zxid}, ${first!.child.name} at ${first!.zxid}`)
      else if (text !== first!.text) problems.push(`${child.name} differs from ${first!.child.name} at zxid ${zxid}`)
      if (sessions !== alive.length) problems.push(`${child.name} knows ${sessions} sessions of ${alive.length}`)
    }
    return problems
  }

  /** Ends all processes; the tear-down of a test. */
  async end(): Promise<void> {
    await Promise.all(this.running.map((child) => child.kill()))
  }
}
