import { assert, suite } from '../harness.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { WireTrips } from '../../lib/testing/sim/wire-trips.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: wire trips')

test('a seed runs the same with none, some or all of its frames as bytes', () => {
  const codec = makeTxnCodec()
  const [none, some, all] = [Infinity, 100, 1].map((codedEvery) => play(drawRun(9), codec, { codedEvery }))
  assert.is(none?.failure, null)
  assert.is(some?.failure, null)
  assert.is(all?.failure, null)
  assert.is(some?.fingerprint, none?.fingerprint)
  assert.is(all?.fingerprint, none?.fingerprint)
  assert.is(play(drawRun(9), codec).fingerprint, none?.fingerprint)
}, { timeoutMs: 120_000 })

test('every so many-th frame comes back from its bytes, and what they do not say is seen', () => {
  const trips = new WireTrips()
  trips.every = 2
  const said: readonly Message[] = [{ kind: 'ping', join: 1, seq: 2, commit: ZXID_ZERO, through: ZXID_ZERO }]
  assert.is(trips.carry(said), said)
  const heard = trips.carry(said)
  assert.is.not(heard, said)
  assert.equal(heard, said)
  const more = [{ ...said[0]!, forgotten: 1 }]
  trips.carry(more)
  assert.throws(() => trips.carry(more), /A1: the peer protocol makes/)
})

test.run()
