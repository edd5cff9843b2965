/**
 * Replicas as tables: a local state is a number, an input leads from one to another and has effects. Each row is made
 * once, by running the real core: a replica is put into the state, from a memento of it or by the inputs that lead
 * there from an earlier one, and stepped. As one replica's row serves every state of the ensemble that it occurs in,
 * the search itself only looks rows up.
 */
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import type { Effect, Input, Member, ReplicaConfig } from '../../lib/core/effects.ts'
import type { Replica } from '../../lib/core/replica.ts'
import type { TxnCodec } from '../../lib/core/tree/txn.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Tree } from '../../lib/core/tree/tree.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import type { LogBatch } from '../../lib/ports/storage.ts'
import { Entries } from './entries.ts'
import type { ExposedCore } from './exposed-core.ts'
import type { Disk, Local, Row, Sent } from './local.ts'
import { Memento } from './memento.ts'
import { printOf, printPlain } from './print.ts'
import {
  calm, earlyJoinOf, forgetClient, forgetJoins, hurry, isCalm, joinsOver, nextTagOf, rest, roundOf, withoutChance,
} from './repose.ts'
import type { Shape } from './shapes.ts'
import { Lists, Numbering } from './store.ts'
import type { Store } from './store.ts'

/** Time stands still but for ticks, so these only order the timeouts: an election is over first. */
export const TIMING = {
  tickMs: 1_000, initMs: 30_000, syncMs: 20_000, pingMs: 1_000_000_000, finalizeMs: 10, resendMs: 1_000,
  resendMaxMs: 1_000, sessionMinMs: 100_000_000, sessionMaxMs: 100_000_000, reapMs: 1_000_000_000,
} as const

/** What an input of a replica is, as a number: its kind, then what it is about. */
export const INPUTS = ['receive', 'up', 'down', 'tick', 'vote', 'calm', 'persisted', 'write'] as const
type InputKind = typeof INPUTS[number]

/** The number of an input; `about` is a peer, for `calm` a count of rounds. */
export function inputOf(kind: InputKind, about = 0): number {
  return about * INPUTS.length + INPUTS.indexOf(kind)
}

interface Definition {
  readonly peer: number
  readonly founding: boolean
  /** The disk it starts from, when it has just started. */
  readonly disk: number
  /** Else the state before and the input that leads here. */
  readonly before: number
  readonly input: number
}

interface State {
  readonly definition: Definition
  readonly local: Local
  readonly rows: Map<number, Row>
}

/** The link between two peers has one number at each of them: it is told down before it comes up again. */
const LINKS = 16
/** States whose mementos are kept: those that were needed last. */
const MEMENTOS = 6_000
const TREES = 500
const CONN = 1

/** All replicas of an ensemble of voters. */
export class Machines {
  readonly messages: Numbering<Sent>
  readonly batches: Numbering<LogBatch>
  readonly entries: Entries
  readonly disks: Numbering<Disk>
  readonly lists: Lists
  /** With what is known of the states, for other threads. */
  readonly #definitions: Numbering<Definition & { readonly local: Local }>
  readonly #shared: Numbering<Row>
  readonly #states: (State | undefined)[] = []
  readonly #core: ExposedCore
  readonly #codec: TxnCodec
  readonly #members: readonly Member[]
  readonly #mutant: string | undefined
  readonly #isFull: boolean
  readonly #elections: boolean
  readonly #roots = new Map<string, Row>()
  readonly #mementos = new Map<number, Memento>()
  readonly #trees = new Map<string, Tree>()
  readonly #written = new Map<number, Map<number, number | string>>()
  /** By peer: the first tag of its replicas. */
  readonly #firstTags: number[] = []
  /** What is applied to the tree of the replica at hand. */
  #applied = ''
  /** Founding allowed: only while the history is made that everything begins with. */
  founding = false
  /** Steps of the real core, and local states met here. */
  steps = 0
  states = 0

  /**
   * With `isFull`, states are told apart by everything that they hold, and nothing is put to rest. With `elections`,
   * notifications are sent like other messages.
   */
  constructor(
    core: ExposedCore, store: Store, voters: number, mutant: string | undefined, isFull: boolean, elections: boolean,
  ) {
    this.#core = core
    this.#codec = core.makeTxnCodec()
    this.#members = Array.from({ length: voters }, (_, at) => ({ id: at + 1, role: 'voter' }))
    this.#mutant = mutant
    this.#isFull = isFull
    this.#elections = elections
    this.messages = new Numbering(store, 'message')
    this.batches = new Numbering(store, 'batch')
    this.entries = new Entries(store, this.#codec)
    this.disks = new Numbering(store, 'disk')
    this.lists = new Lists(store)
    this.#definitions = new Numbering(store, 'state')
    this.#shared = new Numbering(store, 'row')
  }

  local(state: number): Local {
    return this.#state(state).local
  }

  /** It may be one that another thread has found. */
  #state(state: number): State {
    const known = this.#states[state]
    if (known !== undefined) return known
    const { local, ...definition } = this.#definitions.at(state)
    // Equal logs are one.
    return this.#keep(state, definition, { ...local, log: this.lists.at(local.entries) })
  }

  #keep(state: number, definition: Definition, local: Local): State {
    this.states++
    while (this.#states.length < state) this.#states.push(undefined)
    return this.#states[state] = { definition, local, rows: new Map() }
  }

  #config(peer: number, founding: boolean): ReplicaConfig {
    return {
      peerId: peer, ensembleName: 'model', members: this.#members, bootstrap: founding, timing: TIMING,
      limits: { ...DEFAULT_LIMITS, snapshotTxns: 1_000_000 },
      tree: {
        skipAcl: true, ttlEnabled: true, sessionEphemerals: 1_000, sessionEphemeralBytes: 1_000_000,
        multiOperations: 1_000, containerNeverUsedMs: 0, enforceQuota: false,
      },
      seed: peer, newEnsembleId: peer.toString(16).padStart(32, '0'), codec: this.#codec,
      configData: new Uint8Array(0),
      // The history that everything begins with is made by a core without a known bug.
      ...(this.#mutant === undefined || founding ? {} : { mutant: this.#mutant }),
    }
  }

  #build({ peer, disk, founding }: Definition): Replica {
    const { meta, log } = this.disks.at(disk)
    const entries = log.map((entry) => this.entries.at(entry))
    const replica = new this.#core.Replica(this.#config(peer, founding),
      { meta, base: null, entries, damage: 'none', tree: this.#core.Tree.empty() }, { ms: 1, wallMs: 1 })
    this.#firstTags[peer] ??= nextTagOf(replica)
    withoutChance(replica)
    this.#applied = ''
    return replica
  }

  /** A replica in this state. */
  #revive(state: number): Replica {
    const memento = this.#mementos.get(state)
    if (memento !== undefined) {
      this.#mementos.delete(state)
      this.#mementos.set(state, memento)
      this.#applied = memento.applied
      return memento.restore(this.#tree(memento.applied))
    }
    const definition = this.#definitions.at(state)
    let replica: Replica
    if (definition.before < 0) {
      replica = this.#build(definition)
      this.#taken(replica)
    } else {
      replica = this.#revive(definition.before)
      this.#apply(replica, definition.input)
    }
    this.#remember(state, replica)
    return replica
  }

  /** The whole state as it is at hand, and as the inputs alone make it from the disk it started from: for a test. */
  prints(state: number): readonly [string, string] {
    const print = printOf(this.#revive(state), true)
    return [print, printOf(this.#replay(state), true)]
  }

  #replay(state: number): Replica {
    const definition = this.#definitions.at(state)
    const replica = definition.before < 0 ? this.#build(definition) : this.#replay(definition.before)
    if (definition.before < 0) this.#taken(replica)
    else this.#apply(replica, definition.input)
    return replica
  }

  #remember(state: number, replica: Replica): void {
    this.#mementos.set(state, new Memento(replica, this.#applied))
    if (this.#mementos.size > MEMENTOS) this.#mementos.delete(this.#mementos.keys().next().value!)
  }

  /** A tree with these entries applied. */
  #tree(applied: string): Tree {
    const known = this.#trees.get(applied)
    if (known !== undefined) return known
    const tree = this.#core.Tree.empty()
    tree.setConfig(new Uint8Array(0))
    for (const number of applied === '' ? [] : applied.split(' ')) {
      const { zxid, bytes } = this.entries.at(Number(number))
      tree.apply(zxid, this.#codec.decodeTxn(bytes), null, false)
    }
    this.#hold(applied, tree)
    return tree
  }

  #hold(applied: string, tree: Tree): void {
    this.#trees.set(applied, tree)
    if (this.#trees.size > TREES) this.#trees.delete(this.#trees.keys().next().value!)
  }

  /** Effects of a step; the tree that it was stepped with may be another one now. */
  #taken(replica: Replica): Effect[] {
    const known = this.#applied
    const at = known === '' ? ZXID_ZERO : this.entries.at(Number(known.slice(known.lastIndexOf(' ') + 1))).zxid
    const effects = replica.take()
    const { tree, journal: { log } } = replica
    if (tree.zxid > at) {
      const news = log.slice(at, tree.zxid, Infinity).map((entry) => this.entries.of(entry)).join(' ')
      if (this.#trees.get(known) === tree) this.#trees.delete(known)
      this.#applied = known === '' ? news : `${known} ${news}`
      if (!this.#trees.has(this.#applied)) this.#hold(this.#applied, tree)
    }
    if (!this.#isFull) rest(replica)
    return effects
  }

  /** A peer starts from a disk. */
  start(peer: number, disk: number): Row {
    const { founding } = this
    const key = `${peer} ${disk} ${founding}`
    const known = this.#roots.get(key)
    if (known !== undefined) return known
    const definition: Definition = { peer, disk, founding, before: -1, input: -1 }
    const row = this.#row(definition, () => {
      const replica = this.#build(definition)
      return [replica, this.#taken(replica)]
    })
    this.#roots.set(key, row)
    return row
  }

  /** The row of a state and an input. */
  step(state: number, input: number): Row {
    const { definition, rows } = this.#state(state)
    const known = rows.get(input)
    if (known !== undefined) return known
    const shared = this.#shared.find(`${state} ${input}`)
    const row = shared >= 0 ? this.#shared.at(shared) : this.#make(state, definition, input)
    rows.set(input, row)
    return row
  }

  #make(state: number, { peer, founding }: Definition, input: number): Row {
    const row = this.#row({ peer, founding, disk: -1, before: state, input }, () => {
      const replica = this.#revive(state)
      return [replica, this.#apply(replica, input)]
    })
    this.#shared.of(`${state} ${input}`, () => row)
    return row
  }

  #row(definition: Definition, run: () => [Replica, Effect[]]): Row {
    let replica: Replica
    let effects: Effect[]
    try {
      [replica, effects] = run()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const broken = `${error.name}: ${error.message}`
      return { to: -1, sends: [], notices: [], writes: [], drops: [], said: [], broken }
    }
    const { peer, founding } = definition
    const print = `${peer} ${founding} ${printOf(replica, this.#isFull || founding)}`
    let to = this.#definitions.find(print)
    if (to < 0) {
      const local = this.#localOf(replica)
      to = this.#definitions.of(print, () => ({ ...definition, local }))
      if (this.#states[to] === undefined) this.#remember(to, replica)
    }
    this.#state(to)
    return { to, broken: null, ...this.#effects(replica, effects) }
  }

  #apply(replica: Replica, input: number): Effect[] {
    this.steps++
    const kind = INPUTS[input % INPUTS.length]!
    const about = Math.floor(input / INPUTS.length)
    const { now } = replica
    if (!this.#isFull && (kind === 'up' || kind === 'down')) forgetJoins(replica, about)
    switch (kind) {
      case 'tick': case 'vote': {
        if (kind === 'vote' && !this.#isFull) hurry(replica)
        const ms = Math.max(now.ms, replica.deadline())
        replica.step({ ms, wallMs: now.wallMs }, { kind: 'tick' })
        break
      }
      case 'calm':
        calm(replica, about)
        return []
      case 'write': return this.#ask(replica)
      default: replica.step(now, this.#input(replica, kind, about))
    }
    const effects = this.#taken(replica)
    if (!this.#isFull) for (const effect of effects) if (effect.kind === 'dropLink') forgetJoins(replica, effect.link)
    return effects
  }

  /** A client of the leader asks for a session and is gone: what matters is the txn. */
  #ask(replica: Replica): Effect[] {
    const { now } = replica
    replica.step(now, {
      kind: 'connect', conn: CONN, session: null, password: new Uint8Array(16), timeoutMs: TIMING.sessionMaxMs,
      lastZxidSeen: ZXID_ZERO, identities: [], inProcess: true,
    })
    const effects = this.#taken(replica)
    replica.step(now, { kind: 'disconnect', conn: CONN })
    forgetClient(replica, this.#firstTags[replica.config.peerId]!)
    return [...effects, ...this.#taken(replica)]
  }

  #input(replica: Replica, kind: Exclude<InputKind, 'tick' | 'vote' | 'calm' | 'write'>, about: number): Input {
    switch (kind) {
      case 'up': return { kind: 'linkUp', link: about, peer: about }
      case 'down': return { kind: 'linkDown', link: about }
      case 'persisted': return { kind: 'persisted', ticket: replica.journal.durableTicket + 1 }
      case 'receive': {
        const { message, names } = this.messages.at(Math.floor(about / LINKS))
        // Another thread's sender may have named it: it is met here.
        if (names >= 0) this.entries.of(this.entries.at(names))
        return { kind: 'receive', link: about % LINKS, message }
      }
    }
  }

  /** The input that a message from a peer is. */
  received(from: number, message: number): number {
    return inputOf('receive', message * LINKS + from)
  }

  #effects(replica: Replica, effects: readonly Effect[]): Omit<Row, 'to' | 'broken'> {
    const [sends, notices, writes, drops]: [number[], number[], number[], number[]] = [[], [], [], []]
    const said: string[] = []
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          if (effect.message.kind !== 'notify') sends.push(effect.link, this.#message(effect.message))
          else {
            const message = { ...effect.message, joins: joinsOver(replica, effect.link) }
            ;(this.#elections ? sends : notices).push(effect.link, this.#message(message))
          }
          break
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
    return { sends, notices, writes, drops, said }
  }

  #message(message: Message): number {
    // The entries of a proposal are the sender's own, which change when they are applied there.
    const sent = message.kind === 'proposal'
      ? { ...message, entries: message.entries.map((entry) => this.entries.at(this.entries.of(entry))) } : message
    return this.messages.of(JSON.stringify(sent, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value), () => {
      const scribe = this.entries.scribe()
      const names = 'hash1' in sent ? this.entries.numbered(sent) : -1
      return { message: sent, names, shape: scribe.shape(printPlain(sent, scribe)) }
    })
  }

  #batch(batch: LogBatch): number {
    const { truncateAfter, entries, meta } = batch
    const numbers = entries?.map((entry) => this.entries.of(entry))
    return this.batches.of(JSON.stringify([truncateAfter, meta, numbers]), () => ({
      ...batch, ...(numbers === undefined ? {} : { entries: numbers.map((number) => this.entries.at(number)) }),
    }))
  }

  #shapeOf(replica: Replica): Shape {
    const known = this.#applied
    const scribe = this.entries.scribe(known === '' ? -1 : Number(known.slice(known.lastIndexOf(' ') + 1)))
    return scribe.shape(`${replica.config.peerId} ${printOf(replica, this.#isFull, scribe)}`)
  }

  #localOf(replica: Replica): Local {
    const { journal: { log, durableZxid, meta }, tree, committed, leader, learner, role, serving, stopped } = replica
    const entries = log.slice(log.floor, Number.MAX_SAFE_INTEGER as Zxid, Infinity)
    const list = this.lists.of(entries.map((entry) => this.entries.of(entry)))
    const isRight = stopped || (tree.zxid <= durableZxid && tree.zxid <= committed && committed <= log.last)
    return {
      peer: replica.config.peerId, role, serving, stopped, currentEpoch: meta.currentEpoch,
      acceptedEpoch: meta.acceptedEpoch,
      pendingEpoch: leader !== null && leader.phase === 'discovery' ? leader.epoch
        : learner !== null && learner.epoch > meta.currentEpoch ? learner.epoch : 0,
      leads: leader !== null && leader.phase !== 'discovery' ? leader.epoch : 0, active: leader?.active === true,
      log: this.lists.at(list), entries: list,
      applied: entries.filter(({ zxid }) => zxid <= tree.zxid).length,
      deadlineMs: replica.deadline() - replica.now.ms, decided: (replica.election?.decision ?? null) !== null,
      round: roundOf(replica), isCalm: this.#isFull || isCalm(replica),
      wrong: isRight ? null : `applied ${tree.zxid}, durable ${durableZxid}, committed ${committed}, log ${log.last}`,
      follows: this.#members.map(({ id }) => learner?.leader === id ? learner.join : -1),
      joined: this.#members.map(({ id }) => leader?.learners.get(id)?.join ?? earlyJoinOf(replica, id)),
      shape: this.#shapeOf(replica),
    }
  }

  /** A batch comes to a disk; text when it cannot. */
  written(disk: number, batch: number): number | string {
    let known = this.#written.get(disk)
    if (known === undefined) this.#written.set(disk, known = new Map())
    let result = known.get(batch)
    if (result === undefined) known.set(batch, result = this.#write(disk, batch))
    return result
  }

  #write(disk: number, batch: number): number | string {
    const { meta, log } = this.disks.at(disk)
    const { truncateAfter, entries, meta: promises, install } = this.batches.at(batch)
    if (install !== undefined) return 'the model has no snapshots'
    const kept = truncateAfter === undefined ? [...log]
      : log.filter((entry) => this.entries.at(entry).zxid <= truncateAfter)
    for (const entry of entries ?? []) {
      const last = kept.length === 0 ? ZXID_ZERO : this.entries.at(kept[kept.length - 1]!).zxid
      if (entry.prevZxid !== last) return `a hole on disk: ${entry.zxid} after ${last}`
      kept.push(this.entries.of(entry))
    }
    if (promises !== undefined && meta !== null && (promises.acceptedEpoch < meta.acceptedEpoch ||
      promises.currentEpoch < meta.currentEpoch)) return 'a promise on disk moved back'
    return this.disk({ meta: promises ?? meta, log: kept })
  }

  disk(disk: Disk): number {
    return this.disks.of(JSON.stringify(disk), () => disk)
  }
}
