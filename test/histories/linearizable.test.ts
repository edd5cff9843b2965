import { makeRandom } from '../../lib/core/random.ts'
import {
  checkLinearizable, describeOperation, historyFromJson, HistoryRecorder, historyToJson, registerModel, znodeModel,
} from '../../lib/testing/index.ts'
import type { History, Model, Operation, RegisterInput, RegisterOutput } from '../../lib/testing/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import { isExplained, randomHistory, REGISTER, ZNODE } from './random-histories.ts'
import type { Drawn } from './random-histories.ts'

const test = suite('linearizable')

type Input = RegisterInput<number>
type Output = RegisterOutput<number>
const REGISTER_OF_0 = registerModel(0)

/** `from` to `to` are places in the history; the outcome is unknown when there is no `to`. */
function operation(
  process: string, input: Input, from: number, to?: number, output?: Output,
): Operation<Input, Output> {
  const begin = { process, key: 'x', input, invoked: from, invokedMs: from }
  return to === undefined ? { ...begin, outcome: 'unknown', returned: null, returnedMs: null }
    : { ...begin, outcome: 'ok', output: output ?? null, returned: to, returnedMs: to }
}

const write = (value: number): Input => ({ kind: 'write', value })
const READ: Input = { kind: 'read' }

function verdict(history: History<Input, Output>): string {
  return checkLinearizable(history, REGISTER_OF_0).verdict
}

test('an operation takes effect between its beginning and its end', () => {
  const during = [operation('a', write(1), 0, 3), operation('b', READ, 1, 2, 1)]
  const before = [operation('a', write(1), 0, 3), operation('b', READ, 1, 2, 0)]
  const late = [operation('a', write(1), 0, 1), operation('b', READ, 2, 3, 0)]
  const early = [operation('b', READ, 0, 1, 1), operation('a', write(1), 2, 3)]
  assert.equal([during, before, late, early].map(verdict), ['linearizable', 'linearizable', 'violated', 'violated'])
})

test('one of unknown outcome takes effect at any later time, or never, but not twice and not before', () => {
  const lost = operation('a', write(1), 0)
  const read = (at: number, value: number): Operation<Input, Output> => operation('b', READ, at, at + 1, value)
  assert.is(verdict([lost, read(1, 0), read(3, 0), read(5, 1)]), 'linearizable')
  assert.is(verdict([lost, read(1, 0), read(3, 0)]), 'linearizable')
  assert.is(verdict([lost, read(1, 1), read(3, 0)]), 'violated')
  assert.is(verdict([lost, read(1, 1), operation('c', write(2), 3, 4), read(5, 1)]), 'violated')
  assert.is(verdict([read(1, 1), operation('a', write(1), 3)]), 'violated')
})

test('of two compare-and-sets with one expectation only one is done', () => {
  const cas = (process: string, to: number, from: number): Operation<Input, Output> =>
    operation(process, { kind: 'cas', from: 0, to }, from, from + 2, true)
  assert.is(verdict([cas('a', 1, 0)]), 'linearizable')
  assert.is(verdict([cas('a', 1, 0), cas('b', 2, 1)]), 'violated')
})

test('what failed did not happen, and keys are objects of their own', () => {
  const failed: Operation<Input, Output> = {
    process: 'a', key: 'x', input: write(1), outcome: 'failed', invoked: 0, returned: 1, invokedMs: 0, returnedMs: 1,
  }
  assert.is(verdict([failed, operation('b', READ, 2, 3, 0)]), 'linearizable')
  assert.is(verdict([failed, operation('b', READ, 2, 3, 1)]), 'violated')
  const other = { ...operation('a', write(1), 0, 1), key: 'y' }
  assert.is(verdict([other, operation('b', READ, 2, 3, 0)]), 'linearizable')
})

test('the window holds what is needed to see that it is wrong, and no more', () => {
  const history = [
    operation('a', write(1), 0, 1), operation('a', write(2), 2, 4), operation('b', write(3), 3, 5),
    operation('a', READ, 6, 9, 2), operation('b', READ, 7, 8, 1), operation('c', READ, 10, 11, 7),
  ]
  const result = checkLinearizable(history, REGISTER_OF_0)
  if (result.verdict !== 'violated') throw new Error(result.verdict)
  assert.is(result.ok, false)
  const { operations, last, before } = result.window
  assert.is(last, history[4])
  assert.equal(operations.map(({ invoked }) => invoked), [6, 7])
  assert.equal(new Set(before), new Set([2, 3]))
  assert.match(result.told, /^x is not linearizable.*Before them it was [23] or [23]\./)
  assert.match(result.told, /b {2}x {2}\{"kind":"read"\} → 1 .*<- this one$/)
})

test('one of unknown outcome from before the window is shown in it', () => {
  const lost = operation('z', write(9), 0)
  const history = [lost, operation('a', write(1), 1, 2), operation('b', READ, 3, 4, 5)]
  const result = checkLinearizable(history, REGISTER_OF_0)
  if (result.verdict !== 'violated') throw new Error(result.verdict)
  assert.equal(result.window.operations.map(({ process }) => process), ['z', 'b'])
  assert.equal(new Set(result.window.before), new Set([1, 9]))
})

test('a search that takes too long is undecided, and not taken for a yes', () => {
  // A counter that all add to at once has as many states as there are sets of operations.
  const adding: Model<readonly number[], number, null> = {
    initial: () => [], apply: (state, input) => ({ state: [...state, input], output: null }),
  }
  const history = Array.from({ length: 24 }, (_, index): Operation<number, null> => ({
    process: `p${index}`, key: 'x', input: index, outcome: 'ok', output: null, invoked: index, returned: 24 + index,
    invokedMs: 0, returnedMs: 0,
  }))
  const impossible: Operation<number, null> =
    { ...history[0]!, output: 'no' as unknown as null, invoked: 100, returned: 101 }
  const easy = { ...history[0]!, key: 'easy' }
  const result = checkLinearizable([easy, ...history, impossible], adding, { limitMs: 30 })
  if (result.verdict !== 'undecided') throw new Error(result.verdict)
  assert.equal([result.ok, result.decided], [false, ['easy']])
  assert.throws(() => checkLinearizable([], adding, { limitMs: 0 }), /limitMs/)
})

function compare<State, I, O>(drawn: Drawn<I, O>, model: Model<State, I, O>, seed: number): void {
  const random = makeRandom(seed)
  const seen = { linearizable: 0, violated: 0, undecided: 0 }
  for (let number = 1; number <= 1_500; number++) {
    const history = randomHistory(random, drawn, model)
    const { verdict: given } = checkLinearizable(history, model)
    seen[given] += 1
    const due = isExplained(history, model) ? 'linearizable' : 'violated'
    if (given !== due) throw new Error(`${number}: ${given}\n${history.map(describeOperation).join('\n')}`)
  }
  assert.ok(seen.linearizable > 300 && seen.violated > 300, JSON.stringify(seen))
}

test('the same as by trying every order, on histories that no system gave', () => {
  compare(REGISTER, registerModel<number | null>(null), 1)
  compare(ZNODE, znodeModel, 2)
}, { timeoutMs: 30_000 })

test('the recorder notes what was asked, in which order, and what came of it', async () => {
  let now = 0
  const recorder = new HistoryRecorder<string, number>(() => now += 10)
  const lost = recorder.invoke('c', 'y', 'lost')
  const pending = recorder.invoke('d', 'y', 'pending')
  assert.is(await recorder.record('a', 'x', 'fine', () => Promise.resolve(7)), 7)
  const broken = (): Promise<number> => Promise.reject(new Error('broken'))
  const answers = [{ output: 3 }, 'failed', 'unknown', undefined] as const
  for (const answer of answers) {
    const options = answer === undefined ? {} : { onError: () => answer }
    await rejects(recorder.record('a', 'x', 'broken', broken, options))
  }
  lost.unknown()
  const history = recorder.history()
  assert.equal(history.map(({ input, outcome, output }) => [input, outcome, output]), [
    ['lost', 'unknown', undefined], ['pending', 'unknown', undefined], ['fine', 'ok', 7], ['broken', 'ok', 3],
    ['broken', 'failed', undefined], ['broken', 'unknown', undefined], ['broken', 'unknown', undefined],
  ])
  assert.equal(history.map(({ invoked, returned }) => [invoked, returned]),
    [[0, null], [1, null], [2, 3], [4, 5], [6, 7], [8, null], [10, null]])
  assert.equal([history[2]!.invokedMs, history[2]!.returnedMs], [30, 40])
  assert.throws(() => lost.ok(1), /has ended/)
  pending.failed()
  assert.is(recorder.history()[1]!.outcome, 'failed')
  assert.is(recorder.size, 7)
})

test('a history goes into text and comes back', () => {
  const history = [operation('a', write(1), 0), operation('b', READ, 1, 2, 1)]
  assert.equal(historyFromJson(historyToJson(history)), history)
  const [line = ''] = historyToJson(history.slice(1)).split('\n')
  const spoil = (from: string, to: string): string => line.replace(from, to)
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['{', /line 1/], ['null', /not an object/], [spoil('"b"', '1'), /process/], [spoil('"ok"', '"fine"'), /outcome/],
    [spoil('"returned":2', '"returned":null'), /unknown/], [spoil('"returned":2', '"returned":0'), /before/],
    [spoil('"invoked":1', '"invoked":-1'), /counts/], [spoil('"invokedMs":1', '"invokedMs":"1"'), /numbers/],
    [`${line}\n${line}`, /line 2 .*two things/],
  ]
  for (const [text, message] of wrong) assert.throws(() => historyFromJson(text), message)
})

test.run()
