import { Tree } from '../../lib/core/tree/tree.ts'
import { createPeer } from '../../lib/index.ts'
import { LocalTree } from '../../lib/peer/local-tree.ts'
import { memory } from '../../storage/memory.ts'
import { assert, suite } from '../harness.ts'
import { callsOf, create, remove, set, text, World } from '../tree/world.ts'

const test = suite('local tree')

/** Reads enough to have every path of a few noted. */
const OFTEN = 1_000

function often(tree: LocalTree, ...paths: readonly string[]): void {
  for (let i = 0; i < OFTEN; i++) for (const path of paths) tree.get(path)
}

function dataAt(tree: LocalTree, path: string): string | null | undefined {
  const node = tree.get(path)
  return node === undefined ? undefined : text(node.data)
}

function lookUps(act: () => void): number {
  return callsOf(Tree.prototype, 'node', act)
}

test('a few paths that are read often are not looked up again, and show every change', () => {
  const zk = new World()
  const tree = new LocalTree(() => zk.tree)
  const paths = Array.from({ length: 20 }, (_, at) => `/node-${at}`)
  for (const path of paths) zk.ok(create(path))
  const found = lookUps(() => often(tree, ...paths))
  assert.ok(found < paths.length * OFTEN / 10, `${found} look-ups`)
  for (const path of paths) zk.ok(set(path, path))
  assert.is(lookUps(() => {
    for (const path of paths) assert.is(dataAt(tree, path), path)
  }), 0)
  zk.ok(create('/node-7/child'))
  assert.is(tree.stat('/node-7')?.numChildren, 1)
})

test('a node that is gone is not found, nor is another one that has its place', () => {
  const zk = new World()
  const tree = new LocalTree(() => zk.tree)
  zk.ok(create('/old', { data: new Uint8Array([0x6f]) }))
  often(tree, '/old')
  assert.is(lookUps(() => tree.get('/old')), 0)
  zk.ok(remove('/old'))
  assert.is(tree.get('/old'), undefined)
  assert.is(tree.stat('/old'), undefined)
  zk.ok(create('/new', { data: new Uint8Array([0x6e]) }))
  assert.is(tree.get('/old'), undefined)
  assert.is(dataAt(tree, '/new'), 'n')
  zk.ok(remove('/new'))
  zk.ok(create('/old', { data: new Uint8Array([0x61]) }))
  assert.is(dataAt(tree, '/old'), 'a', 'its own place again, and another node')
  often(tree, '/old')
  assert.is(lookUps(() => tree.get('/old')), 0)
})

test('of a path that was missed often, a node that comes is seen', () => {
  const zk = new World()
  const tree = new LocalTree(() => zk.tree)
  often(tree, '/late')
  assert.is(tree.get('/late'), undefined)
  zk.ok(create('/late'))
  assert.is(tree.get('/late')?.stat.czxid, zk.last)
})

test('another tree has its own nodes', () => {
  const [before, after] = [new World(), new World()]
  let { tree: current } = before
  const tree = new LocalTree(() => current)
  before.ok(create('/a'))
  before.ok(set('/a', 'before'))
  after.ok(create('/a'))
  after.ok(set('/a', 'after'))
  often(tree, '/a')
  current = after.tree
  assert.is(dataAt(tree, '/a'), 'after')
})

test('a peer holds no tree for who reads no more: with each change of its role all that was noted goes', async () => {
  const peer = await createPeer({
    id: 1, ensemble: { name: 'held', members: { 1: [] } }, transports: [], storage: memory(),
  })
  const zk = await peer.connect()
  await zk.create('/a')
  often(peer.tree, '/a')
  assert.is(lookUps(() => peer.tree.get('/a')), 0)
  const roles: boolean[] = []
  peer.on('role', ({ serving }) => roles.push(serving))
  await peer.stop()
  assert.equal(roles, [false])
  assert.is(lookUps(() => peer.tree.get('/a')), 1)
})

test('who reads very many paths has nothing noted for a while: a note costs more than it saves him', () => {
  const zk = new World()
  const tree = new LocalTree(() => zk.tree)
  const paths = Array.from({ length: 2_000 }, (_, at) => `/node-${at}`)
  for (const path of paths) zk.ok(create(path))
  for (let i = 0; i < 20; i++) for (const path of paths) tree.get(path)
  assert.is(callsOf(Map.prototype, 'set', () => {
    for (const path of paths) assert.is(tree.stat(path)?.numChildren, 0)
  }), 0)
})

test('the bytes are a copy unless they are asked for as they are', () => {
  const zk = new World()
  const tree = new LocalTree(() => zk.tree)
  zk.ok(create('/a'))
  assert.is(tree.get('/a')?.data, null)
  zk.ok(set('/a', 'x'))
  tree.get('/a')!.data![0] = 0
  tree.get('/a', {})!.data![0] = 0
  assert.is(dataAt(tree, '/a'), 'x')
  assert.is(tree.get('/a', { copy: false })!.data!.buffer, tree.get('/a', { copy: false })!.data!.buffer)
})

test.run()
