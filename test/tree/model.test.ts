import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import type { Acl, Identity, MultiOp, Outcome, Requester, WriteRequest } from '../../lib/core/tree/request.ts'
import { NodeKind } from '../../lib/core/tree/txn.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { assert, suite } from '../harness.ts'
import { Model } from './model.ts'
import { as, bytes, World } from './world.ts'

const test = suite('tree against a model')

const BOB: Identity = { scheme: 'digest', id: 'bob:h' }
const EVE: Identity = { scheme: 'digest', id: 'eve:h' }
const IDENTITIES: readonly (readonly Identity[])[] = [[], [BOB], [EVE, BOB], [{ scheme: 'super', id: '' }], [], []]
const ODD_PATHS = ['/', '', 'a', '/a/', '//', '/a//b', '/.', '/..', '/a\0', '/\u0001', '/zookeeper',
  '/zookeeper/config', '/zookeeper/x',
  '/none/x', '/zookeeper/quota', '/a/\ud83d\ude00']

const TTLS_MS = [1, 9, 2 ** 40 - 1, 1, 9, 5, 0, 2 ** 40]

class Script {
  readonly #below: (bound: number) => number
  readonly #sessions: readonly SessionId[]

  constructor(random: Random, sessions: readonly SessionId[]) {
    this.#below = (bound) => random.below(bound)
    this.#sessions = sessions
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!
  }

  path(): string {
    if (this.#below(14) === 0) return this.pick(ODD_PATHS)
    let path = ''
    for (let depth = this.pick([1, 1, 2, 2, 3]); depth > 0; depth--) path += `/${this.pick(['a', 'b', 'c', 'd', 'e'])}`
    return path
  }

  acl(): readonly Acl[] | null {
    if (this.#below(4) > 0) return [{ perms: 31, scheme: 'world', id: 'anyone' }]
    if (this.#below(12) === 0) return this.pick([null, [], [{ perms: 1, scheme: 'world', id: 'x' }],
      [{ perms: 1, scheme: 'none', id: 'x' }]])
    const one = (): Acl => this.pick([
      { perms: this.#below(32), scheme: 'world', id: 'anyone' }, { perms: this.#below(32), scheme: 'auth', id: '' },
      { perms: 31, ...BOB }, { perms: this.#below(32), ...EVE }, { perms: 31, scheme: 'world', id: 'anyone' },
    ])
    return Array.from({ length: 1 + this.#below(3) }, one)
  }

  version(): number {
    return this.pick([-1, -1, -1, 0, 1, 2, -2])
  }

  data(): Uint8Array | null {
    return this.#below(8) === 0 ? null : bytes('d'.repeat(this.#below(40)))
  }

  operation(): MultiOp {
    const path = this.path()
    const kind = this.#below(10)
    if (kind < 2) return { op: 2, path, version: this.version() }
    if (kind < 4) return { op: 5, path, data: this.data(), version: this.version() }
    if (kind < 5) return { op: 13, path, version: this.version() }
    const op = this.pick([1, 1, 1, 15, 15, 19, 21] as const)
    const flags = this.#below(40) === 0 ? this.pick([-1, 7, 99]) : op === 21 ? this.pick([5, 6, 5, 6, 0, 2])
      : op === 19 ? this.pick([4, 4, 0]) : this.pick([0, 0, 0, 1, 1, 2, 3, 4, 0, 5])
    const ttlMs = op !== 21 ? -1 : flags < 5 ? this.pick([-1, -1, 0, 7]) : this.pick(TTLS_MS)
    return { op, path, data: this.data(), acl: this.acl(), flags, ttlMs }
  }

  request(): WriteRequest {
    const kind = this.#below(12)
    if (kind === 0) return { op: 14, ops: Array.from({ length: this.#below(6) }, () => this.operation()) }
    if (kind === 1) return { op: 7, path: this.path(), acl: this.acl(), version: this.version() }
    const one = this.operation()
    return one.op === 13 ? this.request() : one
  }

  requester(): Requester {
    return as(this.pick(IDENTITIES), this.pick(this.#sessions))
  }
}

function compare(zk: World, model: Model, why: string): void {
  const { tree } = zk
  assert.is(tree.nodeCount, model.nodes.size, why)
  for (const [path, expected] of model.nodes) {
    const node = tree.node(path)
    if (node === undefined) throw new Error(`${why}: ${path} is missing`)
    const stored = [node.nodeKind, node.ttlMs, node.creates, node.acl.map((entry) => ({ ...entry })), node.data()]
    assert.equal(stored, [NodeKind[expected.kind], expected.ttlMs, expected.made, expected.acl, expected.data],
      `${why} ${path}`)
    assert.equal(tree.stat(path), model.stat(path), `${why} ${path}`)
    assert.equal(tree.children(path)!.sort(), model.children(path), `${why} ${path}`)
  }
  for (const session of model.sessions) {
    assert.equal([...tree.ephemeralsOf(session as SessionId)].sort(), model.ephemerals(session))
  }
}

/** How often each code came up, so that a run cannot pass by refusing everything. */
type Tally = Map<string, number>

function run(seed: number, count: number, tally: Tally): void {
  const random = makeRandom(seed)
  const zk = new World({ sessionEphemerals: 6 })
  const model = new Model(6)
  const sessions = ['0xdead' as SessionId]
  const script = new Script(random, sessions)
  const expected: (Outcome | null)[] = []
  const settle = (): void => {
    const want = expected.shift()!
    const got = zk.applyOne()
    if (want === null) return
    assert.equal(got, want)
    tally.set(got.code, (tally.get(got.code) ?? 0) + 1)
  }
  for (let step = 0; step < count; step++) {
    const turn = random.below(60)
    if (turn === 0 && sessions.length < 6) {
      const session = zk.proposeOpen()
      sessions.push(session)
      model.open(session)
      expected.push(null)
    } else if (turn === 1 && sessions.length > 2) {
      const [session] = sessions.splice(1 + random.below(sessions.length - 1), 1)
      zk.proposeClose(session!)
      model.close(session!, zk.last)
      expected.push(null)
    } else {
      const [request, requester] = [script.request(), script.requester()]
      zk.propose(request, requester)
      expected.push(model.write(zk.last, zk.timeMs, request, requester))
    }
    // Sometimes everything is applied at once, sometimes a long queue builds up.
    for (let most = random.below(4); most > 0 && expected.length > (step % 2_000 < 1_000 ? 0 : 60); most--) settle()
    if (step % 250 !== 0) continue
    while (expected.length > 0) settle()
    compare(zk, model, `seed ${seed} step ${step}`)
  }
  while (expected.length > 0) settle()
  compare(zk, model, `seed ${seed} at the end`)
}

test('20,000 random requests come to the same', () => {
  const tally: Tally = new Map()
  for (const seed of [101, 102, 103, 104, 105]) run(seed, 4_000, tally)
  const codes = ['BadArguments', 'BadVersion', 'InvalidAcl', 'MarshallingError', 'NoAuth', 'NoChildrenForEphemerals',
    'NoNode', 'NodeExists',
    'NotEmpty', 'Ok', 'QuotaExceeded', 'SessionExpired']
  assert.equal([...tally.keys()].sort(), codes)
  for (const [code, count] of tally) assert.ok(count > 20, `${code} only ${count} times`)
}, { timeoutMs: 60_000 })

test.run()
