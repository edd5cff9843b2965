import { strict as assert } from 'node:assert'
import type { Effect, Input, Member, Now, ReplicaConfig } from '../../lib/core/effects.ts'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import type { Limits } from '../../lib/core/limits.ts'
import { Replica } from '../../lib/core/replica.ts'
import { TreeLoader } from '../../lib/core/tree/loader.ts'
import { Tree } from '../../lib/core/tree/tree.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { CreateRequest, Request } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import type { LogBatch, LogEntry, Meta, SnapshotBase } from '../../lib/ports/storage.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const txnCodec = makeTxnCodec()

/** What one peer's disk holds: batches in order, so a crash keeps exactly those that completed. */
export class Disk {
  meta: Meta | null = null
  base: SnapshotBase | null = null
  entries: LogEntry[] = []
  readonly #chunks = new Map<string, Uint8Array>()

  apply(batch: LogBatch): void {
    if (batch.resetLog === true) this.entries = []
    const { truncateAfter, purgeThrough } = batch
    if (truncateAfter !== undefined) this.entries = this.entries.filter((entry) => entry.zxid <= truncateAfter)
    for (const { zxid, prevZxid, hash1, hash2, bytes } of batch.entries ?? []) {
      this.entries.push({ zxid, prevZxid, hash1, hash2, bytes: bytes.slice() })
    }
    if (batch.meta !== undefined) this.meta = batch.meta
    for (const chunk of batch.chunks ?? []) this.#chunks.set(`${chunk.id}/${chunk.index}`, chunk.bytes.slice())
    if (batch.install !== undefined) this.base = batch.install
    if (purgeThrough !== undefined) this.entries = this.entries.filter((entry) => entry.zxid > purgeThrough)
  }

  recover(): ConstructorParameters<typeof Replica>[1] {
    let tree = Tree.empty()
    if (this.base !== null) {
      const loader = new TreeLoader()
      for (let i = 0; i < this.base.chunks; i++) {
        loader.push(txnCodec.decodeRows(this.#chunks.get(`${this.base.id}/${i}`)!))
      }
      tree = loader.finish()
    }
    return { meta: this.meta, base: this.base, entries: this.entries, damage: 'none', tree }
  }
}

interface Write {
  readonly ticket: number
  readonly batch: LogBatch
}

/** One peer of the little world. */
export interface Node {
  readonly id: number
  readonly disk: Disk
  replica: Replica | null
  writes: Write[]
  /** True: writes do not complete. */
  held: boolean
  /** Everything that came out, sends included, in order. */
  readonly effects: Effect[]
}

interface Wire {
  readonly ends: readonly [number, number]
  readonly ids: readonly [number, number]
  /** Messages on their way to each end. */
  readonly queues: readonly [Message[], Message[]]
}

/** Options of a world. */
export interface WorldOptions {
  readonly voters: number
  readonly observers?: number
  readonly bootstrap?: boolean
  readonly limits?: Partial<Limits>
  readonly mutant?: string
  readonly epochTxns?: number
  readonly catchUpWork?: number
}

/**
 * A few real replicas joined by instant, ordered links and disks that complete when told: for tests that want every
 * message in their hands. Virtual time; nothing here is random.
 */
export class World {
  ms = 1_000
  readonly nodes = new Map<number, Node>()
  readonly members: readonly Member[]
  readonly #options: WorldOptions
  readonly #wires: Wire[] = []
  readonly #cuts = new Set<string>()
  #nextLink = 1
  #nextSeed = 1

  constructor(options: WorldOptions) {
    this.#options = options
    const total = options.voters + (options.observers ?? 0)
    this.members = Array.from({ length: total },
      (_, index) => ({ id: index + 1, role: index < options.voters ? 'voter' as const : 'observer' as const }))
    for (const { id } of this.members) {
      this.nodes.set(id, { id, disk: new Disk(), replica: null, writes: [], held: false, effects: [] })
    }
  }

  node(id: number): Node {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`no peer ${id}`)
    return node
  }

  replica(id: number): Replica {
    const { replica } = this.node(id)
    if (replica === null) throw new Error(`peer ${id} is down`)
    return replica
  }

  get now(): Now {
    return { ms: this.ms, wallMs: 1_700_000_000_000 + this.ms }
  }

  config(id: number): ReplicaConfig {
    return {
      peerId: id, ensembleName: 'test', members: this.members, bootstrap: this.#options.bootstrap ?? true,
      timing: {
        tickMs: 100, initMs: 3_000, syncMs: 1_000, pingMs: 200, finalizeMs: 50, resendMs: 50, resendMaxMs: 400,
        sessionMinMs: 200, sessionMaxMs: 40_000, reapMs: 1_000,
      },
      limits: { ...DEFAULT_LIMITS, ...this.#options.limits },
      tree: {
        skipAcl: false, ttlEnabled: true, enforceQuota: false,
        sessionEphemerals: 1_000, sessionEphemeralBytes: 1_000_000,
        multiOperations: 1_000, containerNeverUsedMs: 300_000,
      },
      seed: this.#nextSeed++, newEnsembleId: `e${id}`.padEnd(32, '0'), codec: txnCodec,
      configData: new Uint8Array(id).fill(id),
      ...(this.#options.mutant === undefined ? {} : { mutant: this.#options.mutant }),
      ...(this.#options.epochTxns === undefined ? {} : { epochTxns: this.#options.epochTxns }),
      ...(this.#options.catchUpWork === undefined ? {} : { catchUpWork: this.#options.catchUpWork }),
    }
  }

  up(...ids: number[]): void {
    for (const id of ids) {
      const node = this.node(id)
      node.replica = new Replica(this.config(id), node.disk.recover(), this.now)
      node.writes = []
      this.#collect(node)
      for (const other of this.nodes.values()) {
        if (other.replica !== null && other.id !== id && !this.#cuts.has(pairOf(id, other.id))) this.#join(id, other.id)
      }
    }
  }

  #join(a: number, b: number): void {
    const wire: Wire = { ends: [a, b], ids: [this.#nextLink++, this.#nextLink++], queues: [[], []] }
    this.#wires.push(wire)
    this.input(a, { kind: 'linkUp', link: wire.ids[0], peer: b })
    this.input(b, { kind: 'linkUp', link: wire.ids[1], peer: a })
  }

  /** Loses what is not on disk. */
  crash(...ids: number[]): void {
    for (const id of ids) {
      this.node(id).replica = null
      this.node(id).writes = []
      for (const other of this.nodes.keys()) this.#unlink(id, other)
    }
  }

  wipe(id: number): void {
    this.crash(id)
    this.nodes.set(id, { id, disk: new Disk(), replica: null, writes: [], held: false, effects: [] })
  }

  #unlink(a: number, b: number): void {
    for (const wire of this.#wires.filter(({ ends }) => pairOf(...ends) === pairOf(a, b))) {
      this.#wires.splice(this.#wires.indexOf(wire), 1)
      wire.ends.forEach((end, index) => this.input(end, { kind: 'linkDown', link: wire.ids[index]! }))
    }
  }

  cut(a: number, b: number): void {
    this.#cuts.add(pairOf(a, b))
    this.#unlink(a, b)
  }

  isolate(id: number): void {
    for (const other of this.nodes.keys()) if (other !== id) this.cut(id, other)
  }

  heal(): void {
    for (const pair of this.#cuts) {
      this.#cuts.delete(pair)
      const [a, b] = pair.split('-').map(Number) as [number, number]
      if (this.node(a).replica !== null && this.node(b).replica !== null) this.#join(a, b)
    }
  }

  input(id: number, input: Input): void {
    const node = this.node(id)
    if (node.replica === null) return
    node.replica.step(this.now, input)
    this.#collect(node)
  }

  #collect(node: Node): void {
    for (const effect of node.replica!.take()) {
      node.effects.push(effect)
      if (effect.kind === 'persist') node.writes.push({ ticket: effect.ticket, batch: effect.batch })
      else if (effect.kind === 'send') this.#wireOf(effect.link)?.push(effect.message)
      else if (effect.kind === 'dropLink') this.#dropped(effect.link)
    }
  }

  #wireOf(link: number): Message[] | undefined {
    const wire = this.#wires.find(({ ids }) => ids.includes(link))
    return wire?.queues[wire.ids[0] === link ? 1 : 0]
  }

  #dropped(link: number): void {
    const wire = this.#wires.find(({ ids }) => ids.includes(link))
    if (wire === undefined) return
    const [a, b] = wire.ends
    this.#unlink(a, b)
    if (this.node(a).replica?.stopped === false && this.node(b).replica?.stopped === false) this.#join(a, b)
  }

  /** Completes the oldest write of a peer. */
  complete(id: number): boolean {
    const node = this.node(id)
    const write = node.writes.shift()
    if (write === undefined || node.replica === null) return false
    node.disk.apply(write.batch)
    this.input(id, { kind: 'persisted', ticket: write.ticket })
    return true
  }

  /** Delivers and completes everything that can be, until nothing moves. */
  settle(): void {
    for (let moved = true; moved;) {
      moved = false
      for (const node of this.nodes.values()) {
        while (!node.held && this.complete(node.id)) moved = true
      }
      for (const wire of Array.from(this.#wires)) {
        for (const index of [0, 1] as const) {
          const message = wire.queues[index].shift()
          if (message === undefined) continue
          moved = true
          this.input(wire.ends[index], { kind: 'receive', link: wire.ids[index], message })
        }
      }
    }
  }

  /** Lets time pass, ticking every peer at its deadlines. */
  advance(ms: number): void {
    const end = this.ms + ms
    this.settle()
    while (this.ms < end) {
      let next = end
      for (const { replica } of this.nodes.values()) {
        if (replica !== null && !replica.stopped) next = Math.min(next, Math.max(replica.deadline(), this.ms + 1))
      }
      this.ms = next
      for (const node of this.nodes.values()) this.input(node.id, { kind: 'tick' })
      this.settle()
    }
  }

  get leader(): Replica | undefined {
    return [...this.nodes.values()].map((node) => node.replica)
      .find((replica) => replica !== null && replica.role === 'leading' && replica.serving) ?? undefined
  }

  /** Hands a message to `to` as if `from` had sent it on the link of now. */
  inject(from: number, to: number, message: Message): void {
    const wire = this.#wires.find(({ ends }) => pairOf(...ends) === pairOf(from, to))
    if (wire === undefined) throw new Error(`no link between ${from} and ${to}`)
    this.input(to, { kind: 'receive', link: wire.ids[wire.ends.indexOf(to)]!, message })
  }

  /** A session at `peer`: its connection number is `conn`. */
  connect(
    peer: number, conn: number,
    options: { session?: SessionId, password?: Uint8Array, timeoutMs?: number, inProcess?: boolean } = {},
  ): void {
    this.input(peer, {
      kind: 'connect', conn, session: options.session ?? null,
      password: options.password ?? new Uint8Array(16).fill(conn),
      timeoutMs: options.timeoutMs ?? 5_000, lastZxidSeen: ZXID_ZERO, identities: [],
      inProcess: options.inProcess ?? true,
    })
    this.settle()
  }

  request(peer: number, conn: number, xid: number, request: Request): void {
    this.input(peer, { kind: 'request', conn, xid, request })
    this.settle()
  }

  /** Effects of one kind that came out of a peer. */
  effectsOf<K extends Effect['kind']>(peer: number, kind: K): Extract<Effect, { kind: K }>[] {
    return this.node(peer).effects.filter((effect): effect is Extract<Effect, { kind: K }> => effect.kind === kind)
  }

  /** Messages of one kind that left a peer. */
  sent<K extends Message['kind']>(peer: number, kind: K): Extract<Message, { kind: K }>[] {
    return this.effectsOf(peer, 'send').map(({ message }) => message)
      .filter((message): message is Extract<Message, { kind: K }> => message.kind === kind)
  }
}

/** An ensemble all of whose peers are up, and one leads. */
export function led(options: WorldOptions): World {
  const world = new World(options)
  world.up(...world.nodes.keys())
  world.advance(1_000)
  assert.ok(world.leader !== undefined, 'a leader is established')
  return world
}

/** Why the peer has changed its role, all of it. */
export function reasons(world: World, peer: number): string {
  return world.effectsOf(peer, 'role').map(({ reason }) => reason).join('; ')
}

/** A request that anybody may make. */
export function create(path: string, flags = 0): CreateRequest {
  return { op: 1, path, data: null, acl: OPEN_ACL, flags, ttlMs: -1 }
}

function pairOf(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`
}
