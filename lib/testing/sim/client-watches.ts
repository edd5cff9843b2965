import type { Identity, Outcome, Request, SetWatchesRequest, WatchEvent } from '../../core/tree/request.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { ClientWorld } from './client-world.ts'
import { Violation } from './violation.ts'
import { addWatches, countWatches, noWatches, WatchModel } from './watch-model.ts'
import type { WatchSets } from './watch-model.ts'

/** What one client watches, from one connection to the next: its answers and events are held against the model. */
export class ClientWatches {
  readonly #world: Pick<ClientWorld, 'ghost'>
  readonly #who: string
  /** Of its connection; null while there is none. */
  #model: WatchModel | null = null
  /** What earlier connections watched and is not armed again yet. */
  #unarmed: WatchSets = noWatches()
  /** Events without a zxid: what setWatches found changed. */
  #madeUp: WatchEvent[] = []

  constructor(world: Pick<ClientWorld, 'ghost'>, who: string) {
    this.#world = world
    this.#who = who
  }

  /** A connection begins, of a client that has seen everything up to `seen`; `more`: it is to watch this too. */
  connected(seen: Zxid, identities: readonly Identity[], more: WatchSets): void {
    addWatches(this.#unarmed, more)
    this.#model = new WatchModel(this.#world.ghost.reference.lookups, seen, this.#who, identities)
  }

  /** The connection is over, and its watches with it. */
  lost(): void {
    if (this.#model !== null) addWatches(this.#unarmed, this.#model.sets)
    this.#model = null
    this.#madeUp = []
  }

  /** The session is over: nothing of it is armed again. */
  forget(): void {
    this.#unarmed = noWatches()
  }

  /** What arms again what earlier connections watched; null for nothing. */
  rearming(relativeZxid: Zxid): SetWatchesRequest | null {
    if (countWatches(this.#unarmed) === 0) return null
    const { data, child, persistent, recursive } = this.#unarmed
    const named = (list: 'data' | 'exist'): string[] =>
      [...data].filter((entry) => entry[1] === list).map(([path]) => path)
    return {
      op: persistent.size + recursive.size > 0 ? 105 : 101, relativeZxid, data: named('data'),
      exist: named('exist'), child: [...child], persistent: [...persistent], recursive: [...recursive],
    }
  }

  /** A reply shows the state at `zxid`. */
  reached(zxid: Zxid): void {
    this.#model!.reached(zxid)
  }

  /** An event came. */
  event(event: WatchEvent): void {
    if (event.zxid === -1) this.#madeUp.push(event)
    else this.#model!.event(event)
  }

  /** A read was answered: what it leaves to be watched, and what it takes away. */
  answered(request: Request, zxid: Zxid, { code }: Outcome): void {
    const model = this.#model!
    const isOk = code === 'Ok'
    switch (request.op) {
      case 3: case 4:
        if (!request.watch || (!isOk && (request.op === 4 || code === 'NoAuth'))) break
        model.arm(({ data }) => void data.set(request.path, isOk ? 'data' : 'exist'))
        break
      case 8: case 12:
        if (request.watch && isOk) model.arm(({ child }) => void child.add(request.path))
        break
      case 106:
        model.arm(({ persistent, recursive }) => void (request.mode === 1 ? recursive : persistent).add(request.path))
        break
      case 18:
        if (model.remove(request) !== isOk) throw new Violation('C14', `${this.#who}: removeWatches: ${code}`)
        break
      case 101: case 105: this.#rearmed(model, request, zxid); break
      default: break
    }
  }

  /** What had changed meanwhile was told before this reply, in the order of the lists, and nothing else. */
  #rearmed(model: WatchModel, request: SetWatchesRequest, zxid: Zxid): void {
    const due = model.rearm(request, this.#world.ghost.reference.states, zxid)
    const told = this.#madeUp
    const same = due.length === told.length &&
      due.every(({ type, path }, at) => told[at]!.type === type && told[at]!.path === path)
    if (!same) {
      const text = `${this.#who}: setWatches told ${JSON.stringify(told)}, due was ${JSON.stringify(due)}`
      throw new Violation('C14', text)
    }
    this.#unarmed = noWatches()
    this.#madeUp = []
  }
}
