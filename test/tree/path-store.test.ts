import { makeRandom } from '../../lib/core/random.ts'
import { PathStore } from '../../lib/core/tree/path-store.ts'
import { assert, suite } from '../harness.ts'

const test = suite('path store')

/** Beyond what a chunk holds. */
const LONGEST = 300_000

test('every path comes back, whatever it is made of', () => {
  const store = new PathStore()
  const paths = [
    '/', '/a', '/ÿ', '/Ā', '/日本', '/x€', `/${'a'.repeat(63)}`, `/${'é'.repeat(64)}`, `/${'b'.repeat(1_000)}`,
    `/${'日'.repeat(500)}`, `/${'c'.repeat(LONGEST)}`, `/${'語'.repeat(LONGEST)}`,
  ]
  const places = paths.map((path) => store.add(path))
  for (const [at, path] of paths.entries()) {
    const place = places[at]!
    assert.is(store.text(place), path)
    assert.is(store.length(place), path.length)
    assert.is(store.text(place, 1), path.slice(1))
    assert.is(store.text(place, path.length), '')
    for (const other of paths) assert.is(store.equals(place, other), other === path)
    assert.is(store.equals(place, `${path.slice(0, -1)}!`), false)
    for (const end of [0, 1, path.length - 1, path.length]) assert.ok(store.startsWith(place, path.slice(0, end)))
    assert.is(store.startsWith(place, `${path}!`), false)
    assert.is(store.startsWith(place, `${path.slice(0, -1)}!`), false)
  }
})

test('paths come and go, and take the room of one another', () => {
  const random = makeRandom(5)
  const store = new PathStore()
  const held = new Map<string, number>()
  let highest = 0
  for (let step = 0; step < 200_000; step++) {
    const path = `/${random.below(2) === 0 ? 'n' : '名'}${'x'.repeat(random.below(70))}${random.below(1_000)}`
    const place = held.get(path)
    if (place !== undefined) {
      store.delete(place)
      held.delete(path)
    } else if (held.size < 2_000) {
      const taken = store.add(path)
      held.set(path, taken)
      highest = Math.max(highest, taken)
    } else {
      const [oldest, at] = held.entries().next().value!
      store.delete(at)
      held.delete(oldest)
    }
    if (step % 20_000 === 0) for (const [each, at] of held) assert.is(store.text(at), each)
  }
  assert.is(new Set(held.values()).size, held.size)
  for (const [path, place] of held) assert.ok(store.equals(place, path) && store.text(place) === path, path)
  assert.ok(highest < 3 * 65_536, `${highest} words for 2,000 paths`)
})

test('long paths leave nothing behind, whatever their lengths', () => {
  const store = new PathStore()
  const lasting = ['/a', `/${'b'.repeat(1_100)}`, `/${'語'.repeat(LONGEST)}`]
  const held = lasting.map((path) => [path, store.add(path)] as const)
  const before = store.bytes
  let length = 0
  // Rising lengths: no room fits the next one.
  for (let round = 0; round < 200; round++) {
    const path = `/${'x'.repeat(length += 1_500)}`
    const places = [store.add(path), store.add(`${path}é`), store.add(path.slice(0, 2_000))]
    assert.ok(store.equals(places[0]!, path))
    for (const place of places) store.delete(place)
  }
  // Of short ones there may be some.
  assert.ok(store.bytes <= before + 262_144, `${store.bytes - before} bytes`)
  for (const [path, place] of held) assert.is(store.text(place), path)
})

test.run()
