import { isZkError } from '../../../lib/core/errors.ts'
import type { Effect, Input, Now, ReplicaConfig } from '../../../lib/core/effects.ts'
import { Replica } from '../../../lib/core/replica.ts'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import { Tree } from '../../../lib/core/tree/tree.ts'
import type { Message } from '../../../lib/core/zab/messages.ts'
import { PeerCodec } from '../../../lib/wire/peer-protocol.ts'
import { makeTxnCodec } from '../../../lib/wire/txn.ts'
import { World } from '../../core/cluster.ts'
import { messages } from '../../wire/peer-messages.ts'
import { joined } from '../mutate.ts'
import { framesMutated, framesOf, packedMutated, streamOf } from '../structure.ts'
import { magnitude, must } from '../target.ts'
import type { Target } from '../target.ts'

/** Everything that befell one peer of a small world, and who it was. */
interface Life {
  readonly config: ReplicaConfig
  readonly born: Now
  readonly inputs: readonly { readonly now: Now, readonly input: Input }[]
}

/** A world that writes down what each peer is told, and what it says. */
class RecordedWorld extends World {
  readonly lives = new Map<number, { config: ReplicaConfig, born: Now, inputs: { now: Now, input: Input }[] }>()

  override config(id: number): ReplicaConfig {
    const config = super.config(id)
    this.lives.set(id, { config, born: this.now, inputs: [] })
    return config
  }

  override input(id: number, input: Input): void {
    this.lives.get(id)?.inputs.push({ now: this.now, input })
    super.input(id, input)
  }
}

/** The client connection of every life. */
const CONN = 7
/** A follower in order has at most so many turns until what it confirms is answered. */
const TURNS = 40
const codec = new PeerCodec()
const txnCodec = makeTxnCodec()

/** An election, sessions, writes, and a third peer that comes later and is given a snapshot. */
function record(): RecordedWorld {
  const world = new RecordedWorld({ voters: 3, limits: { retainedTxns: 2, snapshotTxns: 4, retainedBytes: 64 } })
  world.up(1, 2)
  world.advance(300)
  const leader = world.leader!.config.peerId
  const follower = leader === 1 ? 2 : 1
  for (const peer of [leader, follower]) world.connect(peer, CONN, { timeoutMs: 30_000 })
  for (let number = 0; number < 6; number++) {
    world.request(number % 2 === 0 ? leader : follower, CONN, number + 1, {
      op: 1, path: `/n${number}`, data: new Uint8Array(number * 3), acl: OPEN_ACL, flags: number === 3 ? 1 : 0,
        ttlMs: -1,
    })
  }
  world.advance(100)
  world.up(3)
  world.advance(300)
  for (const peer of [leader, follower]) world.request(peer, CONN, 20, { op: 5, path: '/n1', data: null, version: -1 })
  world.advance(200)
  return world
}

interface Material {
  readonly lives: readonly Life[]
  /** What peers said in these lives, packed. */
  readonly said: readonly Uint8Array[]
}

let material: Material | null = null

function recorded(): Material {
  if (material !== null) return material
  const world = record()
  const said: Uint8Array[] = []
  for (const { inputs } of world.lives.values()) {
    for (const { input } of inputs) if (input.kind === 'receive') said.push(codec.encode([input.message]).slice(4))
  }
  return material = { lives: [...world.lives.values()], said }
}

/** One peer that has lived up to some moment and is told what the input says. */
class Subject {
  readonly replica: Replica
  #now: Now
  #ends: Input[] = []
  readonly links = new Map<number, number>()
  #promised = 0
  readonly effects: Effect[] = []

  constructor(life: Life, upTo: number) {
    this.#now = life.born
    const empty = { meta: null, base: null, entries: [], damage: 'none', tree: Tree.empty() } as const
    this.replica = new Replica(life.config, empty, life.born)
    this.replica.take()
    for (const { now, input } of life.inputs.slice(0, upTo)) {
      this.#now = now
      if (input.kind === 'linkUp') this.links.set(input.peer, input.link)
      this.replica.step(now, input)
      this.replica.take()
    }
    // Writes that were under way at that moment complete, in their order.
    const { journal } = this.replica
    for (let ticket = journal.durableTicket + 1; ticket <= journal.ticket; ticket++) {
      this.#ends.push({ kind: 'persisted', ticket })
    }
    this.#promised = journal.meta.acceptedEpoch
  }

  step(input: Input): void {
    this.replica.step(this.#now, input)
    this.#take()
  }

  #take(): void {
    for (const effect of this.replica.take()) {
      this.effects.push(effect)
      if (effect.kind !== 'persist') continue
      this.#ends.push({ kind: 'persisted', ticket: effect.ticket })
      for (const { bytes } of effect.batch.entries ?? []) txnCodec.decodeTxn(bytes)
    }
    this.#check()
  }

  /** Completes the writes. */
  persist(): void {
    for (let input = this.#ends.shift(); input !== undefined; input = this.#ends.shift()) this.step(input)
  }

  pass(ms: number): void {
    this.#now = { ms: this.#now.ms + ms, wallMs: this.#now.wallMs + ms }
    this.step({ kind: 'tick' })
  }

  #check(): void {
    const { replica } = this
    const { journal, tree, committed, stopped } = replica
    must(stopped || tree.zxid <= journal.log.last, 'the tree is ahead of the log')
    must(stopped || committed <= journal.log.last, 'what is committed is not in the log')
    must(journal.meta.acceptedEpoch >= this.#promised, 'a promise is taken back')
    must(journal.meta.currentEpoch <= journal.meta.acceptedEpoch, 'the epoch of the history was never promised')
    this.#promised = journal.meta.acceptedEpoch
  }
}

/** A follower in order: it has everything on its disk at once and says so. */
function obey(subject: Subject, effects: readonly Effect[], link: number): void {
  for (const effect of effects) {
    if (effect.kind !== 'send' || effect.link !== link) continue
    const { message } = effect
    let answer: Message | null = null
    if (message.kind === 'proposal' && message.entries.length > 0) {
      const { join, epoch, entries } = message
      answer = { kind: 'ack', join, epoch, zxid: entries.at(-1)!.zxid, newLeader: false }
    } else if (message.kind === 'ping') {
      answer = { kind: 'pong', join: message.join, seq: message.seq, touches: [] }
    }
    if (answer !== null) subject.step({ kind: 'receive', link, message: answer })
  }
}

/** A leader whom one of two followers tells nonsense still serves its client with the other one. */
function mustServe(subject: Subject, honest: number): void {
  const { replica } = subject
  const link = subject.links.get(honest)
  if (link === undefined || replica.leader?.learners.get(honest)?.counts !== true) return
  const write = { op: 5, path: '/n0', data: Uint8Array.of(9), version: -1 } as const
  subject.step({ kind: 'request', conn: CONN, xid: 999, request: write })
  for (let turn = 0; turn < TURNS; turn++) {
    subject.persist()
    const effects = subject.effects.splice(0)
    if (effects.some((effect) => effect.kind === 'reply' && effect.xid === 999 && effect.outcome.code === 'Ok')) return
    obey(subject, effects, link)
  }
  throw new Error(`the leader does not answer any more: ${replica.role}, ${String(replica.leader?.resigned)}`)
}

function run(input: Uint8Array): string {
  const { lives } = recorded()
  const [which = 0, high = 0, low = 0] = input
  const life = lives[which % lives.length]!
  // Mostly the end of a life: there it serves.
  const upTo = which < 96 ? life.inputs.length : (high * 256 + low) % (life.inputs.length + 1)
  const subject = new Subject(life, upTo)
  const { replica } = subject
  const wasLeading = replica.role === 'leading' && replica.serving
  const peers = [...subject.links.keys()]
  const from = peers[(which >> 2) % Math.max(1, peers.length)]
  const honest = peers.find((peer) => peer !== from)
  if (from === undefined) return 'alone'
  const told: string[] = []
  const before = JSON.stringify(replica.tree.digest())
  for (const frame of framesOf(input.subarray(3))) {
    const into: Message[] = []
    try {
      codec.decode(frame, into)
    } catch (error) {
      if (!isZkError(error, 'BadFrame')) throw error
      told.push('bad')
      break
    }
    for (const message of into) {
      subject.step({ kind: 'receive', link: subject.links.get(from)!, message: own(message, replica) })
      told.push(message.kind)
    }
    subject.persist()
  }
  const isSame = JSON.stringify(replica.tree.digest()) === before
  if (wasLeading && honest !== undefined) mustServe(subject, honest)
  const now = `${replica.role} ${replica.serving}`
  subject.pass(60)
  subject.persist()
  subject.pass(5_000)
  subject.persist()
  const codes = subject.effects.flatMap((effect) => effect.kind === 'fatal' ? [effect.code] : [])
  must(!wasLeading || codes.length === 0, `a leader stopped for good: ${codes.join()}`)
  return `${now} ${isSame} ${codes.join()} ${magnitude(told.length)} ${told.at(-1) ?? ''}`
}

/** What was packed for somebody else, or long ago, is for this association and this epoch; half of the time. */
function own(message: Message, { leader, learner }: Replica): Message {
  if (!('join' in message) || message.join % 2 === 1) return message
  const join = learner?.join ?? [...leader?.learners.values() ?? []].at(-1)?.join ?? message.join
  const epoch = learner?.epoch ?? leader?.epoch ?? 0
  return 'epoch' in message ? { ...message, join, epoch } : { ...message, join }
}

/** Decoded nonsense in the hands of a real replica: looking, leading, following, being synchronized. */
export const replicasTarget: Target = {
  name: 'replicas', about: 'messages of one hostile peer to a replica in any state of its life', slice: 200,
    longest: 4_096,
  prepare: () => {
    recorded()
    return Promise.resolve()
  },
  seeds() {
    const { said } = recorded()
    const head = (which: number): Uint8Array => Uint8Array.of(which, which * 3, which * 41)
    return [
      ...messages.map((message, index) => joined(head(index * 9 % 256), streamOf([codec.encode([message]).slice(4)]))),
      ...Array.from({ length: 40 }, (_, index) =>
        joined(head(index * 6), streamOf(said.slice(index * 5, index * 5 + 6)))),
    ]
  },
  mutate: (input, random, other) => joined(
    random.below(3) === 0 ? Uint8Array.of(random.below(256), random.below(256), random.below(256)) : input.slice(0, 3),
    framesMutated(input.subarray(3), random, other.subarray(3), packedMutated)),
  make: () => ({ run }),
}
