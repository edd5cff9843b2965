import { makeRandom } from '../../lib/core/random.ts'
import { PathMap } from '../../lib/core/tree/path-map.ts'
import { assert, suite } from '../harness.ts'

const test = suite('path map')

/** More than fit undivided, so that a run goes there and back. */
const PATHS = 12_000

function expectSame(map: PathMap<number>, expected: ReadonlyMap<string, number>): void {
  assert.is(map.size, expected.size)
  const sorted = (entries: Iterable<readonly [string, number]>): (readonly [string, number])[] =>
    [...entries].sort(([a], [b]) => a < b ? -1 : 1)
  assert.equal(sorted(map), sorted(expected))
}

test('it is a Map, whole and divided, on the way up and down', () => {
  const random = makeRandom(11)
  const map = new PathMap<number>()
  const expected = new Map<string, number>()
  for (const share of [0.9, 0.1, 0.9, 0]) {
    for (let i = 0; i < 3 * PATHS; i++) {
      const path = `/service/n${random.below(PATHS)}`
      if (random.below(1_000) < share * 1_000) {
        map.set(path, i)
        expected.set(path, i)
      } else {
        assert.is(map.delete(path), expected.delete(path), path)
      }
      assert.is(map.get(path), expected.get(path))
      assert.is(map.size, expected.size)
    }
    expectSame(map, expected)
  }
  for (const path of expected.keys()) {
    assert.is(map.delete(path), true)
    expected.delete(path)
  }
  assert.is(map.size, 0)
  map.set('/again', 1)
  assert.equal([...map], [['/again', 1]])
})

for (const paths of [10, PATHS]) {
  test(`all of ${paths} can be deleted while they are walked`, () => {
    const map = new PathMap<number>()
    for (let i = 0; i < paths; i++) map.set(`/n${i}`, i)
    const seen = new Set<string>()
    for (const [path] of map) {
      seen.add(path)
      assert.is(map.delete(path), true)
    }
    assert.is(seen.size, paths)
    assert.is(map.size, 0)
    assert.equal([...map], [])
  })
}

test.run()
