import { counterAt, idsAt } from '../../lib/recipes/index.ts'
import type { ZkError } from '../../lib/node.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'
import { place } from './place.ts'

const test = suite('counter')
const ids = suite('ids')

test('counts from nothing, as decimal text below containers, and leaves nothing else', async (t) => {
  const zk = await (await place(t)).connect()
  const counter = counterAt(zk, '/app/hits')
  assert.is(await counter.get(), 0)
  assert.is(await zk.exists('/app'), null)
  assert.equal(await counter.add(), { before: 0, after: 1 })
  assert.equal(await counter.add(-5), { before: 1, after: -4 })
  await counter.set(40)
  assert.is(await counter.compareAndSet(41, 1), false)
  assert.is(await counter.compareAndSet(40, 42), true)
  assert.is((await zk.get('/app/hits')).text(), '42')
  assert.is(await counter.get(), 42)
  assert.equal(await zk.children('/app/hits'), [])
  assert.equal(await zk.ephemerals(), [])
})

test('four sessions add at once and none is lost; every addition sees a value of its own', async (t) => {
  const at = await place(t)
  const sessions = await Promise.all([1, 2, 3, 4].map(() => at.connect()))
  const added = await Promise.all(sessions.flatMap((zk) => {
    const counter = counterAt(zk, '/n')
    return Array.from({ length: 15 }, () => counter.add(2))
  }))
  const befores = added.map(({ before }) => before).sort((one, other) => one - other)
  assert.equal(befores, Array.from({ length: 60 }, (_, i) => 2 * i))
  assert.ok(added.every(({ before, after }) => after === before + 2))
  const [first] = sessions
  await first!.sync('/n')
  assert.is(await counterAt(first!, '/n').get(), 120)
}, { timeoutMs: 30_000 })

test('compareAndSet sees what another session wrote before', async (t) => {
  const at = await place(t)
  const [one, other] = [await at.connect(), await at.connect()]
  for (let value = 0; value < 20; value++) {
    assert.is(await counterAt(value % 2 === 0 ? one : other, '/n').compareAndSet(value, value + 1), true)
  }
})

test('kazoo\'s empty node is 0; what is no safe integer is refused and kept', async (t) => {
  const zk = await (await place(t)).connect()
  const counter = counterAt(zk, '/n')
  await zk.create('/n', '')
  assert.is(await counter.get(), 0)
  for (const bad of ['x', '1.5', '9007199254740992', '1e3', '0x10']) {
    await zk.set('/n', bad)
    await rejects(counter.get(), 'ValueInvalid')
    await rejects(counter.add(1), 'ValueInvalid')
    assert.is((await zk.get('/n')).text(), bad)
  }
  await counter.set(Number.MAX_SAFE_INTEGER)
  await rejects(counter.add(1), 'ValueInvalid')
  await rejects(counter.add(0.5), 'ValueInvalid')
  await rejects(counter.set(Number.NaN), 'ValueInvalid')
  assert.is(await counter.get(), Number.MAX_SAFE_INTEGER)
  assert.throws(() => counterAt(zk, 'no-path'))
  await rejects(counter.add('1' as never))
})

test('a lost answer counts once, whatever a rival writes meanwhile; a lost write counts too', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const counter = counterAt(zk, '/n')
  const rival = counterAt(other, '/n')
  // There is no node yet: the witness is created below the node of the same multi.
  losing.lose('answer')
  assert.equal(await counter.add(), { before: 0, after: 1 })
  losing.lose('answer', () => rival.add(10))
  assert.equal(await counter.add(), { before: 1, after: 2 })
  assert.is(await counter.get(), 12)
  // The rival writes the very value, at the very version, that the lost write would have written.
  losing.lose('write', () => rival.add(1))
  assert.equal(await counter.add(), { before: 13, after: 14 })
  losing.lose('write')
  assert.equal(await counter.add(), { before: 14, after: 15 })
  assert.is(losing.losses, 4)
  assert.is(await rival.get(), 15)
  assert.equal(await zk.ephemerals(), [])
  assert.equal(await zk.children('/n'), [])
})

test('aborts: before, while waiting for its turn, and with an unknown outcome that says so', async (t) => {
  const { losing, zk } = await losingPlace(t)
  const counter = counterAt(zk, '/n')
  await counter.set(0)
  await rejects(counter.add(1, { signal: AbortSignal.abort() }), 'Aborted')
  const controller = new AbortController()
  const reason = new Error('enough')
  let release: (value?: unknown) => void = () => undefined
  losing.lose('answer', () => new Promise((resolve) => { release = resolve }))
  const away = new Promise<void>((resolve) => void zk.on('state', () => resolve()))
  const unknown = rejects(counter.add(1, { signal: controller.signal }), 'Aborted')
  const waiting = rejects(counter.add(1, { signal: controller.signal }), 'Aborted')
  await away
  controller.abort(reason)
  const error = await unknown as ZkError
  assert.is(error.mayHaveHappened, true)
  assert.is(error.cause, reason)
  assert.is((await waiting as ZkError).mayHaveHappened, false)
  release()
  assert.equal(await counter.add(5), { before: 1, after: 6 })
  assert.equal(await zk.children('/n'), [])
})

test('the session ends while the answer is missing: SessionExpired, and it may have happened', async (t) => {
  const { losing, ensemble, zk, other } = await losingPlace(t)
  const counter = counterAt(zk, '/n')
  await counter.add()
  const { session } = zk
  losing.lose('answer', async () => (await ensemble.connect({ session: session! })).close())
  const error = await rejects(counter.add(), 'SessionExpired') as ZkError
  assert.is(error.mayHaveHappened, true)
  await rejects(counter.add(), 'SessionExpired')
  assert.is((await other.get('/n')).text(), '2')
  assert.equal(await other.children('/n'), [])
})

ids('ids of three sessions with different blocks are all different, and rise in each', async (t) => {
  const at = await place(t)
  const takers = await Promise.all([1, 7, 100].map(async (block) => idsAt(await at.connect(), '/app/ids', { block })))
  const taken = await Promise.all(takers.map((taker) => Promise.all(Array.from({ length: 30 }, () => taker.next()))))
  for (const list of taken) assert.equal(list, list.toSorted((one, other) => one - other))
  assert.is(new Set(taken.flat()).size, 90)
  assert.ok(Math.min(...taken.flat()) === 1)
  const zk = await at.connect()
  await zk.sync('/app/ids')
  assert.ok(Number((await zk.get('/app/ids')).text()) >= Math.max(...taken.flat()))
}, { timeoutMs: 30_000 })

ids('a block is taken by one write, and the rest of it is lost with its object', async (t) => {
  const zk = await (await place(t)).connect()
  const first = idsAt(zk, '/ids', { block: 10 })
  assert.equal([await first.next(), await first.next(), await first.next()], [1, 2, 3])
  assert.is((await zk.get('/ids')).stat.version, 1)
  assert.is(await idsAt(zk, '/ids', { block: 10 }).next(), 11)
  assert.is(await first.next(), 4)
})

ids('a lost answer loses a block and nothing is given twice', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const mine = idsAt(zk, '/ids', { block: 2 })
  const theirs = idsAt(other, '/ids', { block: 2 })
  const seen = [await mine.next(), await mine.next()]
  losing.lose('answer', async () => void seen.push(await theirs.next()))
  seen.push(await mine.next(), await mine.next(), await mine.next(), await theirs.next())
  assert.is(losing.losses, 1)
  assert.is(new Set(seen).size, seen.length)
  assert.equal(seen.toSorted((one, other_) => one - other_), [1, 2, 5, 6, 7, 8, 9])
})

ids('what is no count is refused; so is what does not fit', async (t) => {
  const zk = await (await place(t)).connect()
  await zk.create('/ids', '-1')
  const taker = idsAt(zk, '/ids')
  await rejects(taker.next(), 'ValueInvalid')
  await zk.set('/ids', String(Number.MAX_SAFE_INTEGER - 5))
  await rejects(taker.next(), 'ValueInvalid')
  assert.is(await idsAt(zk, '/ids', { block: 5 }).next(), Number.MAX_SAFE_INTEGER - 4)
  await rejects(taker.next({ signal: AbortSignal.abort() }), 'Aborted')
  assert.throws(() => idsAt(zk, '/ids', { block: 0 }), TypeError)
  assert.throws(() => idsAt(zk, '/ids', { size: 1 } as never), TypeError)
})

test.run()
ids.run()
