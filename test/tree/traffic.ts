import type { Random } from '../../lib/core/random.ts'
import { Mode, Perm } from '../../lib/core/tree/request.ts'
import type { CreateRequest, MultiOp } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { anonymous, bytes, container, create, remove, set, setAcl, ttl, world } from './world.ts'
import type { World } from './world.ts'

/** Random writes of every kind on a small set of paths, so that they meet; sessions open and close. */
export class Traffic {
  readonly zk: World
  readonly #below: (bound: number) => number
  readonly sessions: SessionId[] = []
  readonly #names: number

  constructor(zk: World, random: Random, names = 12) {
    this.zk = zk
    this.#below = (bound) => random.below(bound)
    this.#names = names
  }

  path(): string {
    let path = ''
    for (let depth = 1 + this.#below(3); depth > 0; depth--) path += `/n${this.#below(this.#names)}`
    return path
  }

  data(): Uint8Array | null {
    const kind = this.#below(10)
    if (kind === 0) return null
    return bytes('x'.repeat(kind === 1 ? 1_000 + this.#below(2_000) : this.#below(60)) + String(this.#below(1_000)))
  }

  creation(): CreateRequest {
    const path = this.path()
    const kind = this.#below(12)
    const acl = this.#below(8) === 0 ? [{ perms: Perm.all, scheme: 'world', id: 'anyone' },
      { perms: 1, scheme: 'ip', id: `10.0.0.${this.#below(5)}` }] : world(Perm.all)
    const rest = { data: this.data(), acl }
    if (kind < 2) return { ...container(path), ...rest }
    if (kind < 4) return { ...ttl(path, 1 + this.#below(2 ** 40 - 1)), ...rest }
    const flags = kind < 7 ? Mode.ephemeral : kind < 8 ? Mode.persistentSequential
      : kind < 9 ? Mode.ephemeralSequential : Mode.persistent
    return create(path, { ...rest, flags, op: this.#below(2) === 0 ? 1 : 15 })
  }

  operation(): MultiOp {
    const version = this.#below(4) === 0 ? this.#below(3) : -1
    switch (this.#below(8)) {
      case 0: case 1: case 2: return this.creation()
      case 3: case 4: return remove(this.path(), version)
      case 5: return { op: 13, path: this.path(), version }
      default: return { ...set(this.path(), null, version), data: this.data() }
    }
  }

  /** Proposes one random txn. */
  propose(): void {
    const { zk } = this
    const kind = this.#below(40)
    if (kind === 0 || this.sessions.length === 0) {
      this.sessions.push(zk.proposeOpen(1_000 + this.#below(1_000)))
    } else if (kind === 1 && this.sessions.length > 1) {
      zk.proposeClose(this.sessions.splice(this.#below(this.sessions.length), 1)[0]!)
    } else {
      const who = anonymous(this.sessions[this.#below(this.sessions.length)]!)
      const op = this.operation()
      if (kind < 5) zk.propose({ op: 14, ops: Array.from({ length: 1 + this.#below(5) }, () => this.operation()) }, who)
      else if (kind < 8) zk.propose(setAcl(this.path(), this.creation().acl), who)
      else if (op.op !== 13) zk.propose(op, who)
    }
  }

  /** So many random txns, applied in batches. */
  run(count: number): void {
    for (let i = 0; i < count; i++) {
      this.propose()
      if (this.#below(8) === 0 && this.zk.outstanding.length > 0) this.zk.applyAll()
    }
    if (this.zk.outstanding.length > 0) this.zk.applyAll()
  }
}
