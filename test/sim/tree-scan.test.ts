/** A.3 and D7: what is wrong with a tree, or with a snapshot of it, is seen; also where no digest tells of it. */
import { assert, suite } from '../harness.ts'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import { Int } from '../../lib/core/tree/node-pages.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { SessionRecord, Tree } from '../../lib/core/tree/tree.ts'
import { NodeKind } from '../../lib/core/tree/txn.ts'
import type { NodeKindNumber, SnapshotRow, TxnCodec } from '../../lib/core/tree/txn.ts'
import { Row } from '../../lib/core/tree/view.ts'
import type { Znode } from '../../lib/core/tree/znode.ts'
import { drawPlan } from '../../lib/testing/sim/plan.ts'
import { checkRows, scanTree } from '../../lib/testing/sim/tree-scan.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { NOTHING_LARGE } from '../../lib/testing/sim/workload.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: whole trees')
const MS = 5_000

function newWorld(codec: TxnCodec = makeTxnCodec()): SimWorld {
  const { world } = drawPlan(1)
  return new SimWorld({
    ...world, seed: 7, voters: 3, observers: 0, drift: 0, diskMs: 1, priorities: null, spoils: null,
    limits: { ...DEFAULT_LIMITS, snapshotTxns: 100, syncChunkBytes: 2_000 },
    network: { latencyMs: 1, tailMs: 1, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity },
    clientPlan: {
      ...world.clientPlan, opsPerSecond: 100,
      workload: { tops: 12, depth: 1, bytes: 4, multi: 4, syncs: 3, lists: false, large: NOTHING_LARGE },
    },
  }, codec)
}

const KINDS = [NodeKind.persistent, NodeKind.ephemeral, NodeKind.container]

/** A world that ran without any fault until it had nodes of these kinds. */
function grown(): SimWorld {
  const world = newWorld()
  do world.events.runUntil(world.events.nowMs + MS)
  while (KINDS.some((kind) => find(treeOf(world), kind) === null))
  return world
}

function treeOf(world: SimWorld): Tree {
  return world.leader!.tree
}

function find(tree: Tree, kind: NodeKindNumber): Znode | null {
  const open = [tree.node('/')!]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.nodeKind === kind && node.path.startsWith('/n')) return node
    open.push(...node.children())
  }
  return null
}

function some(tree: Tree, kind: NodeKindNumber): Znode {
  const node = find(tree, kind)
  assert.ok(node)
  return node!
}

function isSeen(check: string, what: RegExp, run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    assert.is(error.check, check, error.message)
    assert.match(error.message, what)
    return
  }
  assert.unreachable(`${check} was not seen`)
}

/** What a tree may come to without that any digest changes, or with. */
const SPOILT: Readonly<Record<string, readonly [what: RegExp, spoil: (tree: Tree) => void]>> = {
  'the index of a session misses an ephemeral': [/is missing among those of/, (tree) => {
    const { owner, path } = some(tree, NodeKind.ephemeral)
    ;(tree.ephemeralsOf(owner) as Set<string>).delete(path)
  }],
  'the index of a session names a node that it does not own': [/sessions own/, (tree) => {
    const { owner } = some(tree, NodeKind.ephemeral)
    ;(tree.ephemeralsOf(owner) as Set<string>).add(some(tree, NodeKind.persistent).path)
  }],
  'an ephemeral outlives its session': [/which is no session/, (tree) => {
    (tree.sessions as Map<SessionId, SessionRecord>).delete(some(tree, NodeKind.ephemeral).owner)
  }],
  'a session is left over': [/is not open/, (tree) => {
    const record = { timeoutMs: 1, password: new Uint8Array(16) }
    ;(tree.sessions as Map<SessionId, SessionRecord>).set('0x1' as SessionId, record)
  }],
  'the children are not those that are counted': [/counts \d+/, (tree) => {
    const { pages, id, childCount } = some(tree, NodeKind.persistent)
    pages.setInt(id, Int.children, childCount + 1)
  }],
  'a node hangs nowhere': [/children, counts|have a parent/, (tree) => {
    tree.node('/')!.removeChild(some(tree, NodeKind.ephemeral))
  }],
  'an ephemeral has a child': [/children, counts/, (tree) => {
    const child = some(tree, NodeKind.persistent)
    tree.node('/')!.removeChild(child)
    some(tree, NodeKind.ephemeral).addChild(child)
  }],
  'a container is never looked at': [/is never reaped/, (tree) => {
    tree.reapable.delete(some(tree, NodeKind.container))
  }],
  'one that is no container is looked at': [/listed for it/, (tree) => {
    tree.reapable.add(some(tree, NodeKind.persistent))
  }],
  'a counter is wrong': [/has creates/, (tree) => { some(tree, NodeKind.persistent).creates++ }],
  'data are altered in place': [/has other data/, (tree) => {
    const node = some(tree, NodeKind.persistent)
    node.data()!.fill(0xee)
  }],
  'permissions are others': [/access-control list/, (tree) => { some(tree, NodeKind.persistent).acl = [] }],
}

for (const [name, [what, spoil]] of Object.entries(SPOILT)) {
  test(`A.3: ${name}`, () => {
    const world = grown()
    const { reference } = world.ghost
    scanTree(1, treeOf(world), reference)
    spoil(treeOf(world))
    isSeen('A3', what, () => { scanTree(1, treeOf(world), reference) })
  })
}

test('storms look at whole trees: from time to time, and at a crash', () => {
  const world = grown()
  treeOf(world).reapable.delete(some(treeOf(world), NodeKind.container))
  const { steps } = world.events
  isSeen('A3', /is never reaped/, () => { world.events.runUntil(60_000) })
  assert.ok(world.events.steps - steps < 10_000)
  const other = grown()
  treeOf(other).reapable.delete(some(treeOf(other), NodeKind.container))
  isSeen('A3', /is never reaped/, () => { other.crash(other.leader!.config.peerId) })
})

function rowsOf(tree: Tree): SnapshotRow[] {
  const view = tree.freeze()
  const rows: SnapshotRow[] = []
  for (let next = view.next(1_000); next !== null; next = view.next(1_000)) rows.push(...next)
  view.close()
  return rows
}

/** What a snapshot may have too much, too little or wrong. */
const WRONG: Readonly<Record<string, readonly [what: RegExp, spoil: (rows: SnapshotRow[]) => SnapshotRow[]]>> = {
  'a node is missing': [/nodes, due were|no parent/, (rows) => rows.toSpliced(rows.findLastIndex(isNode), 1)],
  'a node is there twice': [/is there twice/, (rows) => [...rows, rows.find(isNode)!]],
  'a node of later': [/must not be/, (rows) => [...rows, rows.find(isNode)!.with(1, '/later')]],
  'a counter of later': [/has creates/, (rows) => {
    const at = rows.findIndex(isNode)
    return rows.with(at, rows[at]!.with(14, (rows[at]![14] as number) + 1))
  }],
  'a session is missing': [/sessions, due were/, (rows) => rows.toSpliced(rows.findIndex(isSession), 1)],
  'a session with another timeout': [/is another/, (rows) => {
    const at = rows.findIndex(isSession)
    return rows.with(at, rows[at]!.with(2, 1))
  }],
  'no head': [/0 heads/, (rows) => rows.filter(([kind]) => kind !== Row.head)],
  'a head of another zxid': [/a row of kind 0/, (rows) => rows.with(0, rows[0]!.with(1, 1))],
}

function isNode([kind, path]: SnapshotRow): boolean {
  return kind === Row.node && (path as string).startsWith('/n')
}

function isSession([kind]: SnapshotRow): boolean {
  return kind === Row.session
}

for (const [name, [what, spoil]] of Object.entries(WRONG)) {
  test(`D7: ${name}`, () => {
    const world = grown()
    const tree = treeOf(world)
    const check = (rows: SnapshotRow[]): void => {
      checkRows(rows, tree.zxid, tree, world.ghost.reference)
    }
    check(rowsOf(tree))
    isSeen('D7', what, () => { check(spoil(rowsOf(tree))) })
  })
}

test('D7: a snapshot that is never read again, of a server of its own, is checked', () => {
  const codec = makeTxnCodec()
  const forgets: TxnCodec = { ...codec, encodeRows: (rows) => codec.encodeRows(rows.filter((row) => !isSession(row))) }
  isSeen('D7', /0 sessions, due were/, () => { newWorld(forgets).events.runUntil(60_000) })
})

test.run()
