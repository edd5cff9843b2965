/** What holders of something did, by the ensemble's own account. */
import type { Client } from '../../lib/client/client.ts'
import type { Hold } from '../../lib/recipes/index.ts'
import type { World } from '../../lib/testing/index.ts'
import { check } from './actors.ts'

interface Entry {
  readonly zk: Client
  readonly hold: Hold
  readonly isShared: boolean
}

/** How something may be held. */
export interface LedgerOptions {
  /** So many of those who share may hold it at once; no bound when left out. */
  readonly leases?: number
  /**
   * Somebody deletes nodes of holders, or a leader whose clock jumps expires their sessions early: they learn it from
   * their next proof or write only, so that what they believe is not judged, only what they write.
   */
  readonly isRude?: boolean
}

/**
 * Ghost state of one lock: who holds it, as each program believes; and a folder in the ensemble to which holders append
 * their tokens by guarded writes. The folder's order is the ensemble's: there, holders who do not share never mix.
 */
export class Ledger {
  readonly path: string
  readonly #world: World
  readonly #leases: number
  readonly #isRude: boolean
  readonly #entries = new Set<Entry>()
  readonly #shares = new Set<Hold>()
  /** The newest token that was held, and the newest of those who do not share. */
  #newest = 0
  #newestAlone = 0
  /** How often it was held. */
  held = 0
  /** Guarded writes that were answered. */
  writes = 0

  static async begin(world: World, path: string, options: LedgerOptions = {}): Promise<Ledger> {
    const zk = await world.connect({ sessionTimeoutMs: 30_000 })
    await zk.create(path, '', { parents: true })
    await zk.close()
    return new Ledger(world, path, options)
  }

  private constructor(world: World, path: string, { leases = Infinity, isRude = false }: LedgerOptions) {
    this.#world = world
    this.path = path
    this.#leases = leases
    this.#isRude = isRude
  }

  /** A program was given it; whether it may believe that is checked. */
  taken(zk: Client, hold: Hold, isShared = false): void {
    const { held, token } = hold
    if (isShared) this.#shares.add(hold)
    if (held) {
      this.held += 1
      const before = isShared ? this.#newestAlone : this.#newest
      check(this.#isRude || token.zxid > before, 'token', `${token.zxid} was given after ${before}`)
      this.#newest = Math.max(this.#newest, token.zxid)
      if (!isShared) this.#newestAlone = Math.max(this.#newestAlone, token.zxid)
      const others = this.#isRude ? [] : this.#believers()
      for (const other of others) {
        const name = `${other.hold.token.zxid} was not told before ${token.zxid} held it`
        check(isShared && other.isShared, 'signal', name)
      }
      check(others.length < this.#leases, 'leases', `${others.length} others hold it`)
    }
    this.#entries.add({ zk, hold, isShared })
  }

  /** Those whose program runs, and was not told that it is over. */
  #believers(): Entry[] {
    const clients = this.#world.clients
    const believers: Entry[] = []
    for (const entry of this.#entries) {
      if (entry.hold.signal.aborted || !clients.includes(entry.zk)) this.#entries.delete(entry)
      else if (!this.#world.isPaused(entry.zk)) believers.push(entry)
    }
    return believers
  }

  /** What a program sees when it looks, also the first time after it stood still. */
  stillHeld(hold: Hold): boolean {
    const { held, token } = hold
    const newest = this.#shares.has(hold) ? this.#newestAlone : this.#newest
    check(!held || this.#isRude || token.zxid >= newest, 'held', `${token.zxid} holds although ${newest} does`)
    return held
  }

  /** Appends the token of a holder. */
  async write(hold: Hold): Promise<void> {
    const mark = this.#shares.has(hold) ? 's' : 'a'
    await hold.guard.create(`${this.path}/n-`, `${mark}${hold.token.zxid}`, { mode: 'persistentSequential' })
    this.writes += 1
  }

  /** Looks through the folder. */
  async verify(): Promise<void> {
    const zk = await this.#world.connect({ sessionTimeoutMs: 30_000 })
    await zk.sync(this.path)
    const names = (await zk.children(this.path)).toSorted()
    const nodes = await Promise.all(names.map((name) => zk.get(`${this.path}/${name}`)))
    const lines = nodes.map((node) => ({ isShared: node.text().startsWith('s'), token: Number(node.text().slice(1)) }))
    let newest = 0
    let newestAlone = 0
    for (const [index, { isShared, token }] of lines.entries()) {
      const before = isShared ? newestAlone : newest
      check(token >= before, 'exclusion', `${names[index]} was written by ${token} after ${before}`)
      newest = Math.max(newest, token)
      if (!isShared) newestAlone = token
    }
    checkOverlap(lines.map(({ token }) => token), this.#leases)
    check(names.length >= this.writes, 'lost write', `${names.length} of ${this.writes} writes are there`)
    await zk.close()
  }
}

/** At no point of the order are more holders between their first and their last write than there are leases. */
function checkOverlap(tokens: readonly number[], leases: number): void {
  const last = new Map(tokens.map((token, index) => [token, index]))
  const open = new Set<number>()
  for (const [index, token] of tokens.entries()) {
    open.add(token)
    check(open.size <= leases, 'exclusion', `${open.size} wrote at once`)
    if (last.get(token) === index) open.delete(token)
  }
}
