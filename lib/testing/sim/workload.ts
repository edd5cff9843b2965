import type { Random } from '../../core/random.ts'
import { Mode, OPEN_ACL } from '../../core/tree/request.ts'
import type { CreateRequest, MultiOp, Request, WatchableRead } from '../../core/tree/request.ts'
import { logUniform } from '../draws.ts'

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
}

/** What one client asks for: every kind of request over few paths, so that clients meet and checks bite. */
export class Workload {
  readonly #random: Random
  readonly #id: number
  readonly #plan: WorkloadPlan
  /** Writes nothing: it is never held up by a write of its own. */
  readonly #readsOnly: boolean
  #count = 0

  constructor(random: Random, id: number, plan: WorkloadPlan) {
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

  #version(percent: number): number {
    return this.#random.below(100) < percent ? this.#random.below(5) : -1
  }

  #chance(oneIn: number): boolean {
    return this.#random.below(oneIn) === 0
  }

  next(): Request {
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
    return { op: 1, path: `/n${this.#random.below(this.#plan.tops)}-e`, data: null, acl: OPEN_ACL, flags, ttlMs: -1 }
  }

  #write(roll: number): Request {
    const path = this.#path()
    if (roll < 20) return this.#create(path)
    if (roll < 28) return { op: 2, path, version: this.#version(25) }
    if (roll < 50) return { op: 5, path, data: this.#data(), version: this.#version(25) }
    if (roll < 53) return { op: 7, path, acl: OPEN_ACL, version: this.#version(40) }
    return { op: 14, ops: this.#multi() }
  }

  #read(roll: number): Request {
    const path = this.#path()
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
      case 0: case 1: return { op, path, data, acl: OPEN_ACL, flags: Mode.ephemeral, ttlMs: -1 }
      case 2: return { op, path: `${path}-`, data, acl: OPEN_ACL, flags: Mode.persistentSequential, ttlMs: -1 }
      case 3: return { op, path: `${path}-`, data, acl: OPEN_ACL, flags: Mode.ephemeralSequential, ttlMs: -1 }
      case 4: return { op: 19, path, data, acl: OPEN_ACL, flags: Mode.container, ttlMs: -1 }
      case 5: {
        const ttlMs = 1 + this.#random.below(20_000)
        return { op: 21, path, data, acl: OPEN_ACL, flags: Mode.persistentTtl, ttlMs }
      }
      default: return { op, path, data, acl: OPEN_ACL, flags: Mode.persistent, ttlMs: -1 }
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
