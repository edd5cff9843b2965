/** Values by number, the same number in every thread: states are short lists of numbers wherever they are found. */
import { deserialize, serialize } from 'node:v8'

const EMPTY = 0
const WRITING = 1
const READY = 2

/** The memory of a store, which threads hand to each other. */
export interface StoreMemory {
  readonly status: SharedArrayBuffer
  readonly hashes: SharedArrayBuffer
  /** Numbers by slot. */
  readonly numbers: SharedArrayBuffer
  /** By kind and number: where the bytes begin, and how many they are. */
  readonly places: SharedArrayBuffer
  readonly arena: SharedArrayBuffer
  /** Bytes used, and values of each kind. */
  readonly used: SharedArrayBuffer
}

/** What has numbers of its own. */
export const STORED = ['state', 'row', 'message', 'batch', 'entry', 'disk', 'list'] as const
export type Stored = typeof STORED[number]

/** Room for so many values of each kind (a power of two), and for the bytes of all. The system gives what is used. */
export function storeMemory(slots = 1 << 22, arenaBytes = 1 << 30): StoreMemory {
  const ints = (count: number): SharedArrayBuffer => new SharedArrayBuffer(count * 4)
  return {
    status: ints(slots * 2), hashes: ints(slots * 4), numbers: ints(slots * 2), used: ints(1 + STORED.length),
    places: ints(slots * 2 * STORED.length), arena: new SharedArrayBuffer(arenaBytes),
  }
}

/** Two 32-bit hashes of a text. */
export function hashText(text: string): readonly [number, number] {
  let [a, b] = [0x9e3779b9 | 0, 0x85ebca6b | 0]
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    a = Math.imul(a ^ code, 0xcc9e2d51)
    a = (a << 13 | a >>> 19) + 0x1b873593 | 0
    b = Math.imul(b + code | 0, 0x27d4eb2f) ^ b >>> 15
  }
  a = Math.imul(a ^ a >>> 16, 0x85ebca6b)
  b = Math.imul(b ^ b >>> 13 ^ text.length, 0xc2b2ae35)
  return [a ^ a >>> 13, b ^ b >>> 16]
}

/** Numbers for values told apart by a text; a thread that meets a number for the first time reads its value. */
export class Store {
  readonly #status: Int32Array
  readonly #hashes: Int32Array
  readonly #numbers: Int32Array
  readonly #places: Int32Array
  readonly #used: Int32Array
  readonly #arena: Uint8Array

  constructor(memory: StoreMemory) {
    this.#status = new Int32Array(memory.status)
    this.#hashes = new Int32Array(memory.hashes)
    this.#numbers = new Int32Array(memory.numbers)
    this.#places = new Int32Array(memory.places)
    this.#used = new Int32Array(memory.used)
    this.#arena = new Uint8Array(memory.arena)
  }

  count(kind: Stored): number {
    return Atomics.load(this.#used, 1 + STORED.indexOf(kind))
  }

  /** The number of what `text` names; -1 when it has none yet. */
  find(kind: Stored, text: string): number {
    const [low, high] = hashText(`${kind} ${text}`)
    const mask = this.#status.length - 1
    for (let slot = (low ^ high << 7) & mask; ; slot = (slot + 1) & mask) {
      const status = Atomics.load(this.#status, slot)
      if (status === EMPTY) return -1
      if (status === READY && this.#hashes[slot * 2] === low && this.#hashes[slot * 2 + 1] === high) {
        return this.#numbers[slot]!
      }
    }
  }

  /**
   * The number of what `text` names; `make` says what is kept for other threads, when it is new. It asks for no numbers
   * itself: another thread might wait for this one then, and this one for it.
   */
  of(kind: Stored, text: string, make: () => unknown): number {
    const [low, high] = hashText(`${kind} ${text}`)
    const mask = this.#status.length - 1
    for (let slot = (low ^ high << 7) & mask; ; slot = (slot + 1) & mask) {
      if (Atomics.load(this.#status, slot) === EMPTY &&
        Atomics.compareExchange(this.#status, slot, EMPTY, WRITING) === EMPTY) {
        return this.#write(slot, STORED.indexOf(kind), low, high, make)
      }
      // Another thread is about to say what is here.
      while (Atomics.load(this.#status, slot) === WRITING) continue
      if (this.#hashes[slot * 2] === low && this.#hashes[slot * 2 + 1] === high) return this.#numbers[slot]!
    }
  }

  #write(slot: number, kind: number, low: number, high: number, make: () => unknown): number {
    const bytes = serialize(make())
    const capacity = this.#status.length / 2
    const number = Atomics.add(this.#used, 1 + kind, 1)
    const at = Atomics.add(this.#used, 0, bytes.length)
    if (at + bytes.length > this.#arena.length || number >= capacity) throw new Error('the store is full')
    this.#arena.set(bytes, at)
    this.#hashes[slot * 2] = low
    this.#hashes[slot * 2 + 1] = high
    const place = (kind * capacity + number) * 2
    this.#places[place] = at
    this.#places[place + 1] = bytes.length
    this.#numbers[slot] = number
    Atomics.store(this.#status, slot, READY)
    return number
  }

  /** What was kept. */
  read(kind: Stored, number: number): unknown {
    const place = (STORED.indexOf(kind) * this.#status.length / 2 + number) * 2
    const at = this.#places[place]!
    return deserialize(this.#arena.slice(at, at + this.#places[place + 1]!))
  }
}

/** One kind of values of a store, as objects of this thread. */
export class Numbering<T> {
  readonly #store: Store
  readonly #kind: Stored
  readonly #values: (T | undefined)[] = []

  constructor(store: Store, kind: Stored) {
    this.#store = store
    this.#kind = kind
  }

  of(text: string, make: () => T): number {
    return this.#store.of(this.#kind, text, make)
  }

  /** -1 when it has none yet. */
  find(text: string): number {
    return this.#store.find(this.#kind, text)
  }

  at(number: number): T {
    const known = this.#values[number]
    if (known !== undefined) return known
    // No holes: arrays with many are slow.
    while (this.#values.length < number) this.#values.push(undefined)
    return this.#values[number] = this.#store.read(this.#kind, number) as T
  }
}

interface List {
  readonly items: readonly number[]
  readonly pushed: Map<number, number>
  shifted: number
}

/** Lists of numbers, by number: a queue is a number, and so is what it becomes. */
export class Lists {
  readonly #numbering: Numbering<readonly number[]>
  readonly #lists: (List | undefined)[] = []
  readonly empty: number

  constructor(store: Store) {
    this.#numbering = new Numbering(store, 'list')
    this.empty = this.of([])
  }

  of(items: readonly number[]): number {
    return this.#numbering.of(items.join(' '), () => items)
  }

  #list(number: number): List {
    const known = this.#lists[number]
    if (known !== undefined) return known
    while (this.#lists.length < number) this.#lists.push(undefined)
    return this.#lists[number] = { items: this.#numbering.at(number), pushed: new Map(), shifted: -1 }
  }

  at(number: number): readonly number[] {
    return this.#list(number).items
  }

  push(number: number, item: number): number {
    const { items, pushed } = this.#list(number)
    const known = pushed.get(item)
    if (known !== undefined) return known
    const made = this.of([...items, item])
    pushed.set(item, made)
    return made
  }

  /** Without the first. */
  shift(number: number): number {
    const list = this.#list(number)
    if (list.shifted < 0) list.shifted = this.of(list.items.slice(1))
    return list.shifted
  }
}
