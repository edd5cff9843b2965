import { latchAt } from '../../lib/recipes/index.ts'
import type { ZkError } from '../../lib/node.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'
import { place } from './place.ts'

const test = suite('latch')

test('opens when it was counted down to zero, for those who wait and those who come later', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const latch = latchAt(zk, '/app/latch', { count: 3 })
  assert.is(await latch.remaining(), 3)
  assert.is(await zk.exists('/app'), null)
  let isOpen = false
  const waiting = latchAt(other, '/app/latch', { count: 3 }).wait().then(() => { isOpen = true })
  await other.sync()
  assert.is(await latch.countDown(), 2)
  assert.is((await zk.get('/app/latch')).text(), '2')
  assert.is(await latch.countDown(), 1)
  await other.sync()
  await rejects(latch.wait({ waitMs: 0 }), 'OperationTimeout')
  await rejects(latch.wait({ waitMs: 20 }), 'OperationTimeout')
  assert.equal([isOpen, await latch.remaining()], [false, 1])
  assert.is(await latch.countDown(), 0)
  await waiting
  await latch.wait({ waitMs: 0 })
  assert.equal([await latch.countDown(), await latch.countDown(7), await latch.remaining()], [0, 0, 0])
  assert.equal(await zk.children('/app/latch'), ['open'])
})

test('twenty sessions count, and it opens with the last of them', async (t) => {
  const at = await place(t)
  const sessions = await Promise.all(Array.from({ length: 20 }, () => at.connect()))
  const remains = await Promise.all(sessions.map(async (zk) => {
    const latch = latchAt(zk, '/latch', { count: 20 })
    const after = await latch.countDown()
    await latch.wait()
    return after
  }))
  assert.equal(remains.sort((a, b) => a - b), Array.from({ length: 20 }, (_, index) => index))
}, { timeoutMs: 30_000 })

test('counts several at once, never below zero', async (t) => {
  const zk = await (await place(t)).connect()
  const latch = latchAt(zk, '/latch', { count: 5 })
  assert.equal(await Promise.all([latch.countDown(2), latch.countDown(2), latch.countDown(2)]), [3, 1, 0])
  await latch.wait({ waitMs: 0 })
  const one = latchAt(zk, '/one', { count: 1 })
  assert.is(await one.countDown(9), 0)
  await one.wait({ waitMs: 0 })
})

test('refuses what is no count', async (t) => {
  const zk = await (await place(t)).connect()
  for (const count of [0, -1, 1.5, Number.NaN]) assert.throws(() => latchAt(zk, '/latch', { count }), /count/)
  assert.throws(() => latchAt(zk, '/latch', {} as never), /count/)
  const latch = latchAt(zk, '/latch', { count: 1 })
  await rejects(latch.countDown(0))
  await zk.create('/latch', 'x')
  await rejects(latch.countDown(), 'ValueInvalid')
  await rejects(latch.remaining(), 'ValueInvalid')
  await rejects(latch.wait({ signal: AbortSignal.abort() }), 'Aborted')
})

test('counts once, although answers and requests are lost and others count meanwhile', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const [latch, theirs] = [latchAt(zk, '/a/latch', { count: 5 }), latchAt(other, '/a/latch', { count: 5 })]
  await other.create('/a')
  losing.lose('answer', () => theirs.countDown())
  assert.is(await latch.countDown(), 4)
  assert.is(await latch.remaining(), 3)
  losing.lose('write', () => theirs.countDown())
  assert.is(await latch.countDown(), 1)
  losing.lose('answer')
  assert.is(await latch.countDown(), 0)
  assert.is(losing.losses, 3)
  await theirs.wait({ waitMs: 0 })
  assert.equal([await zk.ephemerals(), await zk.children('/a/latch')], [[], ['open']])
})

test('what opens while the connection is away is heard of', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const waiting = latchAt(zk, '/latch', { count: 1 }).wait()
  await zk.sync()
  losing.lose('write', () => latchAt(other, '/latch', { count: 1 }).countDown())
  await rejects(zk.create('/x'), 'ConnectionLoss')
  await waiting
})

test('an abort while the answer is missing says that it may have counted', async (t) => {
  const { losing, zk } = await losingPlace(t)
  const latch = latchAt(zk, '/latch', { count: 3 })
  await latch.countDown()
  let back: () => void = () => undefined
  losing.lose('answer', () => new Promise((resolve) => { back = resolve as () => void }))
  const abort = new AbortController()
  const away = new Promise<void>((resolve) => void zk.on('state', () => resolve()))
  const counting = rejects(latch.countDown(1, { signal: abort.signal }), 'Aborted')
  await away
  abort.abort()
  assert.is((await counting as ZkError).mayHaveHappened, true)
  back()
  assert.is(await latch.countDown(), 0)
})

test.run()
