import { makeRandom } from '../../lib/core/random.ts'
import { hashText } from '../../lib/core/tree/hash.ts'
import { NodeIndex } from '../../lib/core/tree/node-index.ts'
import { NodePages } from '../../lib/core/tree/node-pages.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { Znode } from '../../lib/core/tree/znode.ts'
import { assert, suite } from '../harness.ts'

const test = suite('node index')

class Pair {
  readonly pages = new NodePages()
  readonly index = new NodeIndex(this.pages)
  readonly expected = new Map<string, number>()

  add(path: string): void {
    const node = Znode.create(this.pages, path, OPEN_ACL, 0, NO_SESSION, 0)
    assert.ok(this.index.add(node, path))
    this.expected.set(path, node.id)
  }

  /** Whether the index takes a second node of a path. */
  addsAgain(path: string): boolean {
    return this.index.add(Znode.create(this.pages, path, OPEN_ACL, 0, NO_SESSION, 0), path)
  }

  delete(path: string): void {
    const node = this.index.get(path)!
    this.index.delete(node)
    node.release()
    this.expected.delete(path)
  }

  check(others: Iterable<string> = []): void {
    assert.is(this.index.size, this.expected.size)
    for (const [path, id] of this.expected) {
      assert.is(this.index.find(path), id, path)
      const byBytes = this.#byBytes(path)
      assert.ok(byBytes === id || (byBytes === undefined && !this.isSure(path)), path)
    }
    for (const path of others) {
      if (this.expected.has(path)) continue
      assert.is(this.index.find(path), 0, path)
      assert.is(this.#byBytes(path), undefined, path)
    }
  }

  /** True for a path that its bytes alone must find. */
  isSure = (path: string): boolean => /^[\0-\x7f]*$/.test(path)

  /** What its bytes find, somewhere among others. */
  #byBytes(path: string): number | undefined {
    const bytes = Buffer.from(`..${path}.`)
    return this.index.getAscii(bytes, 2, bytes.length - 3)?.id
  }
}

/** Two characters behind a prefix that give it this hash; null for a prefix that has none. */
function colliding(prefix: string, hash: number): string | null {
  const prime = 0x01000193
  // Of the prime modulo 2^32: what undoes a step of the hash.
  const inverse = 0x359c449b
  const before = Math.imul(hash, inverse)
  for (let unit = 1; unit < 0xd800; unit++) {
    const state = Math.imul(hashText(prefix) ^ unit, prime)
    const last = state ^ before
    if (last > 0 && last < 0xd800) return prefix + String.fromCharCode(unit, last)
  }
  return null
}

test('whatever comes and goes, each path is found and no other', () => {
  const random = makeRandom(3)
  const pair = new Pair()
  const paths = Array.from({ length: 30_000 }, (_, at) => `/service/${at % 7}/n${at}`)
  for (let step = 0; step < 120_000; step++) {
    // It grows to most of the paths, then shrinks to few, again and again.
    const path = paths[random.below(paths.length)]!
    const isWanted = step % 60_000 < 40_000
    if (pair.expected.has(path) && !isWanted) pair.delete(path)
    else if (!pair.expected.has(path) && isWanted) pair.add(path)
    if (step % 20_000 === 0) pair.check(paths)
  }
  pair.check(paths)
  for (const path of pair.expected.keys()) pair.delete(path)
  pair.check(paths)
})

test('paths of one and the same hash are found too', () => {
  const target = hashText('/a')
  const same = ['/a']
  for (let at = 0; same.length < 500; at++) {
    const path = colliding(`/p${at}`, target)
    if (path !== null) same.push(path)
  }
  for (const path of same) assert.is(hashText(path), target)
  const random = makeRandom(4)
  const pair = new Pair()
  pair.isSure = () => false
  for (const path of same) pair.add(path)
  pair.check(['/b', '/p0', `${same[1]}x`])
  for (let step = 0; step < 3_000; step++) {
    const path = same[random.below(same.length)]!
    if (pair.expected.has(path)) pair.delete(path)
    else pair.add(path)
    if (step % 100 === 0) pair.check(same)
  }
  for (const path of pair.expected.keys()) assert.not.ok(pair.addsAgain(path), 'a path has one node')
  pair.check(same)
})

test.run()
