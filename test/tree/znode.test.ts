import { makeRandom } from '../../lib/core/random.ts'
import { childOf } from '../../lib/core/tree/path.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { NodePages } from '../../lib/core/tree/node-pages.ts'
import { Znode } from '../../lib/core/tree/znode.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'

const test = suite('znode')

function make(pages: NodePages, path: string): Znode {
  return Znode.create(pages, path, OPEN_ACL, 0, NO_SESSION, 0)
}

test('children come and go in any order, and are listed in the order of their creation', () => {
  const pages = new NodePages()
  for (const path of ['/', '/parent']) {
    const random = makeRandom(11)
    const parent = make(pages, path)
    const expected = new Map<string, Znode>()
    for (let step = 0; step < 3_000; step++) {
      // First it grows, then it shrinks to nothing, over and over.
      const isGrowing = step % 300 < 150
      if (random.below(10) < (isGrowing ? 8 : 1)) {
        const name = `n${step}`
        const child = make(pages, childOf(path, name))
        parent.addChild(child)
        expected.set(name, child)
      } else {
        const names = [...expected.keys()]
        const name = names[[0, names.length - 1, random.below(Math.max(1, names.length))][random.below(3)]!]
        if (name === undefined) continue
        parent.removeChild(expected.get(name)!)
        expected.get(name)!.release()
        expected.delete(name)
      }
      assert.is(parent.childCount, expected.size)
      assert.equal(parent.childNames(), [...expected.keys()])
    }
    assert.equal([...parent.children()].map((child) => child.path), [...expected.values()].map((child) => child.path))
    for (const child of parent.children()) assert.equal(child.childNames(), [])
  }
})

test('a node that was removed and comes again is the last', () => {
  const pages = new NodePages()
  const parent = make(pages, '/')
  const [a, b] = ['/a', '/b'].map((path) => make(pages, path))
  parent.addChild(a!)
  parent.addChild(b!)
  parent.removeChild(a!)
  parent.addChild(a!)
  assert.equal(parent.childNames(), ['b', 'a'])
  parent.removeChild(a!)
  parent.removeChild(b!)
  assert.equal(parent.childNames(), [])
  assert.is(parent.childCount, 0)
})

test('a node keeps what it has, and what is held of it, as the first page grows and others follow', () => {
  const pages = new NodePages()
  const nodes = Array.from({ length: 20_000 }, (_, i) => {
    const node = make(pages, `/n${i}`)
    node.version = i
    node.czxid = makeZxid(3, i)
    return node
  })
  for (const [i, node] of nodes.entries()) {
    for (const one of [node, new Znode(pages, node.id)]) {
      assert.equal([one.path, one.version, one.czxid], [`/n${i}`, i, makeZxid(3, i)])
    }
  }
})

test.run()
