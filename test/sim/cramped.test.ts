/** Snapshots for which there is no room: what the simulated disk keeps, and what storms make of that. */
import { assert, suite } from '../harness.ts'
import { at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { SimDisk } from '../../lib/testing/sim/disk.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: cramped')

test('a snapshot without room is left out, with the purge behind it; one of a leader is a write that fails', () => {
  const disk = new SimDisk()
  disk.apply({ entries: run(1, 6), chunks: chunks(1, 2) })
  disk.apply({ install: base(1, at(2), 2), purgeThrough: at(1) })
  // There is room again for its last chunk alone.
  for (const isCramped of [true, false]) {
    disk.isCramped = isCramped
    const index = isCramped ? 0 : 1
    assert.ok(disk.apply({ chunks: chunks(2, 1, index) }))
    assert.ok(disk.hasTaken(2, index))
  }
  assert.ok(disk.apply({ entries: run(7, 7), install: base(2, at(5), 2), purgeThrough: at(4) }))
  assert.equal([disk.base!.id, disk.leftOut, disk.log.floor, disk.log.last], [1, 1, at(1), at(7)])
  // Begun anew, it has room; one that was written before there was none counts.
  assert.ok(disk.apply({ chunks: chunks(2, 2) }))
  disk.isCramped = true
  assert.ok(disk.apply({ install: base(2, at(5), 2), purgeThrough: at(4) }))
  assert.equal([disk.base!.id, disk.leftOut, disk.log.floor], [2, 0, at(4)])
  assert.ok(disk.apply({ chunks: chunks(9, 1) }))
  assert.not(disk.apply({ install: base(9, at(9), 1), resetLog: true }))
  assert.equal([disk.base!.id, disk.log.last], [2, at(7)])
})

test('a storm of disks without room alone: old and new bases, restarts from either, snapshots that are missed', () => {
  const drawn = drawRun(123)
  const faults = drawn.faults.filter(({ kind }) => kind === 'cramped')
  assert.ok(faults.length > 2)
  const { failure, reached } = play({ ...drawn, faults }, makeTxnCodec())
  assert.is(failure, null)
  for (const what of [
    'disk: a snapshot is left out', 'disk: snapshot after one that was left out', 'start: a snapshot was left out',
  ]) assert.ok(reached[what]! > 0, what)
}, { timeoutMs: 60_000 })

test('who had no room for part of a snapshot when the storm ended is started anew: it would die of it later', () => {
  const { failure, reached } = play(drawRun(1123050), makeTxnCodec())
  assert.is(failure, null)
  assert.ok(reached['disk: a snapshot of the leader has no room']! > 0)
}, { timeoutMs: 60_000 })

test.run()
