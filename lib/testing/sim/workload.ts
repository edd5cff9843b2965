import type { Random } from '../../core/random.ts'
import { Mode, OPEN_ACL } from '../../core/tree/request.ts'
import type { Acl, CreateRequest, MultiOp, Request, WatchableRead } from '../../core/tree/request.ts'
import { logUniform } from '../draws.ts'
import { drawAcl } from './access.ts'
import { countWatches, noWatches } from './watch-model.ts'
import type { WatchSets } from './watch-model.ts'

const BELOW = 4

/** What clients ask for. */
export interface WorkloadPlan {
  /** Nodes right below the root that are written to: few are hot, many are a big tree. */
  readonly tops: number
  /** Levels below those. */
  readonly depth: number
  /** Most bytes of a node. */
  readonly bytes: number
  /** Most operations of a multi. */
  readonly multi: number
  /** Of a hundred requests so many are sync. */
  readonly syncs: number
  /** Nodes have other lists than the open one, and connections identities. */
  readonly lists: boolean
  readonly large: LargePlan
}

/** What is too large to be common; 0: there is none. */
export interface LargePlan {
  /** Most bytes of a node. */
  readonly bytes: number
  /** Most operations of a multi. */
  readonly parts: number
  /** Ephemerals of one session, of two clients. */
  readonly owned: number
  /** Watches that two clients set on each of their connections, at once. */
  readonly watches: number
}

/** Every request is small. */
export const NOTHING_LARGE: LargePlan = { bytes: 0, parts: 0, owned: 0, watches: 0 }

const HOARDERS = 2
/** Ephemerals that come at once. */
const HOARDED = 250
const LARGE_BYTES = 10_000
/** So many nodes are made below the root in a run, about. */
const SEQUENCE = 600
/** Of so many requests one is large. */
const LARGE_EVERY = 60
/** Bytes of a small node or a part of a multi, all told. */
const SMALL = 120

/** Bytes of all large nodes, in the mean of each request, and of the largest request. */
export function meanLargeBytes(
  { tops, large: { bytes, parts, owned } }: WorkloadPlan,
): { readonly tree: number, readonly written: number, readonly single: number } {
  // Lengths are drawn log-uniformly.
  const mean = bytes / 4
  return {
    tree: tops * mean + HOARDERS * owned * SMALL, written: (mean + parts / 2 * SMALL) / LARGE_EVERY,
    single: bytes + parts * SMALL + HOARDERS * owned * SMALL,
  }
}

/** What one client asks for: every kind of request over few paths, so that clients meet and checks bite. */
export class Workload {
  readonly #random: Random
  /** Dice for what is rare, so that it changes nothing else. */
  readonly #rare: Random
  readonly #id: number
  readonly #plan: WorkloadPlan
  /** Writes nothing: it is never held up by a write of its own. */
  readonly #readsOnly: boolean
  #count = 0
  #owned = 0

  constructor(random: Random, id: number, plan: WorkloadPlan, rare: Random) {
    this.#rare = rare
    this.#random = random
    this.#id = id
    this.#plan = plan
    this.#readsOnly = random.below(6) === 0
  }

  #path(): string {
    let path = `/n${this.#random.below(this.#plan.tops)}`
    for (let level = 0; level < this.#plan.depth && this.#random.below(3) === 0; level++) {
      path += `/m${this.#random.below(BELOW)}`
    }
    return path
  }

  /** Bytes that nobody else writes. */
  #data(): Uint8Array {
    const count = ++this.#count
    const data = new Uint8Array(Math.max(4, Math.floor(logUniform(this.#random, 1, this.#plan.bytes))))
    data.set([this.#id, count & 0xff, (count >> 8) & 0xff, this.#random.below(256)])
    return data
  }

  #acl(): readonly Acl[] {
    return this.#plan.lists ? drawAcl(this.#rare) : OPEN_ACL
  }

  #version(percent: number): number {
    return this.#random.below(100) < percent ? this.#random.below(5) : -1
  }

  #chance(oneIn: number): boolean {
    return this.#random.below(oneIn) === 0
  }

  next(): Request {
    return this.#large(this.#plan.large) ?? this.#usual()
  }

  #large({ bytes, parts, owned }: LargePlan): Request | null {
    if (owned > this.#owned && this.#id <= HOARDERS && this.#rare.below(4) === 0) return this.#hoard()
    if (bytes + parts === 0 || this.#readsOnly || this.#rare.below(LARGE_EVERY) > 0) return null
    if (parts > 0) return { op: 14, ops: this.#longMulti(parts) }
    const data = new Uint8Array(Math.floor(logUniform(this.#rare, LARGE_BYTES, bytes)))
    data.set([this.#id, ++this.#count & 0xff, (this.#count >> 8) & 0xff])
    return { op: 5, path: `/n${this.#rare.below(this.#plan.tops)}`, data, version: -1 }
  }

  /**
   * What it watches on each connection, all at once: what is written to most, and nodes that are made in sequence,
   * spread over those of a run. It is the same each time, or what is not armed yet would grow with each connection.
   */
  watches(): WatchSets {
    const sets = noWatches()
    const { tops, large: { watches } } = this.#plan
    if (this.#id > HOARDERS || watches === 0) return sets
    for (let top = 0; top < tops && countWatches(sets) < watches; top++) {
      sets.data.set(`/n${top}`, 'data')
      sets.child.add(`/n${top}`)
      if (this.#id === HOARDERS) sets.persistent.add(`/n${top}`)
    }
    const each = Math.ceil(watches / tops)
    for (let at = 0; countWatches(sets) < watches; at++) {
      const counter = Math.floor(Math.floor(at / tops) * Math.max(1, SEQUENCE / each))
      sets.data.set(`/n${at % tops}-${String(counter).padStart(10, '0')}`, 'exist')
    }
    return sets
  }

  /** First where they are, then hundreds of them at once. */
  #hoard(): Request {
    const one: CreateRequest = { op: 1, path: '/h', data: null, acl: OPEN_ACL, flags: Mode.persistent, ttlMs: -1 }
    if (this.#owned++ === 0) return one
    this.#owned += HOARDED
    const owned = { ...one, path: `/h/${this.#id}-`, flags: Mode.ephemeralSequential }
    return { op: 14, ops: Array.from({ length: HOARDED }, () => owned) }
  }

  /** A node from its creation to its end; one in four fails at the last. */
  #longMulti(parts: number): MultiOp[] {
    const path = `/b${this.#id}`
    const ops: MultiOp[] = [{ op: 1, path, data: null, acl: OPEN_ACL, flags: Mode.persistent, ttlMs: -1 }]
    for (let left = this.#rare.below(parts - 3); left > 0; left--) {
      ops.push({ op: 5, path, data: this.#data(), version: -1 })
    }
    if (this.#rare.below(4) === 0) ops.push({ op: 13, path, version: parts })
    ops.push({ op: 2, path, version: -1 })
    return ops
  }

  #usual(): Request {
    if (this.#random.below(100) < (this.#readsOnly ? 30 : this.#plan.syncs)) return { op: 9, path: '/' }
    const roll = this.#readsOnly ? 60 + this.#random.below(37) : this.#random.below(97)
    if (roll < 60) return this.#write(roll)
    if (roll < 92) return this.#read(roll)
    if (roll < 95) return { op: 106, path: this.#chance(8) ? '/' : this.#path(), mode: this.#random.below(2) }
    return { op: 18, path: this.#path(), type: 1 + this.#random.below(5) }
  }

  /** A node that goes with its session. */
  ephemeral(): CreateRequest {
    const flags = this.#chance(2) ? Mode.ephemeral : Mode.ephemeralSequential
    return { op: 1, path: `/n${this.#random.below(this.#plan.tops)}-e`, data: null, acl: this.#acl(), flags, ttlMs: -1 }
  }

  #write(roll: number): Request {
    const path = this.#path()
    if (roll < 20) return this.#create(path)
    if (roll < 28) return { op: 2, path, version: this.#version(25) }
    if (roll < 50) return { op: 5, path, data: this.#data(), version: this.#version(25) }
    if (roll < 53) return { op: 7, path, acl: this.#acl(), version: this.#version(40) }
    return { op: 14, ops: this.#multi() }
  }

  #read(roll: number): Request {
    const path = this.#path()
    if (this.#plan.lists && this.#rare.below(12) === 0) return { op: 6, path }
    if (roll < 75) return { op: 4, path, watch: this.#chance(3) }
    if (roll < 80) return { op: 3, path, watch: this.#chance(2) }
    if (roll < 84) return { op: 8, path, watch: this.#chance(2) }
    if (roll < 88) return { op: 12, path: this.#chance(3) ? '/' : path, watch: this.#chance(2) }
    if (roll < 90) return { op: 103, path: '/' }
    const one = (op: 4 | 8): WatchableRead => ({ op, path: this.#path(), watch: false })
    return { op: 22, ops: [one(4), one(8), one(4)] }
  }

  #create(path: string): CreateRequest {
    const data = this.#chance(10) ? null : this.#data()
    const op = this.#chance(3) ? 15 : 1
    switch (this.#random.below(10)) {
      case 0: case 1: return { op, path, data, acl: this.#acl(), flags: Mode.ephemeral, ttlMs: -1 }
      case 2: return { op, path: `${path}-`, data, acl: this.#acl(), flags: Mode.persistentSequential, ttlMs: -1 }
      case 3: return { op, path: `${path}-`, data, acl: this.#acl(), flags: Mode.ephemeralSequential, ttlMs: -1 }
      case 4: return { op: 19, path, data, acl: this.#acl(), flags: Mode.container, ttlMs: -1 }
      case 5: {
        const ttlMs = 1 + this.#random.below(20_000)
        return { op: 21, path, data, acl: this.#acl(), flags: Mode.persistentTtl, ttlMs }
      }
      default: return { op, path, data, acl: this.#acl(), flags: Mode.persistent, ttlMs: -1 }
    }
  }

  #multi(): MultiOp[] {
    const ops: MultiOp[] = []
    for (let i = this.#random.below(this.#plan.multi) + 1; i > 0; i--) {
      const path = this.#path()
      switch (this.#random.below(6)) {
        case 0: ops.push(this.#create(path)); break
        case 1: ops.push({ op: 2, path, version: -1 }); break
        case 2: ops.push({ op: 13, path, version: this.#version(30) }); break
        default: ops.push({ op: 5, path, data: this.#data(), version: -1 })
      }
    }
    return ops
  }
}
