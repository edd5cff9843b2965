import type { Client } from '../client/client.ts'
import { NodeData } from '../client/values.ts'
import type { ZkError } from '../core/errors.ts'
import { isZkError } from '../core/errors.ts'
import { isLost, isOver, untilConnected } from './connection.ts'
import { backOff } from './pause.ts'

/** What is to be read: a node, or the names of its children. */
export interface Reading {
  readonly path: string
  readonly what: 'node' | 'names'
  /** Whoever gets the answer is to read on below it, also what is known already. */
  isDeep: boolean
  /** Of the oldest turn that waits for it. */
  turn: number
  /** Expected size of the answer. */
  readonly bytes: number
  /** Not together with others: an answer that held it was too large, or was lost. */
  isAlone: boolean
}

/** Whoever takes the answers; none may throw. What they ask for meanwhile belongs to the turn of the reading. */
export interface ReadsOwner {
  /** Null: there is no such node, or it may not be read. */
  onNode(reading: Reading, node: NodeData | null): void
  onNames(reading: Reading, names: readonly string[]): void
  /** Something else went wrong than the connection: nothing is read any more. */
  onFailed(error: ZkError): void
}

/** How one thing is asked for. */
export interface Wanted {
  readonly isDeep?: boolean
  readonly turn?: number
  /** Left out, what others took of late. */
  readonly bytes?: number
}

type Answer = NodeData | readonly string[] | null

const BATCH_READINGS = 128
const BATCH_BYTES = 512 * 1024
const BATCHES_IN_FLIGHT = 4
/** What an answer takes besides its data, and for the name of a child. */
const HEAD_BYTES = 96

/**
 * What is still to be read, each thing once however often it is asked for; several in one request, and several
 * requests at a time, bounded by the bytes of their answers. No two readings of one thing are ever under way together,
 * and what is asked for while it is being read is read once more: so the answers about one node never go back in time,
 * and the last one is newer than the last request. Lost connections are waited for.
 */
export class CacheReads {
  readonly #zk: Client
  readonly #owner: ReadsOwner
  readonly #hasData: boolean
  readonly #closing = new AbortController()
  readonly #queue = new Map<string, Reading>()
  readonly #underWay = new Set<string>()
  #batches = 0
  #isScheduled = false
  #isPaused = false
  #losses = 0
  /** Mean of the answers that held nodes, for those whose size is not known. */
  #usualBytes = 16 * 1024
  #turn = 0
  /** How many readings wait or are under way for each turn, the oldest turn first. */
  readonly #left = new Map<number, number>()
  readonly #waiters = new Set<{ readonly turn: number, readonly done: () => void }>()

  constructor(zk: Client, owner: ReadsOwner, hasData: boolean) {
    this.#zk = zk
    this.#owner = owner
    this.#hasData = hasData
  }

  /** Readings that wait. */
  get waiting(): number {
    return this.#queue.size
  }

  ask(path: string, what: Reading['what'], { isDeep = false, turn = this.#turn, bytes = -1 }: Wanted = {}): void {
    if (this.#isClosed) return
    const key = keyOf(path, what)
    const known = this.#queue.get(key)
    if (known !== undefined) {
      known.isDeep ||= isDeep
      if (turn < known.turn) {
        this.#count(turn, 1)
        this.#count(known.turn, -1)
        known.turn = turn
      }
      return
    }
    this.#count(turn, 1)
    this.#queue.set(key, { path, what, isDeep, turn, bytes: bytes + HEAD_BYTES, isAlone: false })
    this.#schedule()
  }

  /** What is asked for from now on belongs to the next turn; gives the number of this one. */
  endTurn(): number {
    this.#turn += 1
    return this.#turn - 1
  }

  /** Calls back when all was read that belongs to this turn and those before, also what was found by reading it. */
  after(turn: number, done: () => void): () => void {
    const waiter = { turn, done }
    this.#waiters.add(waiter)
    this.#release()
    return () => void this.#waiters.delete(waiter)
  }

  close(): void {
    this.#closing.abort()
    this.#queue.clear()
    this.#left.clear()
    this.#waiters.clear()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #count(turn: number, change: 1 | -1): void {
    const left = (this.#left.get(turn) ?? 0) + change
    if (left === 0) this.#left.delete(turn)
    else this.#left.set(turn, left)
  }

  #release(): void {
    let oldest = Infinity
    for (const turn of this.#left.keys()) oldest = Math.min(oldest, turn)
    for (const waiter of Array.from(this.#waiters)) {
      if (waiter.turn >= oldest) continue
      this.#waiters.delete(waiter)
      waiter.done()
    }
  }

  // --- asking ------------------------------------------------------------------------------------------------------

  /** Events that come together lead to one request. */
  #schedule(): void {
    if (this.#isScheduled || this.#isPaused) return
    this.#isScheduled = true
    void Promise.resolve().then(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (!this.#isClosed && !this.#isPaused && this.#batches < BATCHES_IN_FLIGHT) {
      const batch = this.#take()
      if (batch.length === 0) return
      void this.#run(batch)
    }
  }

  #take(): Reading[] {
    const batch: Reading[] = []
    let bytes = 0
    for (const [key, reading] of this.#queue) {
      if (this.#underWay.has(key)) continue
      bytes += reading.bytes < HEAD_BYTES ? this.#usualBytes : reading.bytes
      if (batch.length > 0 && (reading.isAlone || bytes > BATCH_BYTES)) break
      batch.push(reading)
      if (reading.isAlone || batch.length === BATCH_READINGS) break
    }
    for (const { path, what } of batch) {
      const key = keyOf(path, what)
      this.#queue.delete(key)
      this.#underWay.add(key)
    }
    return batch
  }

  async #run(batch: readonly Reading[]): Promise<void> {
    this.#batches += 1
    try {
      const answers = await this.#read(batch)
      this.#losses = 0
      for (const { path, what } of batch) this.#underWay.delete(keyOf(path, what))
      for (const [index, reading] of batch.entries()) this.#answered(reading, answers[index] ?? null)
    } catch (error) {
      for (const { path, what } of batch) this.#underWay.delete(keyOf(path, what))
      if (!isZkError(error)) throw error
      this.#failed(batch, error)
    } finally {
      this.#batches -= 1
    }
    if (this.#isClosed) return
    this.#release()
    this.#pump()
  }

  #answered(reading: Reading, answer: Answer): void {
    if (this.#isClosed) return
    if (reading.what === 'names') {
      this.#owner.onNames(reading, answer as readonly string[] | null ?? [])
    } else {
      const node = answer as NodeData | null
      const bytes = HEAD_BYTES + (this.#hasData ? node?.stat.dataLength ?? 0 : 0)
      this.#usualBytes += (bytes - this.#usualBytes) / (bytes > this.#usualBytes ? 2 : 32)
      this.#owner.onNode(reading, node)
    }
    if (!this.#isClosed) this.#count(reading.turn, -1)
  }

  #failed(batch: readonly Reading[], error: ZkError): void {
    if (this.#isClosed) return
    if (!isLost(error)) {
      this.#owner.onFailed(error)
      return
    }
    for (const reading of batch) {
      // Asked for again while it was under way: one reading serves both.
      this.ask(reading.path, reading.what, reading)
      this.#count(reading.turn, -1)
      const again = this.#queue.get(keyOf(reading.path, reading.what))
      if (again !== undefined) again.isAlone = true
    }
    if (!this.#isPaused) void this.#pause()
  }

  async #pause(): Promise<void> {
    this.#isPaused = true
    const { signal } = this.#closing
    try {
      if (!isOver(this.#zk)) await backOff(this.#zk, this.#losses++, signal)
      await untilConnected(this.#zk, signal)
    } catch (error) {
      if (!isZkError(error)) throw error
      // Closed, or the session is over, which the watch tells.
      return
    }
    this.#isPaused = false
    this.#pump()
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  async #read(batch: readonly Reading[]): Promise<readonly Answer[]> {
    if (!this.#hasData || batch.length === 1) return this.#readEach(batch)
    const multi = this.#zk.multiRead()
    for (const { path, what } of batch) {
      if (what === 'node') multi.get(path)
      else multi.children(path)
    }
    let results: readonly (NodeData | string[] | ZkError)[]
    try {
      results = await multi.commit()
    } catch (error) {
      if (isLost(error) || isOver(this.#zk)) throw error
      // Too much for one answer, or a server that does not like it: each by itself.
      return this.#readEach(batch)
    }
    return results.map((result) => (isZkError(result) ? absent(result) : result as NodeData | string[]))
  }

  #readEach(batch: readonly Reading[]): Promise<readonly Answer[]> {
    return Promise.all(batch.map(({ path, what }) => this.#readOne(path, what).catch(absent)))
  }

  async #readOne(path: string, what: Reading['what']): Promise<Answer> {
    if (what === 'names') return this.#zk.children(path)
    if (this.#hasData) return this.#zk.get(path)
    const stat = await this.#zk.exists(path)
    return stat === null ? null : new NodeData(null, stat)
  }
}

/** What is not there, or not to be read, is an answer. */
function absent(error: unknown): null {
  if (isZkError(error, 'NoNode') || isZkError(error, 'NoAuth')) return null
  throw error
}

function keyOf(path: string, what: Reading['what']): string {
  return what === 'node' ? path : `${path}/`
}
