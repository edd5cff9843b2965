import { assert, suite } from '../harness.ts'
import { Lanes } from '../../lib/testing/sim/lanes.ts'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: lanes')

test('each event is one line in the lane of its peer', () => {
  const lanes = new Lanes([1, 2])
  lanes.add({ atMs: 1, peer: null, kind: 'fault', text: 'heal' })
  lanes.add({ atMs: 2.5, peer: 2, kind: 'message', text: '1 > ping' })
  const [head, all, second] = lanes.lines(10)
  assert.match(head!, /peer 1 +peer 2/)
  assert.is(all, '        1.00  heal')
  assert.is(second!.indexOf('1 > ping'), head!.indexOf('peer 2'))
  assert.is(lanes.lines(1).length, 2, 'the newest')
})

test('a page holds everything, as text', () => {
  const lanes = new Lanes([1, 2])
  lanes.add({ atMs: 1, peer: 1, kind: 'note', text: '<script>"&' })
  const page = lanes.html('seed 1')
  assert.match(page, '&lt;script&gt;&quot;&amp;')
  assert.not.match(page, '<script')
  assert.not.match(page, /https?:/)
})

test('who reads a run does not change it', () => {
  const codec = makeTxnCodec()
  let lanes: Lanes | null = null
  const read = runSeed(4, codec, undefined, (written) => { lanes = written })
  assert.is(read.fingerprint, runSeed(4, codec).fingerprint)
  const { events } = lanes as unknown as Lanes
  for (const kind of ['fault', 'role', 'message', 'disk'] as const) {
    assert.ok(events.some((event) => event.kind === kind), kind)
  }
  assert.ok(events.some(({ text }) => /^\d > proposal 0x/.test(text)))
}, { timeoutMs: 120_000 })

test.run()
