import { failuresIn, listOf, tellFailure } from './failures.ts'
import { assert, suite } from './harness.ts'

const test = suite('failures')

test('cases that failed are found with what was wrong', () => {
  const output = [
    ' soak  (1 / 2)', '', '   FAIL  soak  "one"', '    Expected values to be equal:', '', '        ++1', '', '',
    '   FAIL  soak  "two"', '    no', '', '', '  Total:     3', '  Passed:    1', '', 'FAULT still open: Timeout',
    'ok   three (2 ms)', 'FAIL four: Error: so', '    at x.ts:1', 'ok   FAIL is in its name', '  of nobody',
    'E   AssertionError', 'ERROR    kazoo.client: a line of a log', 'FAILED tests/test_a.py::A::test_b - assert 1 == 2',
    'ERROR tests/test_a.py::A::test_c', 'NOT EQUAL ls /', '  Apache ZooKeeper:', '    []', '2 passed, 7 failed',
  ].join('\n')
  assert.equal(failuresIn(output), [
    'FAIL  soak  "one"\n    Expected values to be equal:\n        ++1', 'FAIL  soak  "two"\n    no',
    'FAULT still open: Timeout', 'FAIL four: Error: so\n    at x.ts:1',
    'FAILED tests/test_a.py::A::test_b - assert 1 == 2', 'ERROR tests/test_a.py::A::test_c',
    'NOT EQUAL ls /\n  Apache ZooKeeper:\n    []',
  ])
})

test('an error of several lines, and its cause, belong to one case', () => {
  const error = new Error('one\ntwo', { cause: new Error('three') })
  const output = `${tellFailure('five', error)}\nok   six\n${tellFailure('seven', 'no error')}\n`
  const [first = '', second] = failuresIn(output)
  assert.match(first, /^FAIL five: Error: one\n    two\n +at [^]*\n    caused by Error: three\n/)
  assert.is(second, 'FAIL seven: no error')
})

test('the list is short enough to be read, and not there when nothing failed', () => {
  assert.is(listOf([]), '')
  assert.is(listOf(['java: FAIL a\n  why']), 'what failed:\n  java: FAIL a\n    why\n')
  const long = listOf(Array.from({ length: 50 }, (_, i) => `FAIL ${i}`)).split('\n')
  assert.equal([long.length, long.at(-2)], [43, '  and 10 more'])
  const [one = ''] = failuresIn(['FAIL a', ...Array.from({ length: 50 }, () => '  at')].join('\n'))
  assert.is(one.split('\n').length, 12)
})

test.run()
