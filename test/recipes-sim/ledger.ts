/** What holders of a lock did, by the ensemble's own account. */
import type { Client } from '../../lib/client/client.ts'
import type { Lock } from '../../lib/recipes/index.ts'
import type { World } from '../../lib/testing/index.ts'
import { check } from './actors.ts'

interface Entry {
  readonly zk: Client
  readonly lock: Lock
}

/**
 * Ghost state of one lock: who holds it, as each program believes; and a folder in the ensemble to which holders append
 * their tokens by guarded writes. The folder's order is the ensemble's: tokens must never fall in it.
 */
export class Ledger {
  readonly #world: World
  readonly #path: string
  readonly #entries = new Set<Entry>()
  #newest = 0
  /** How often it was held. */
  held = 0
  /** Guarded writes that were answered. */
  writes = 0

  static async begin(world: World, path: string): Promise<Ledger> {
    const zk = await world.connect()
    await zk.create(path)
    await zk.close()
    return new Ledger(world, path)
  }

  private constructor(world: World, path: string) {
    this.#world = world
    this.#path = path
  }

  /** A program was given the lock. */
  taken(zk: Client, lock: Lock): Entry {
    const entry: Entry = { zk, lock }
    const { held, token } = lock
    if (held) {
      this.held += 1
      check(token.zxid > this.#newest, 'token', `${token.zxid} was given after ${this.#newest}`)
      this.#newest = token.zxid
      for (const { lock: other, zk: its } of this.#entries) {
        check(other.signal.aborted || this.#world.isPaused(its) || !this.#world.clients.includes(its), 'signal',
          `${other.token.zxid} was not told before ${token.zxid} held it`)
      }
    }
    this.#entries.add(entry)
    return entry
  }

  left(entry: Entry): void {
    this.#entries.delete(entry)
  }

  /** What a program sees when it looks, also the first time after it stood still. */
  stillHeld(lock: Lock): boolean {
    const { held } = lock
    check(!held || lock.token.zxid === this.#newest, 'held', `${lock.token.zxid} holds although ${this.#newest} does`)
    return held
  }

  /** Appends the token of a holder. */
  async write(lock: Lock): Promise<void> {
    await lock.guard.create(`${this.#path}/n-`, `${lock.token.zxid}`, { mode: 'persistentSequential' })
    this.writes += 1
  }

  /** Looks through the folder. */
  async verify(): Promise<void> {
    const zk = await this.#world.connect()
    await zk.sync(this.#path)
    const names = (await zk.children(this.#path)).toSorted()
    let before = 0
    for (const name of names) {
      const token = Number((await zk.get(`${this.#path}/${name}`)).text())
      check(token >= before, 'exclusion', `${name} was written by ${token} after ${before}`)
      before = token
    }
    check(names.length >= this.writes, 'lost write', `${names.length} of ${this.writes} writes are there`)
    await zk.close()
  }
}
