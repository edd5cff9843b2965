/**
 * Replicas as tables: a local state is a number, an input leads from one to another and has effects. Each row is made
 * once, by running the real core: a replica is built from its disk and the inputs that led to the state, and stepped.
 * As one replica's row serves every state of the ensemble that it occurs in, the search itself only looks rows up.
 */
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import type { Effect, Input, Member, ReplicaConfig } from '../../lib/core/effects.ts'
import type { Replica } from '../../lib/core/replica.ts'
import type { TxnCodec } from '../../lib/core/tree/txn.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import type { LogBatch, LogEntry, Meta } from '../../lib/ports/storage.ts'
import type { ExposedCore } from './exposed-core.ts'
import { printOf } from './print.ts'
import { Numbering } from './tables.ts'

/** Time stands still but for ticks, so these only order the timeouts: an election is over first. */
export const TIMING = {
  tickMs: 1_000, initMs: 30_000, syncMs: 20_000, pingMs: 1_000_000_000, finalizeMs: 10, resendMs: 1_000,
  resendMaxMs: 1_000, sessionMinMs: 100_000_000, sessionMaxMs: 100_000_000, reapMs: 1_000_000_000,
} as const

/** What one peer has on disk. */
export interface Disk {
  readonly meta: Meta | null
  /** Numbers of its log entries. */
  readonly log: readonly number[]
}

/** What the checkers see of a local state. */
export interface Local {
  readonly peer: number
  readonly role: Replica['role']
  readonly serving: boolean
  readonly stopped: boolean
  readonly currentEpoch: number
  /** The epoch that it leads, once discovery is over; 0 else. */
  readonly leads: number
  readonly active: boolean
  readonly log: readonly number[]
  /** How many entries of its log are applied. */
  readonly applied: number
  /** Time until its next timeout, in ms. */
  readonly deadlineMs: number
  readonly decided: boolean
  /** What of itself is wrong, if anything (P16). */
  readonly wrong: string | null
}

/** What a step did. */
export interface Row {
  readonly to: number
  /** Peer and message number by turns. */
  readonly sends: readonly number[]
  readonly writes: readonly number[]
  readonly drops: readonly number[]
  /** What the core said: for traces. */
  readonly said: readonly string[]
  /** An invariant that the core checks itself does not hold. */
  readonly broken: string | null
}

interface Root {
  readonly peer: number
  readonly disk: number
}

interface State {
  readonly root: Root
  readonly inputs: readonly string[]
  readonly local: Local
  readonly rows: Map<string, Row>
}

/** The link between two peers has one number at each of them: it is told down before it comes up again. */
const LINKS = 100

/** All replicas of an ensemble of voters. */
export class Machines {
  readonly messages: Numbering<Message> = new Numbering()
  readonly batches: Numbering<LogBatch> = new Numbering()
  readonly entries: Numbering<LogEntry> = new Numbering()
  readonly disks: Numbering<Disk> = new Numbering()
  readonly #states = new Numbering<State>()
  readonly #core: ExposedCore
  readonly #codec: TxnCodec
  readonly #members: readonly Member[]
  readonly #mutant: string | undefined
  readonly #roots = new Map<string, { readonly row: Row }>()
  /** Founding allowed: only while the history is made that everything begins with. */
  founding = false
  /** Steps of the real core. */
  steps = 0

  constructor(core: ExposedCore, voters: number, mutant: string | undefined) {
    this.#core = core
    this.#codec = core.makeTxnCodec()
    this.#members = Array.from({ length: voters }, (_, at) => ({ id: at + 1, role: 'voter' }))
    this.#mutant = mutant
  }

  get states(): number {
    return this.#states.size
  }

  local(state: number): Local {
    return this.#states.at(state).local
  }

  #config(peer: number): ReplicaConfig {
    return {
      peerId: peer, ensembleName: 'model', members: this.#members, bootstrap: this.founding, timing: TIMING,
      limits: { ...DEFAULT_LIMITS, snapshotTxns: 1_000_000 },
      tree: {
        skipAcl: true, ttlEnabled: true, sessionEphemerals: 1_000, sessionEphemeralBytes: 1_000_000,
        multiOperations: 1_000, containerNeverUsedMs: 0, enforceQuota: false,
      },
      seed: peer, newEnsembleId: peer.toString(16).padStart(32, '0'), codec: this.#codec,
      configData: new Uint8Array(0),
      // The history that everything begins with is made by a core without a known bug.
      ...(this.#mutant === undefined || this.founding ? {} : { mutant: this.#mutant }),
    }
  }

  #build({ peer, disk }: Root): Replica {
    const { meta, log } = this.disks.at(disk)
    const entries = log.map((entry) => this.entries.at(entry))
    return new this.#core.Replica(this.#config(peer),
      { meta, base: null, entries, damage: 'none', tree: this.#core.Tree.empty() }, { ms: 1, wallMs: 1 })
  }

  /** A peer starts from a disk. */
  start(peer: number, disk: number): Row {
    const key = `${peer} ${disk} ${this.founding}`
    const known = this.#roots.get(key)
    if (known !== undefined) return known.row
    const root = { peer, disk }
    const row = this.#row(root, [], () => this.#build(root))
    this.#roots.set(key, { row })
    return row
  }

  /** The row of a state and an input: `receive`, `up`, `down`, `tick`, `persisted`, `write`, each with its number. */
  step(state: number, input: string): Row {
    const from = this.#states.at(state)
    const known = from.rows.get(input)
    if (known !== undefined) return known
    const inputs = [...from.inputs, input]
    const row = this.#row(from.root, inputs, () => {
      const replica = this.#build(from.root)
      replica.take()
      for (const one of from.inputs) {
        this.#apply(replica, one)
        replica.take()
      }
      this.#apply(replica, input)
      return replica
    })
    from.rows.set(input, row)
    return row
  }

  #row(root: Root, inputs: readonly string[], run: () => Replica): Row {
    let replica: Replica
    let effects: Effect[]
    try {
      replica = run()
      effects = replica.take()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const broken = `${error.name}: ${error.message}`
      return { to: -1, sends: [], writes: [], drops: [], said: [], broken }
    }
    const to = this.#states.of(`${root.peer} ${this.founding} ${printOf(replica)}`,
      () => ({ root, inputs, local: this.#localOf(replica), rows: new Map() }))
    return { to, broken: null, ...this.#effects(effects) }
  }

  #apply(replica: Replica, input: string): void {
    this.steps++
    const [kind, text] = input.split(' ')
    const number = Number(text ?? 0)
    const { now } = replica
    if (kind === 'tick') {
      const ms = Math.max(now.ms, replica.deadline())
      replica.step({ ms, wallMs: now.wallMs }, { kind: 'tick' })
    } else replica.step(now, this.#input(replica, kind ?? '', number))
  }

  #input(replica: Replica, kind: string, number: number): Input {
    switch (kind) {
      case 'up': return { kind: 'linkUp', link: number, peer: number }
      case 'down': return { kind: 'linkDown', link: number }
      case 'persisted': return { kind: 'persisted', ticket: replica.journal.durableTicket + 1 }
      case 'write': return {
        kind: 'connect', conn: number, session: null, password: new Uint8Array(16).fill(number),
        timeoutMs: TIMING.sessionMaxMs, lastZxidSeen: ZXID_ZERO, identities: [], inProcess: true,
      }
      default: return {
        kind: 'receive', link: number % LINKS, message: this.messages.at(Math.floor(number / LINKS)),
      }
    }
  }

  /** The input that a message from a peer is. */
  received(from: number, message: number): string {
    return `receive ${message * LINKS + from}`
  }

  #effects(effects: readonly Effect[]): Omit<Row, 'to' | 'broken'> {
    const [sends, writes, drops, said]: [number[], number[], number[], string[]] = [[], [], [], []]
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send': sends.push(effect.link, this.#message(effect.message)); break
        case 'persist': writes.push(this.#batch(effect.batch)); break
        case 'dropLink': drops.push(effect.link); break
        case 'role':
          said.push(`${effect.role}${effect.serving ? ', serving' : ''}, epoch ${effect.epoch}: ${effect.reason}`)
          break
        case 'log': said.push(effect.text); break
        case 'fatal': said.push(`fatal: ${effect.reason}`); break
        default: break
      }
    }
    return { sends, writes, drops, said }
  }

  #message(message: Message): number {
    // The entries of a proposal are the sender's own, which change when they are applied there.
    const sent = message.kind === 'proposal'
      ? { ...message, entries: message.entries.map((entry) => this.entries.at(this.entry(entry))) } : message
    return this.messages.of(JSON.stringify(sent, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value), () => sent)
  }

  #batch(batch: LogBatch): number {
    const { truncateAfter, entries, meta } = batch
    const named = [truncateAfter, meta, entries?.map((entry) => this.entry(entry))]
    return this.batches.of(JSON.stringify(named), () => batch)
  }

  entry(entry: LogEntry): number {
    return this.entries.of(`${entry.zxid} ${entry.hash1} ${entry.hash2}`, () => {
      const { zxid, prevZxid, hash1, hash2, bytes } = entry
      return { zxid, prevZxid, hash1, hash2, bytes: bytes.slice() }
    })
  }

  #localOf(replica: Replica): Local {
    const { journal: { log, durableZxid, meta }, tree, committed, leader, role, serving, stopped } = replica
    const entries = log.slice(log.floor, Number.MAX_SAFE_INTEGER as Zxid, Infinity)
    const isRight = stopped || (tree.zxid <= durableZxid && tree.zxid <= committed && committed <= log.last)
    return {
      peer: replica.config.peerId, role, serving, stopped, currentEpoch: meta.currentEpoch,
      leads: leader !== null && leader.phase !== 'discovery' ? leader.epoch : 0, active: leader?.active === true,
      log: entries.map((entry) => this.entry(entry)), applied: entries.filter(({ zxid }) => zxid <= tree.zxid).length,
      deadlineMs: replica.deadline() - replica.now.ms, decided: (replica.election?.decision ?? null) !== null,
      wrong: isRight ? null : `applied ${tree.zxid}, durable ${durableZxid}, committed ${committed}, log ${log.last}`,
    }
  }

  /** A batch comes to a disk; text when it cannot. */
  written(disk: number, batch: number): number | string {
    const { meta, log } = this.disks.at(disk)
    const { truncateAfter, entries, meta: promises, install } = this.batches.at(batch)
    if (install !== undefined) return 'the model has no snapshots'
    const kept = truncateAfter === undefined ? [...log]
      : log.filter((entry) => this.entries.at(entry).zxid <= truncateAfter)
    for (const entry of entries ?? []) {
      const last = kept.length === 0 ? ZXID_ZERO : this.entries.at(kept[kept.length - 1]!).zxid
      if (entry.prevZxid !== last) return `a hole on disk: ${entry.zxid} after ${last}`
      kept.push(this.entry(entry))
    }
    if (promises !== undefined && meta !== null && (promises.acceptedEpoch < meta.acceptedEpoch ||
      promises.currentEpoch < meta.currentEpoch)) return 'a promise on disk moved back'
    return this.disk({ meta: promises ?? meta, log: kept })
  }

  disk(disk: Disk): number {
    return this.disks.of(JSON.stringify(disk), () => disk)
  }
}
