/** Queues while connections break, answers are lost, and programs stand still. */
import { queueAt } from '../../lib/recipes/index.ts'
import type { Item } from '../../lib/recipes/index.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import type { Client, ZkError } from '../../lib/node.ts'
import { settle } from '../client/fakes.ts'
import { assert, rejects, suite } from '../harness.ts'
import { cutPlace } from './cut.ts'
import { losingPlace } from './losing.ts'
import { timedPlace } from './timed.ts'

const test = suite('queue and failures')

const isMulti = ({ op }: Request): boolean => op === 14
const isDelete = ({ op }: Request): boolean => op === 2

async function rest(zk: Client): Promise<string[]> {
  await zk.sync()
  const left: string[] = []
  const queue = queueAt(zk, '/jobs')
  while ((await queue.size()).waiting > 0) {
    const item = await queue.take({ waitMs: 0 })
    left.push(`${item.text()} ${item.deliveries}`)
    await item.done()
  }
  return left
}

test('an item is put once, although answers and requests are lost', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const queue = queueAt(zk, '/jobs')
  await queue.put('a')
  losing.lose('answer', () => queueAt(other, '/jobs').put('between'), isMulti)
  await queue.put('b')
  losing.lose('write', undefined, isMulti)
  await queue.put('c')
  losing.lose('answer', undefined, isMulti)
  await queue.putAll(['d', 'e'])
  assert.is(losing.losses, 3)
  assert.equal(await zk.ephemerals(), [])
  assert.equal(await rest(other), ['a 1', 'b 1', 'between 1', 'c 1', 'd 1', 'e 1'])
})

test('an item that is more than the server takes is refused, and the others are not kept from it', async (t) => {
  const { zk, proxy } = await cutPlace(t)
  const queue = queueAt(zk, '/jobs')
  await queue.put('a')
  const before = proxy.accepted
  const error = await queue.put('b'.repeat(3_000_000)).then(() => null, (reason: ZkError) => reason)
  assert.equal([error?.code, error?.mayHaveHappened], ['ConnectionLoss', false])
  assert.is(proxy.accepted - before, 5)
  await queue.put('c')
  assert.equal(await rest(zk), ['a 1', 'c 1'])
})

test('an item is taken and done once, although answers and requests are lost', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const [queue, theirs] = [queueAt(zk, '/jobs'), queueAt(other, '/jobs')]
  await theirs.putAll(['a', 'b', 'c', 'd'])
  await zk.sync()
  losing.lose('answer', async () => {
    // It is taken, and nobody else gets it.
    const item = await theirs.take()
    assert.is(item.text(), 'b')
    await item.release()
  }, isMulti)
  const first = await queue.take()
  assert.equal([first.text(), first.deliveries, first.held], ['a', 1, true])
  losing.lose('answer', undefined, isMulti)
  await first.done()
  losing.lose('write', async () => {
    const item = await theirs.take()
    assert.equal([item.text(), item.deliveries], ['b', 2])
    await item.done()
  }, isMulti)
  const third = await queue.take()
  assert.is(third.text(), 'c')
  losing.lose('write', undefined, isMulti)
  await third.done()
  assert.is(losing.losses, 4)
  assert.equal([await zk.ephemerals('/jobs/taken'), await rest(other)], [[], ['d 1']])
})

test('a lost answer to a release takes nothing from whoever has the item since', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const [queue, theirs] = [queueAt(zk, '/jobs'), queueAt(other, '/jobs')]
  await theirs.put('a')
  await zk.sync()
  let item = await queue.take()
  let next: Item | undefined
  losing.lose('answer', async () => {
    next = await theirs.take()
  }, isDelete)
  await item.release()
  await other.sync()
  assert.equal([next?.held, next?.deliveries, (await other.children('/jobs/taken')).length], [true, 2, 1])
  await next?.release()
  await zk.sync()
  item = await queue.take()
  losing.lose('write', undefined, isDelete)
  await item.release()
  assert.is(losing.losses, 2)
  assert.equal(await rest(other), ['a 4'])
})

test('the session ends while the answer to done is missing: it may have happened', async (t) => {
  const { losing, ensemble, zk, other } = await losingPlace(t)
  await queueAt(other, '/jobs').put('a')
  await zk.sync()
  const item = await queueAt(zk, '/jobs').take()
  const { session } = zk
  losing.lose('answer', async () => (await ensemble.connect({ session: session! })).close(), isMulti)
  const error = await rejects(item.done(), 'LockLost') as ZkError
  assert.equal([error.mayHaveHappened, item.held], [true, false])
  await item.release()
  assert.equal(await rest(other), [])
})

test('what is put while the connection of one who waits is away is heard of', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const waiting = queueAt(zk, '/jobs').take()
  for (let there = false; !there;) {
    await other.sync()
    there = (await other.children('/jobs/takers').catch(() => [])).length === 1
  }
  await zk.sync()
  losing.lose('write', () => queueAt(other, '/jobs').put('a'))
  await rejects(zk.create('/x'), 'ConnectionLoss')
  const item = await waiting
  assert.is(item.text(), 'a')
  await item.done()
})

/** Stands in line as a program does that does nothing else. */
async function standStill(zk: Client): Promise<string> {
  return zk.create('/jobs/takers/0__lock__', '', { mode: 'ephemeralSequential', parents: true })
}

test('one in front who stands still keeps an item for a moment only', async (t) => {
  const at = await timedPlace(t)
  const still = await at.ensemble.connect()
  await standStill(still)
  const { zk, clock } = await at.connect()
  let item: Item | undefined
  const waiting = queueAt(zk, '/jobs').take().then((taken) => { item = taken })
  for (let stand = 0; stand < 2;) {
    await settle()
    stand = (await still.children('/jobs/takers')).length
  }
  await queueAt(still, '/jobs').put('a')
  clock.pass(1)
  for (let round = 0; round < 20; round++) await settle()
  await still.sync()
  clock.pass(248)
  for (let round = 0; round < 20; round++) await settle()
  assert.is(item, undefined)
  clock.pass(10)
  await waiting
  assert.is(item?.text(), 'a')
  // Behind two who stand still, one waits for one of them to go.
  const another = await standStill(still)
  let next: Item | undefined
  const later = queueAt(zk, '/jobs').take().then((taken) => { next = taken })
  for (let stand = 0; stand < 3;) {
    await settle()
    stand = (await still.children('/jobs/takers')).length
  }
  await queueAt(still, '/jobs').put('b')
  clock.pass(1_000)
  for (let round = 0; round < 20; round++) await settle()
  assert.is(next, undefined)
  await still.delete(another)
  for (let round = 0; round < 20; round++) {
    await settle()
    clock.pass(50)
  }
  await later
  assert.is(next?.text(), 'b')
})

test('a delayed item is delivered when the wall clock of the one who waits says so', async (t) => {
  const at = await timedPlace(t)
  const other = await at.ensemble.connect()
  const { zk, clock } = await at.connect()
  await queueAt(other, '/jobs').putAll(['a'], { at: clock.wall() + 100_000 })
  let item: Item | undefined
  const waiting = queueAt(zk, '/jobs').take().then((taken) => { item = taken })
  for (let stand = 0; stand < 1;) {
    await settle()
    stand = (await other.children('/jobs/takers').catch(() => [])).length
  }
  for (let ms = 0; ms < 95_000; ms += 1_000) {
    clock.pass(1_000)
    await settle()
  }
  assert.is(item, undefined)
  // The machine sleeps: its timers stand still, and its wall clock does not.
  clock.sleep(60_000)
  for (let round = 0; item === undefined && round < 200; round++) {
    clock.pass(1_000)
    await settle()
  }
  await waiting
  assert.is(item?.text(), 'a')
})

test('one who looks once and gives up while he is cut off is not kept, and keeps nothing', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  await queueAt(other, '/q').put('x')
  await zk.sync()
  const { away, back } = losing.cutOff('answer', ({ op }) => op === 14)
  const abort = new AbortController()
  const taking = rejects(queueAt(zk, '/q').take({ waitMs: 0, signal: abort.signal }), 'Aborted')
  await away
  abort.abort()
  await taking
  assert.is((await queueAt(other, '/q').size()).taken, 1)
  back()
  const item = await queueAt(other, '/q').take()
  assert.is(item.text(), 'x')
  await item.done()
})

test.run()
