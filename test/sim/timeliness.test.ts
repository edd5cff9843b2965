/** C16: how late a server that answers may be. */
import { assert, suite } from '../harness.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import type { Script } from '../../lib/testing/sim/script.ts'
import { A, B, C, started } from './scenarios/scenario.ts'
import type { RunOptions } from './scenarios/scenario.ts'

const test = suite('sim: timeliness')

/** The bound of a script, in ms: twice its `syncMs` and two ticks. */
const BOUND_MS = 2_200

function read(script: Script, id: number, conn: number): void {
  script.request(id, conn, { op: 3, path: '/', watch: false })
}

/** An ensemble with a client at A and one at C, where A hears of no commit any more and of everything else. */
function withoutCommits(): Script {
  const script = started(3, {}, A, B, C)
  script.connect(A, 1)
  script.connect(C, 2)
  const old = { commit: ZXID_ZERO, through: ZXID_ZERO }
  script.tap = (_from, to, message) => to !== A ? [message]
    : message.kind === 'commit' ? [] : [message.kind === 'ping' ? { ...message, ...old } : message]
  script.write(C, 2, '/w1')
  return script
}

test('who answers without what was committed long ago is seen', () => {
  const script = withoutCommits()
  script.pass(BOUND_MS + 500)
  assert.ok(script.replica(A).serving)
  assert.throws(() => read(script, A, 1), (error: unknown) => error instanceof Violation && error.check === 'C16')
})

test('it may be late within the bound', () => {
  const script = withoutCommits()
  script.pass(BOUND_MS - 500)
  read(script, A, 1)
  assert.not(script.replica(A).tree.has('/w1'))
})

test('who is cut off answers nobody by then', () => {
  const script = started(3, {}, A, B, C)
  script.connect(A, 1)
  script.connect(C, 2)
  script.halfOpen(C, A)
  script.write(C, 2, '/w1')
  script.pass(BOUND_MS)
  assert.not(script.connected.has(1))
})

function hungLeader(options: RunOptions): Script {
  const script = started(3, options, A, B, C)
  script.connect(A, 1)
  script.connect(C, 2)
  script.hold(C)
  script.write(A, 1, '/w1')
  return script
}

test('a leader whose own disk stands still is seen', () => {
  const script = hungLeader({ mutant: 'hungLeads' })
  script.pass(BOUND_MS + 500)
  assert.ok(script.replica(C).serving)
  assert.throws(() => read(script, C, 2), (error: unknown) => error instanceof Violation && error.check === 'C16')
})

test('it may be late within the bound, and answers nobody by its end', () => {
  const script = hungLeader({})
  script.pass(900)
  read(script, C, 2)
  assert.equal([A, C].map((id) => script.replica(id).tree.has('/w1')), [true, false])
  script.pass(BOUND_MS - 900)
  assert.not(script.connected.has(2))
})

test.run()
