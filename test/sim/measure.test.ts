import { assert, suite } from '../harness.ts'
import { shareOf } from './measure.ts'

const test = suite('sim: measure')

test('what a check calls belongs to it, and idle time to nobody', () => {
  const node = (id: number, name: string, url: string, hitCount: number, children: number[]): object =>
    ({ id, hitCount, children, callFrame: { functionName: name, url, scriptId: '', lineNumber: 0, columnNumber: 0 } })
  const nodes = [
    node(1, '(root)', '', 0, [2, 5]), node(2, 'run', '/a/run.ts', 10, [3]), node(3, 'check', '/a/ghost.ts', 20, [4]),
    node(4, 'digest', '/a/tree.ts', 10, []), node(5, '(idle)', '', 1_000, []),
  ] as Parameters<typeof shareOf>[0]['nodes']
  assert.is(shareOf({ nodes }, /ghost\.ts$/), 0.75)
  assert.is(shareOf({ nodes }, /other\.ts$/), 0)
  assert.is(shareOf({ nodes: [] }, /ghost\.ts$/), 0)
})

test.run()
