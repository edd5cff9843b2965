import { makeRandom } from '../../lib/core/random.ts'
import { DataSlabs } from '../../lib/core/tree/data-slabs.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { NodePages } from '../../lib/core/tree/node-pages.ts'
import { Znode } from '../../lib/core/tree/znode.ts'
import { assert, suite } from '../harness.ts'

const test = suite('data slabs')

function nodes(count: number): Znode[] {
  const pages = new NodePages()
  return Array.from({ length: count }, (_, at) => Znode.create(pages, `/n${at}`, OPEN_ACL, 0, NO_SESSION, 0))
}

/** Bytes of memory behind the data of these nodes. */
function heldBytes(all: readonly Znode[]): number {
  const buffers = new Set(all.map((node) => node.slab?.bytes).filter((slab) => slab !== undefined))
  return [...buffers].reduce((sum, slab) => sum + slab.length, 0)
}

test('data comes back, null and empty too', () => {
  const slabs = new DataSlabs()
  const [node] = nodes(1)
  assert.is(node!.data(), null)
  const many = (length: number, byte: number): number[] => Array.from({ length }, () => byte)
  const contents = [null, [], [1, 2, 3], many(1_024, 7), many(1_025, 8), many(100_000, 9), [5], [], null]
  for (const content of contents) {
    slabs.store(node!, content === null ? null : Uint8Array.from(content))
    assert.equal(node!.data() === null ? null : [...node!.data()!], content)
    assert.is(node!.stat().dataLength, content?.length ?? 0)
    assert.is(slabs.bytes, content?.length ?? 0)
  }
})

test('what is stored is a copy', () => {
  const slabs = new DataSlabs()
  const all = nodes(2)
  for (const size of [10, 5_000]) {
    const mine = new Uint8Array(size).fill(3)
    slabs.store(all[0]!, mine)
    mine.fill(4)
    assert.is(all[0]!.data()!.every((byte) => byte === 3), true)
    slabs.store(all[1]!, all[0]!.data())
    slabs.store(all[0]!, mine)
    assert.is(all[1]!.data()!.every((byte) => byte === 3), true)
    assert.is(all[1]!.dataHash === all[0]!.dataHash, false)
  }
})

test('whatever comes and goes: content, sizes and hashes are right and readers keep what they saw', () => {
  const random = makeRandom(8)
  const slabs = new DataSlabs()
  const all = nodes(400)
  const expected = new Map<Znode, Uint8Array | null>()
  const readers: { readonly view: Uint8Array, readonly copy: Uint8Array }[] = []
  let gone = 0
  for (let step = 0; step < 60_000; step++) {
    const node = all[random.below(all.length)]!
    const kind = random.below(20)
    if (kind === 0) {
      slabs.drop(node)
      node.dataSize = -1
      expected.delete(node)
      gone++
    } else {
      const size = kind === 1 ? 0 : kind === 2 ? 1_000 + random.below(100) : kind === 3 ? 3_000 : random.below(120)
      const data = kind === 4 ? null : new Uint8Array(size).map(() => random.below(256))
      slabs.store(node, data)
      expected.set(node, data)
    }
    const seen = all[random.below(all.length)]!.data()
    if (seen !== null && random.below(10) === 0) readers.push({ view: seen, copy: seen.slice() })
    if (step % 6_000 !== 0) continue
    let total = 0
    for (const [each, data] of expected) {
      assert.equal(each.data(), data)
      total += data?.length ?? 0
    }
    assert.is(slabs.bytes, total)
  }
  assert.ok(gone > 1_000 && readers.length > 1_000)
  for (const { view, copy } of readers) assert.equal(view, copy)
})

test('memory stays within a few times the data, however often it is overwritten', () => {
  const random = makeRandom(6)
  const slabs = new DataSlabs()
  const all = nodes(2_000)
  const data = new Uint8Array(64).fill(1)
  for (const node of all) slabs.store(node, data)
  let most = 0
  for (let step = 0; step < 1_000_000; step++) {
    // A few nodes are written far more often than the others, which therefore pin old slabs.
    slabs.store(all[random.below(random.below(3) === 0 ? 2_000 : 50)]!, data)
    if (step % 10_000 === 0) most = Math.max(most, heldBytes(all))
  }
  assert.is(slabs.bytes, 2_000 * 64)
  assert.ok(most <= 2 * slabs.bytes + 262_144, `${most} bytes are held for ${slabs.bytes}`)
  for (const node of all) assert.equal(node.data(), data)
})

test('a slab lists its nodes only as long as it lives', () => {
  const slabs = new DataSlabs()
  const all = nodes(60_000)
  for (const node of all) slabs.store(node, new Uint8Array(50))
  for (let at = 0; at < all.length; at++) if (at % 10 !== 0) slabs.drop(all[at]!)
  assert.is(slabs.bytes, 6_000 * 50)
  assert.ok(heldBytes(all) <= 2 * slabs.bytes + 2 * 262_144, `${heldBytes(all)} bytes`)
  for (let at = 0; at < all.length; at += 10) slabs.drop(all[at]!)
  assert.is(slabs.bytes, 0)
  assert.is(heldBytes(all), 0)
})

test('large data is alone in its memory', () => {
  const slabs = new DataSlabs()
  const [large, small] = nodes(2)
  slabs.store(small!, new Uint8Array(10))
  slabs.store(large!, new Uint8Array(1_025))
  assert.is(large!.data()!.buffer.byteLength, 1_025)
  assert.is.not(large!.slab, small!.slab)
  slabs.store(large!, new Uint8Array(1_024))
  assert.is(large!.slab, small!.slab)
})

test.run()
