/**
 * The same requests, one after the other, of one voter and of an ensemble of three whose leader changes and whose
 * followers restart in between: the same answers, and in the end the same tree. What zxids and sessions are called is
 * each one's own, which of them are equal is not.
 */
import { assert, suite } from '../harness.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { CONFIG_PATH } from '../../lib/core/tree/path.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { Script } from '../../lib/testing/sim/script.ts'
import { NOTHING_LARGE, Workload } from '../../lib/testing/sim/workload.ts'
import type { WorkloadPlan } from '../../lib/testing/sim/workload.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { TINY } from './scenarios/scenario.ts'

const test = suite('sim: one voter and three')
const codec = makeTxnCodec()

const SEEDS = 12
const REQUESTS = 300
const CLIENTS = 3
const PEERS = [1, 2, 3] as const
const PLAN: WorkloadPlan = { tops: 4, depth: 2, bytes: 100, multi: 5, syncs: 4, lists: true, large: NOTHING_LARGE }
/** Of so many requests one is the last of its session. */
const CLOSE_EVERY = 30
/** Between two requests one time in so many something happens to the ensemble. */
const DISTURB_EVERY = 6
/** After so many requests there is time for the leader to reap all that is due, and what that makes due. */
const REAP_EVERY = 150
const REAP_FOR_MS = 360_000
/** A leader reaps first after so long: what is due goes when both have time for it, and not before. */
const REAP_AFTER_MS = 60_000
/** What has not been answered by then never is. */
const PATIENCE_MS = 5_000

type Step = { readonly client: number, readonly request: Request } | 'reap'

/** What is asked, in its order. A connection's watches end with its peer, and who removes them is told so: left out. */
function stepsOf(seed: number): Step[] {
  const random = makeRandom(seed)
  const workloads = Array.from({ length: CLIENTS }, (_, client) =>
    new Workload(makeRandom(seed * 100 + client), client + 1, PLAN, makeRandom(seed * 100 + 50 + client)))
  const steps: Step[] = []
  for (let asked = 0; asked < REQUESTS;) {
    const client = random.below(CLIENTS)
    const request: Request = random.below(CLOSE_EVERY) === 0 ? { op: -11 } : workloads[client]!.next()
    if (request.op === 18) continue
    steps.push({ client, request })
    if (++asked % REAP_EVERY === 0) steps.push('reap')
  }
  return steps
}

/** Each one's own names, and the order of children, which no client may rely on, are taken out of what it says. */
class Names {
  readonly #names = new Map<unknown, string>()

  /** In the order in which they appear. */
  #of(value: unknown): string {
    if (value === ZXID_ZERO || value === NO_SESSION) return 'none'
    const name = this.#names.get(value) ?? `#${this.#names.size}`
    this.#names.set(value, name)
    return name
  }

  plain(value: unknown, field = ''): unknown {
    switch (field) {
      case 'czxid': case 'mzxid': case 'pzxid': case 'ephemeralOwner': return this.#of(value)
      case 'ctime': case 'mtime': return undefined
      case 'children': case 'paths': return Array.from(value as readonly string[]).sort()
    }
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
    if (Array.isArray(value)) return value.map((one) => this.plain(one))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.plain(one, name)]))
  }
}

interface Client {
  peer: number
  conn: number
  /** The connection that the session began with. */
  from: number
  seen: Zxid
}

/** Whoever is asked: one voter, or an ensemble. */
class Asked {
  readonly script: Script
  readonly answers: string[] = []
  readonly codes = new Set<string>()
  readonly messages = new Set<string>()
  readonly #names = new Names()
  readonly #clients: Client[] = []
  #lastConn = 0
  #reapedMs: number

  constructor(script: Script, ids: readonly number[]) {
    this.script = script
    script.tap = (_from, _to, message) => {
      this.messages.add(message.kind)
      return [message]
    }
    script.up(...ids)
    script.serve(...ids)
    this.#reapedMs = script.ms
    for (let client = 0; client < CLIENTS; client++) this.#connect(client, 1 + client % ids.length)
  }

  take(step: Step): void {
    if (step === 'reap') this.#reap()
    else this.#ask(step.client, step.request)
  }

  #ask(at: number, request: Request): void {
    const client = this.#clients[at]!
    const { script } = this
    const before = script.replies.length
    script.request(client.peer, client.conn, request)
    this.#await(() => script.replies.length > before, () => `an answer to ${JSON.stringify(request)}`)
    const [reply, ...others] = script.replies.slice(before)
    assert.equal([reply?.conn, others], [client.conn, []])
    client.seen = reply!.zxid
    this.codes.add(reply!.code)
    const [asked, told] = [request, reply!.result].map((one) => JSON.stringify(this.#names.plain(one)))
    this.answers.push(`${this.answers.length}: client ${at} ${asked}: ${reply!.code} ${told}`)
    if (request.op === -11) this.#connect(at, client.peer)
  }

  /** A new session. */
  #connect(at: number, peer: number): void {
    const conn = ++this.#lastConn
    this.script.connect(peer, conn)
    this.#await(() => this.script.connected.has(conn), () => `a session at ${peer}`)
    this.#clients[at] = { peer, conn, from: conn, seen: ZXID_ZERO }
  }

  /** Every session goes to one of these. */
  scatter(random: Random, ids: readonly number[]): void {
    for (const client of this.#clients) {
      client.peer = ids[random.below(ids.length)]!
      client.conn = ++this.#lastConn
      this.script.resume(client.peer, client.conn, client.from, client.seen)
      this.#await(() => this.script.connected.has(client.conn), () => `session ${client.from} at ${client.peer}`)
    }
  }

  #reap(): void {
    const { script } = this
    assert.ok(script.ms - this.#reapedMs < REAP_AFTER_MS, `${script.ms - this.#reapedMs} ms: a leader may have reaped`)
    script.pass(REAP_FOR_MS)
    this.#reapedMs = script.ms
  }

  #await(isDone: () => boolean, what: () => string): void {
    const endMs = this.script.ms + PATIENCE_MS
    while (!isDone() && this.script.ms < endMs) this.script.pass(10)
    assert.ok(isDone(), `no ${what()}`)
  }

  /** Writes that the other one is not asked for. */
  spoil(): void {
    const { peer, conn } = this.#clients[0]!
    this.script.request(peer, conn, { op: 1, path: '/spoilt', data: null, acl: OPEN_ACL, flags: 0, ttlMs: -1 })
    for (let top = 0; top < PLAN.tops; top++) {
      this.script.request(peer, conn, { op: 5, path: `/n${top}`, data: Uint8Array.of(0), version: -1 })
    }
  }

  /** The tree of one peer, node by node. */
  tree(id: number): string[] {
    const { tree } = this.script.replica(id)
    const lines = [`${tree.sessions.size} sessions`]
    const open = ['/']
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      const node = tree.node(path)!
      const { nodeKind, ttlMs, creates, acl } = node
      // What the configuration says is each peer's own until a txn writes it.
      const content = path === CONFIG_PATH ? { dataLength: 0 } : { data: node.data() }
      const told = this.#names.plain({ ...node.stat(), nodeKind, ttlMs, creates, acl, ...content })
      lines.push(`${path} ${JSON.stringify(told)}`)
      const above = path === '/' ? '' : path
      for (const name of node.childNames().sort()) open.push(`${above}/${name}`)
    }
    return lines
  }
}

/** Three voters to whom something happens, all of which is over before they are asked again. */
class Troubles {
  /** How often another one came to lead, or the same one again. */
  elections = 0
  readonly #asked: Asked
  readonly #random: Random
  #away = 0

  constructor(asked: Asked, random: Random) {
    this.#asked = asked
    this.#random = random
  }

  next(): void {
    const { script } = this.#asked
    const { leader } = script
    const follower = this.#follower()
    this.return()
    switch (this.#random.below(6)) {
      case 0: case 1:
        script.crash(leader)
        this.#elect(leader)
        script.up(leader)
        break
      case 2:
        script.isolate(leader)
        this.#elect(leader)
        script.heal()
        break
      case 3:
        script.crash(follower)
        script.up(follower)
        break
      case 4:
        // The others go on without it.
        script.serve(...PEERS)
        script.crash(follower)
        this.#away = follower
        break
      default:
        script.crash(...PEERS)
        script.up(...PEERS)
        this.elections++
    }
    const there = PEERS.filter((id) => id !== this.#away)
    script.serve(...there)
    this.#asked.scatter(this.#random, there)
  }

  /** Who stayed away comes back. */
  return(): void {
    if (this.#away !== 0) this.#asked.script.up(this.#away)
    this.#away = 0
  }

  #follower(): number {
    const { leader } = this.#asked.script
    const followers = PEERS.filter((id) => id !== leader && id !== this.#away)
    return followers[this.#random.below(followers.length)]!
  }

  #elect(before: number): void {
    const { script } = this.#asked
    const endMs = script.ms + PATIENCE_MS
    while ((script.leader === 0 || script.leader === before) && script.ms < endMs) script.pass(20)
    assert.not([0, before].includes(script.leader), `nobody leads instead of ${before}`)
    this.elections++
  }
}

/** What all seeds have come to. */
const reached = { codes: new Set<string>(), messages: new Set<string>(), elections: 0, nodes: 0 }

/** Where the two differ first; null where they do not. `spoiltAt`: the ensemble gets a write more. */
function difference(seed: number, spoiltAt = Infinity): string | null {
  const single = new Asked(new Script(codec, { voters: 1 }), [1])
  const limits = seed % 2 === 0 ? TINY : {}
  const ensemble = new Asked(new Script(codec, { voters: PEERS.length, limits }), PEERS)
  const random = makeRandom(seed ^ 0x51e7)
  const troubles = new Troubles(ensemble, random)
  for (const [index, step] of stepsOf(seed).entries()) {
    single.take(step)
    if (index === spoiltAt) ensemble.spoil()
    if (random.below(DISTURB_EVERY) === 0) troubles.next()
    ensemble.take(step)
    const [one, other] = [single.answers.at(-1), ensemble.answers.at(-1)]
    if (one !== other) return `one voter: ${one}\nthree: ${other}`
  }
  const due = single.tree(1)
  troubles.return()
  ensemble.script.serve(...PEERS)
  for (const id of PEERS) {
    const lines = ensemble.tree(id)
    const at = due.findIndex((line, index) => line !== lines[index])
    if (at >= 0 || lines.length !== due.length) return `one voter: ${due[at]}\npeer ${id}: ${lines[at]}`
  }
  for (const code of ensemble.codes) reached.codes.add(code)
  for (const message of ensemble.messages) reached.messages.add(message)
  reached.elections += troubles.elections
  reached.nodes += due.length
  return null
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}`, () => {
    const found = difference(seed)
    assert.is(found, null, found ?? '')
  }, { timeoutMs: 60_000 })
}

test('they have come to what they are about', () => {
  for (const code of ['Ok', 'NoNode', 'NodeExists', 'NotEmpty', 'BadVersion', 'NoAuth', 'NoChildrenForEphemerals']) {
    assert.ok(reached.codes.has(code), `${code}: ${[...reached.codes].join()}`)
  }
  for (const kind of ['diff', 'snap', 'forward']) assert.ok(reached.messages.has(kind), kind)
  assert.ok(reached.elections > 10 * SEEDS, `${reached.elections} elections`)
  assert.ok(reached.nodes > 8 * SEEDS, `${reached.nodes} nodes`)
})

test('a write more is seen in the answers, and in the tree where nobody asks', () => {
  assert.match(difference(1, REQUESTS / 2) ?? '', /^one voter: \d+: /)
  assert.match(difference(1, stepsOf(1).length - 1) ?? '', /^one voter: /)
}, { timeoutMs: 60_000 })

test.run()
