import { makeRandom } from '../../lib/core/random.ts'
import { CONFIG_PATH, parentOf } from '../../lib/core/tree/path.ts'
import { countSubtree } from '../../lib/core/tree/subtree-count.ts'
import { Tree, treeParts } from '../../lib/core/tree/tree.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { Znode } from '../../lib/core/tree/znode.ts'
import { assert, suite } from '../harness.ts'
import { bytes, create, remove, World, world } from './world.ts'

const test = suite('count of a subtree')

test('both ways come to what the paths say', () => {
  const parts = treeParts()
  const { pages, index } = parts
  const tree = new Tree(parts)
  tree.adopt(Znode.create(pages, '/', world(31), 0, NO_SESSION, 0), '/')
  const zk = new World({}, tree)
  const random = makeRandom(9)
  const held = new Map<string, number>([['/', 0]])
  for (let step = 0; step < 3_000; step++) {
    const all = [...held.keys()]
    const path = all[random.below(all.length)]!
    if (random.below(4) === 0) {
      const isLeaf = path !== '/' && !all.some((other) => other.startsWith(`${path}/`))
      if (!isLeaf) continue
      zk.ok(remove(path))
      held.delete(path)
      continue
    }
    // Names that begin like others.
    const child = `${path === '/' ? '' : path}/${['a', 'ab', 'abc', 'ü', '名', '名前'][random.below(6)]}`
    if (held.has(child)) continue
    const size = random.below(3) * 10
    zk.ok(create(child, { data: bytes('x'.repeat(size)) }))
    held.set(child, size)
  }
  assert.ok(held.size > 500, `${held.size} nodes`)
  for (const top of held.keys()) {
    const below = [...held].filter(([path]) => path === top || path.startsWith(top === '/' ? '/' : `${top}/`))
    const expected = { count: below.length, bytes: below.reduce((sum, [, size]) => sum + size, 0) }
    for (const walked of [Infinity, 0, below.length, below.length - 1]) {
      assert.equal(countSubtree(pages, index.find(top), walked), expected, `${top}, ${walked} walked`)
    }
  }
})

test('both ways leave out the text that is each replica\'s own', () => {
  const parts = treeParts()
  const { pages, index } = parts
  const tree = new Tree(parts)
  for (const path of ['/', '/zookeeper', CONFIG_PATH]) {
    const node = Znode.create(pages, path, world(31), 0, NO_SESSION, 0)
    if (path === CONFIG_PATH) node.version = -1
    index.get(parentOf(path))?.addChild(node)
    tree.adopt(node, path)
  }
  tree.setConfig(bytes('a text'))
  assert.is(tree.stat(CONFIG_PATH)?.dataLength, 6)
  for (const [count, top] of [[3, '/'], [2, '/zookeeper'], [1, CONFIG_PATH]] as const) {
    for (const walked of [Infinity, 0]) {
      assert.equal(countSubtree(pages, index.find(top), walked), { count, bytes: 0 })
    }
  }
})

test.run()
