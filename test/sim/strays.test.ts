/** Writes that land elsewhere: what the simulated disk keeps of them, and that the storms with them have teeth. */
import { assert, suite } from '../harness.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { META, at, base, chunks, entry, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { SimDisk } from '../../lib/testing/sim/disk.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: strays')

/** Dice that come to these numbers, then to the last one. */
function loaded(...rolls: number[]): Random {
  return { ...makeRandom(1), below: () => rolls.length > 1 ? rolls.shift()! : rolls[0]! }
}

const BRIEF = { storm: 'brief' } as const

/** It lands where nothing is. */
const NOWHERE = 11

function disk(): SimDisk {
  const made = new SimDisk()
  made.apply({ entries: run(1, 3), meta: META })
  return made
}

test('what was written behind a missing record is not reached any more, and the start says so', () => {
  const made = disk()
  made.misdirect({ entries: run(4, 4) }, loaded(NOWHERE))
  made.apply({ entries: run(5, 6) })
  assert.is(made.log.last, at(6), 'the process does not notice')
  assert.ok(made.isAstray)
  assert.is(made.find(), 'txns')
  assert.is(made.log.last, at(3))
  assert.is(made.damage, 'log')
  assert.not(made.isAstray)
  assert.is(made.find(), 'nothing')
})

test('a truncation that landed elsewhere leaves what it was to drop', () => {
  const made = disk()
  made.misdirect({ truncateAfter: at(1), entries: [entry(at(1, 2), at(1))] }, loaded(NOWHERE))
  made.apply({ entries: [entry(at(2, 2), at(1, 2))] })
  assert.is(made.find(), 'txns')
  assert.is(made.log.last, at(3))
})

test('a write may land on an earlier txn', () => {
  const made = disk()
  made.misdirect({ entries: run(4, 4) }, loaded(5, 1))
  assert.is(made.find(), 'txns')
  assert.is(made.log.last, at(1))
})

test('a record that nobody needs any more is not missed', () => {
  const made = disk()
  made.misdirect({ entries: run(4, 4) }, loaded(NOWHERE))
  made.apply({ entries: run(5, 6), chunks: chunks(1, 1) })
  made.apply({ install: { ...base(1, at(5), 1), ...made.log.chainAt(at(5))! }, purgeThrough: at(4) })
  assert.not(made.isAstray)
  assert.is(made.find(), 'nothing')
  assert.is(made.log.last, at(6))
})

test('a log that ends before its snapshot leads nowhere', () => {
  const made = disk()
  made.misdirect({ entries: run(4, 4) }, loaded(NOWHERE))
  made.apply({ entries: run(5, 6), chunks: chunks(1, 1) })
  made.apply({ install: { ...base(1, at(5), 1), ...made.log.chainAt(at(5))! } })
  assert.is(made.find(), 'txns')
  assert.equal([made.log.floor, made.log.last], [at(5), at(5)])
})

test('a snapshot of which a chunk is elsewhere is lost, and the log on it, unless another replaced it', () => {
  for (const isReplaced of [false, true]) {
    const made = disk()
    made.misdirect({ chunks: chunks(1, 1) }, loaded(0, NOWHERE))
    made.apply({ install: { ...base(1, at(3), 1), ...made.log.chainAt(at(3))! } })
    if (isReplaced) {
      made.apply({ chunks: chunks(2, 1) })
      made.apply({ install: { ...base(2, at(3), 1), ...made.log.chainAt(at(3))! } })
    }
    assert.is(made.find(), isReplaced ? 'nothing' : 'snapshot')
    assert.is(made.log.last, isReplaced ? at(3) : at(0, 0))
  }
})

test('promises that were written over are gone, unless they were written again', () => {
  for (const isAgain of [false, true]) {
    const made = disk()
    made.misdirect({ entries: run(4, 4) }, loaded(0))
    if (isAgain) made.apply({ meta: META })
    assert.is(made.find(), isAgain ? 'txns' : 'promises')
    assert.is(made.meta === null, !isAgain)
    assert.is(made.damage, isAgain ? 'log' : 'meta')
  }
})

/** Seeds of whose brief storms only such writes show the bug. */
for (const seed of [12, 133, 445]) {
  test(`a voter that counts although a write of it is elsewhere is seen, and is what is seen: seed ${seed}`, () => {
    const codec = makeTxnCodec()
    const bug = drawRun(seed, 'damagedVotes', BRIEF)
    assert.ok(bug.faults.some(({ kind }) => kind === 'misdirect'))
    assert.is(play(bug, codec).failure?.check, 'D9')
    const without = bug.faults.filter(({ kind }) => kind !== 'misdirect')
    assert.is(play({ ...bug, faults: without }, codec).failure, null, 'nothing else in it shows the bug')
    const { failure, reached } = play(drawRun(seed, undefined, BRIEF), codec)
    assert.is(failure, null)
    assert.ok(reached['disk: a stray write is found, txns']! > 0)
  }, { timeoutMs: 60_000 })
}

test.run()
