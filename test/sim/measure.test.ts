import { readdirSync } from 'node:fs'
import { assert, suite } from '../harness.ts'
import { CHECKS, shareOf } from './measure.ts'

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

/** What a simulated ensemble takes without any check, and who looks at what it did. */
const NO_CHECKS = [
  'answered', 'breed', 'client', 'client-faults', 'client-plan', 'client-ways', 'client-world', 'coverage', 'disk',
  'events', 'faults', 'fold-text', 'frames', 'freeze', 'intruder', 'landing', 'lanes', 'network', 'outsider',
  'partitions', 'plan', 'priorities', 'probe', 'reached', 'reduction', 'run', 'scatter', 'script', 'script-config',
  'server', 'shared-codec', 'shortage', 'shrink', 'storm', 'stranded', 'trace', 'violation', 'workload', 'world',
]

test('every file of the simulator is one of its checks or is not', () => {
  const names = readdirSync(new URL('../../lib/testing/sim/', import.meta.url)).map((name) => name.replace('.ts', ''))
  const others = names.filter((name) => !CHECKS.test(`/lib/testing/sim/${name}.ts`))
  assert.equal(others.sort(), NO_CHECKS)
})

test.run()
