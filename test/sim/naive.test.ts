import { assert, suite } from '../harness.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { Chronicle } from '../../lib/testing/sim/chronicle.ts'
import type { History, Life, Logged, Reign } from '../../lib/testing/sim/chronicle.ts'
import { agreementAndOrder, checkNaively } from '../../lib/testing/sim/naive.ts'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { Script } from '../../lib/testing/sim/script.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

/** The naive check of whole histories (correctness plan, T3): each formula sees a history that breaks it. */
const test = suite('sim: naive check')

function txn(epoch: number, counter: number, text = ''): Logged {
  return { zxid: makeZxid(epoch, counter), text: `${epoch}.${counter}${text}` }
}

const [a, b, c, d] = [txn(1, 1), txn(1, 2), txn(2, 1), txn(2, 2)]

function life(server: number, ...delivered: readonly Logged[]): Life {
  return { server, name: `${server}/1`, delivered: [...delivered] }
}

/** Two epochs, the second with the history of the first. */
const FIRST: Reign = { epoch: 1, by: '1/1', initial: { log: [], delivered: [] }, proposed: [a, b], before: [] }
const SECOND: Reign = {
  epoch: 2, by: '2/1', initial: { log: [a, b], delivered: [a] }, proposed: [c, d], before: [a, b],
}
const RIGHT: History = {
  lives: [life(1, a, b, c, d), life(2, a, b, c), life(3, a)], reigns: [FIRST, SECOND],
  marks: [{ epoch: 2, by: '3/1', log: [a, b, c] }, { epoch: 2, by: '1/1', log: [a, b] }],
  cuts: [{ by: '3/1', removed: [b], delivered: [a] }],
}

function breaks(check: string, name: string, wrong: Partial<History>): void {
  test(`${check}: ${name}`, () => {
    try {
      checkNaively({ ...RIGHT, ...wrong })
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      assert.is(error.check, check, error.message)
      return
    }
    assert.unreachable(`${check} was not seen`)
  })
}

test('a right history holds', () => {
  assert.ok(checkNaively(RIGHT))
})

test('one that is too long is left alone', () => {
  const long = Array.from({ length: 801 }, (_, at) => txn(1, at + 1))
  assert.not(checkNaively({ ...RIGHT, lives: [life(1, ...long)] }))
})

breaks('P1', 'two lead one epoch', { reigns: [FIRST, { ...FIRST, by: '3/1' }] })
breaks('P1', 'a server leads the same epoch in two lives', { reigns: [FIRST, { ...FIRST, by: '1/2' }] })
breaks('P2', 'two servers deliver different txns', { lives: [life(1, a, b), life(2, a, txn(1, 2, 'other'))] })
breaks('P2', 'two lives of one server do', {
  lives: [{ server: 1, name: '1/1', delivered: [b] }, life(1, a, b)],
})
breaks('P3', 'what nobody proposed', { lives: [life(1, a, b, txn(1, 3))] })
breaks('P3', 'what was proposed with other bytes', { lives: [life(1, a, txn(1, 2, 'other'))] })
breaks('P6', 'a gap in what one primary proposed', { lives: [life(1, a, b, d)] })
breaks('P7', 'an older epoch after a younger one', { lives: [life(1, c, a)], reigns: [
  { ...FIRST, proposed: [a] }, { ...SECOND, proposed: [c], initial: null },
] })
breaks('P8', 'a primary proposes before it has delivered what another delivers', {
  reigns: [FIRST, { ...SECOND, before: [a] }],
})
breaks('P9', 'an epoch without the history of the one before', {
  lives: [], reigns: [{ ...FIRST, initial: { log: [a], delivered: [] } }, {
    ...SECOND, initial: { log: [b], delivered: [] },
  }],
})
breaks('P10', 'a txn of an epoch before the history of that epoch', {
  lives: [life(1, a, c)], reigns: [FIRST, { ...SECOND, before: [a, b] }],
})
breaks('P11', 'two mark one epoch with different logs', {
  lives: [], marks: [{ epoch: 3, by: '1/1', log: [a] }, { epoch: 3, by: '2/1', log: [b] }],
})
breaks('P12', 'a leader without what was delivered', {
  reigns: [FIRST, { ...SECOND, initial: { log: [a, b], delivered: [a, b, txn(1, 3)] } }],
})
breaks('P13', 'what was delivered is dropped', { cuts: [{ by: '3/1', removed: [b], delivered: [a, b] }] })
breaks('P15', 'an epoch is marked without its history', { marks: [{ epoch: 2, by: '3/1', log: [a] }] })
breaks('P15', 'or with something else after it', { marks: [{ epoch: 2, by: '3/1', log: [a, b, d] }] })

/** P4 and P5 follow from P2, so they are asked by themselves. */
test('P4, P5: agreement and order', () => {
  agreementAndOrder(life(1, a, b), life(2, a))
  assert.throws(() => { agreementAndOrder(life(1, a), life(2, b)) }, /P4/)
  assert.throws(() => { agreementAndOrder(life(1, a, b), life(2, b, a)) }, /P5/)
  assert.throws(() => { agreementAndOrder(life(1, a, b, c), life(2, a, c)) }, /P5/)
})

test('a chronicle tells what servers did', () => {
  const script = new Script(makeTxnCodec(), { voters: 3 })
  const chronicle = script.ghost.chronicle = new Chronicle()
  script.up(1, 2, 3)
  script.lead(3)
  script.connect(3, 1)
  script.write(3, 1, '/a')
  script.pass(1_000)
  script.crash(3)
  script.lead(2)
  script.connect(2, 2)
  script.write(2, 2, '/b')
  script.pass(1_000)
  const [first, second] = chronicle.reigns as [Reign, Reign]
  assert.equal(chronicle.reigns.map(({ by }) => by), ['3/1', '2/1'])
  assert.ok(first.proposed.length >= 2 && second.proposed.length >= 2)
  assert.equal(second.initial?.log, first.proposed)
  assert.ok(checkNaively(chronicle))
  first.proposed.pop()
  assert.throws(() => checkNaively(chronicle), /P3/)
})

test('some storms are short, and checked so', () => {
  const { failure, reached } = runSeed(759)
  assert.is(failure, null)
  assert.is(reached['history: checked naively'], 1)
})

test.run()
