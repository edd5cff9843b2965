/** A.3: what requests are checked against is the tree with every outstanding txn applied, also after a failed multi. */
import { makeRandom } from '../../lib/core/random.ts'
import { BUILT_IN } from '../../lib/core/tree/path.ts'
import { Mode } from '../../lib/core/tree/request.ts'
import type { MultiOp } from '../../lib/core/tree/request.ts'
import { Tree } from '../../lib/core/tree/tree.ts'
import { NodeKind } from '../../lib/core/tree/txn.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'
import { Traffic } from './traffic.ts'
import { create, remove, ROOT, set, World } from './world.ts'

const test = suite('outstanding txns, replayed')

const ABSENT: MultiOp = { op: 13, path: '/absent', version: -1 }
const NEVER = makeZxid(1, 2 ** 31)

/** How the operations fare one after the other. Nothing comes of them: the last one fails. */
function attempt(zk: World, ops: readonly MultiOp[]): readonly string[] {
  const body = zk.preparer.prepare(NEVER, { op: 14, ops: [...ops, ABSENT] }, ROOT)
  if (body.kind !== 'multiError') throw new Error(`a multi that must fail came to ${body.kind}`)
  return body.codes
}

/** Deletions of a subtree, the top last. */
function deletions(tree: Tree, path: string): MultiOp[] {
  const below = (tree.children(path) ?? []).flatMap((name) => deletions(tree, `${path}/${name}`))
  return [...below, remove(path)]
}

/** Where the leader's view differs from the replay at one path; null where it does not. */
function differs(zk: World, replay: Tree, path: string): string | null {
  const node = replay.node(path)
  const [code] = attempt(zk, [{ op: 13, path, version: node?.version ?? -1 }])
  if (node === undefined) return code === 'NoNode' ? null : `${path} is there`
  if (code !== 'Ok') return `${path} of version ${node.version}: ${code}`
  const suffix = String(node.creates).padStart(10, '0')
  const child = attempt(zk, [create(`${path}/s-`, { flags: Mode.persistentSequential }), remove(`${path}/s-${suffix}`)])
  const due = node.nodeKind === NodeKind.ephemeral ? 'NoChildrenForEphemerals,' : 'Ok,Ok'
  if (!child.join().startsWith(due)) return `${path} with ${node.creates} creations: ${child.join()}`
  const all = deletions(replay, path)
  const gone = attempt(zk, all)
  if (gone[all.length - 1] !== 'Ok') return `${path} and what is below it: ${gone.join()}`
  const children = replay.children(path)!
  if (children.length === 0) return null
  const kept = new Set(deletions(replay, `${path}/${children[0]!}`).map((op) => 'path' in op ? op.path : ''))
  const some = all.filter((op) => !kept.has('path' in op ? op.path : ''))
  const held = attempt(zk, some)
  return held[some.length - 1] === 'NotEmpty' ? null : `${path} without all but one of its children: ${held.join()}`
}

/** Random requests with up to some dozens outstanding: the first difference, or null. */
function compare(seed: number): string | null {
  const zk = new World({ multiOperations: 1_000 })
  const random = makeRandom(seed)
  const traffic = new Traffic(zk, random, 3)
  const replay = Tree.empty()
  const paths = ['', '/n0', '/n1', '/n2'].flatMap((top) =>
    ['/n0', '/n1', '/n2'].flatMap((middle) => [`${top}${middle}`, `${top}${middle}/n0`]))
  for (let i = 0; i < 300; i++) {
    const before = zk.outstanding.length
    traffic.propose()
    for (const { zxid, txn } of zk.outstanding.slice(before)) {
      replay.apply(zxid, txn, null, false)
    }
    while (zk.outstanding.length > 40 || (zk.outstanding.length > 0 && random.below(3) === 0)) zk.applyOne()
    for (const session of traffic.sessions) if (!zk.preparer.hasSession(session)) return `${session} is not open`
    const path = paths[random.below(paths.length)]!
    const what = BUILT_IN.includes(path) ? null : differs(zk, replay, path)
    if (what !== null) return what
  }
  return null
}

test('the view of the leader is the replay of what is outstanding over the tree', () => {
  for (let seed = 1; seed <= 60; seed++) assert.is(compare(seed), null, `seed ${seed}`)
})

test('a replay without one of the txns is another', () => {
  const zk = new World({ multiOperations: 1_000 })
  const replay = Tree.empty()
  const keep = (): void => {
    const { zxid, txn } = zk.outstanding.at(-1)!
    replay.apply(zxid, txn, null, false)
  }
  zk.propose(create('/a'))
  keep()
  zk.propose(create('/a/b'))
  keep()
  zk.propose({ op: 14, ops: [set('/a'), create('/a/c'), remove('/a/b'), ABSENT] })
  assert.is(differs(zk, replay, '/a'), null, 'nothing is left of a multi that failed')
  zk.propose(create('/a/c'))
  assert.match(differs(zk, replay, '/a') ?? '', /with 1 creations/)
  keep()
  assert.is(differs(zk, replay, '/a'), null)
  zk.propose(set('/a'))
  assert.match(differs(zk, replay, '/a') ?? '', /of version 0: BadVersion/)
  keep()
  zk.propose(remove('/a/c'))
  assert.match(differs(zk, replay, '/a') ?? '', /NoNode/)
  keep()
  assert.is(differs(zk, replay, '/a/c'), null)
})

test.run()
