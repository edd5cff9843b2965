import { childOf, isPathLike, nameOf, parentOf, sequenceSuffix, validatePath } from '../../lib/core/tree/path.ts'
import { assert, suite } from '../harness.ts'

const test = suite('paths')

const VALID = ['/', '/a', '/a/b', '/a.b', '/...', '/a/..b', '/.a', '/a.', '/ ', '/a b', '/~', '/\u00a0', '/\u00ff',
  '/caf\u00e9',
  '/\ud7ff', '/\uf900', '/\uffef', '/\u4e2d\u6587', '/a\u200b', '/-/+/:', '/zookeeper', `/${'x'.repeat(10_000)}`,
  `${'/x'.repeat(2_000)}`]
const INVALID = ['', 'a', 'a/b', '//', '/a/', '/a//b', '/.', '/..', '/./a', '/../a', '/a/.', '/a/..', '/a/./b',
  '/a/../b',
  '/\u0000', '/a\u0000b', '/\u0001', '/\u001f', '/\u007f', '/\u0080', '/\u009f', '/\ud800', '/\udbff', '/\udc00',
  '/\udfff',
  '/\ue000', '/\uf8ff', '/\ufff0', '/\ufffd', '/\uffff', '/\u{1f600}', ' /a', '.', '/a/\t']

test('valid and invalid paths', () => {
  for (const path of VALID) assert.is(validatePath(path), true, JSON.stringify(path.slice(0, 40)))
  for (const path of INVALID) assert.is(validatePath(path), false, JSON.stringify(path))
})

test('every UTF-16 unit inside a name', () => {
  const isForbidden = (unit: number): boolean =>
    unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0
  for (let unit = 0; unit <= 0xffff; unit++) {
    if (unit === 0x2f) continue
    assert.is(validatePath(`/a${String.fromCharCode(unit)}`), !isForbidden(unit), unit.toString(16))
  }
})

test('what the server demands of every path', () => {
  for (const path of ['/', 'a/', '/a//b', '/./', '/\u0001']) assert.is(isPathLike(path), true, path)
  for (const path of ['', 'a', '/\0', 'a/b\0']) assert.is(isPathLike(path), false, path)
})

test('parents, names and children', () => {
  const cases = [['/a', '/', 'a'], ['/a/b', '/a', 'b'], ['/a/b/c', '/a/b', 'c']] as const
  for (const [path, parent, name] of cases) {
    assert.is(parentOf(path), parent)
    assert.is(nameOf(path), name)
    assert.is(childOf(parent, name), path)
  }
  assert.is(parentOf('/'), '/')
  assert.is(nameOf('/'), '')
  assert.is(parentOf('/q/'), '/q')
})

test('the suffix of a sequence is %010d of a signed int', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0000000000'], [7, '0000000007'], [2_147_483_647, '2147483647'], [-1, '-000000001'], [-12, '-000000012'],
    [-999_999_999, '-999999999'], [-1_000_000_000, '-1000000000'], [-2_147_483_648, '-2147483648'],
  ]
  for (const [counter, suffix] of cases) assert.is(sequenceSuffix(counter), suffix)
})

test.run()
