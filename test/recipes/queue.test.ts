import { acquireLease, contenders, queueAt } from '../../lib/recipes/index.ts'
import type { Item, Queue } from '../../lib/recipes/index.ts'
import type { Client } from '../../lib/node.ts'
import { assert, rejects, suite } from '../harness.ts'
import { place } from './place.ts'

const test = suite('queue')

async function texts(queue: Queue, count: number): Promise<string[]> {
  const taken: string[] = []
  for (let n = 0; n < count; n++) {
    const item = await queue.take()
    taken.push(item.text())
    await item.done()
  }
  return taken
}

/** Resolves when so many programs stand in line. */
async function inLine(zk: Client, path: string, count: number): Promise<void> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      const watch = (): void => resolve()
      zk.children(`${path}/takers`, { watch }).catch(() => zk.exists(`${path}/takers`, { watch })).catch(watch)
    })
    if ((await contenders(zk, `${path}/takers`)).length === count) return
    await changed
  }
}

test('one consumer gets the smallest priority first, and the oldest within it', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const queue = queueAt(zk, '/app/jobs')
  assert.equal(await queue.size(), { waiting: 0, taken: 0, delayed: 0 })
  assert.is(await queue.peek(), null)
  await rejects(queue.take({ waitMs: 0 }), 'OperationTimeout')
  await queue.put('a')
  await queue.putAll(['b', { is: 'c' }])
  await queue.put('urgent', { priority: 0 })
  await queue.put('idle', { priority: 999 })
  assert.equal((await zk.children('/app/jobs/entries')).sort(), [
    'entry-000-0000000003', 'entry-100-0000000000', 'entry-100-0000000001', 'entry-100-0000000002',
    'entry-999-0000000004',
  ])
  await other.sync()
  const taker = queueAt(other, '/app/jobs')
  assert.is((await taker.peek())?.text(), 'urgent')
  const first = await taker.take()
  assert.equal([first.text(), first.priority, first.deliveries, first.held], ['urgent', 0, 1, true])
  assert.equal(await taker.size(), { waiting: 4, taken: 1, delayed: 0 })
  await first.done()
  assert.equal([first.held, first.signal.aborted], [false, true])
  await first.done()
  assert.equal(await texts(taker, 4), ['a', 'b', '{"is":"c"}', 'idle'])
  assert.equal(await taker.size(), { waiting: 0, taken: 0, delayed: 0 })
  await rejects(taker.take({ waitMs: 20 }), 'OperationTimeout')
  const leaving = new AbortController()
  const waiting = taker.take({ signal: leaving.signal })
  await inLine(zk, '/app/jobs', 1)
  leaving.abort()
  await rejects(waiting, 'Aborted')
  assert.equal((await zk.children('/app/jobs')).sort(), ['delayed', 'entries', 'taken', 'takers'])
})

test('an item is one consumer\'s until it is done or given back, and keeps its place', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const [mine, theirs] = [queueAt(a, '/jobs'), queueAt(b, '/jobs')]
  await mine.putAll(['x', 'y'])
  const first = await mine.take()
  await b.sync()
  const second = await theirs.take()
  assert.equal([first.text(), second.text()], ['x', 'y'])
  await rejects(theirs.take({ waitMs: 0 }), 'OperationTimeout')
  await first.release()
  await rejects(first.done(), 'LockLost')
  await b.sync()
  const again = await theirs.take()
  assert.equal([again.text(), again.deliveries, again.name], ['x', 2, first.name])
  assert.ok(again.token.isNewerThan(first.token))
  await first.release()
  assert.ok(again.held)
  await again.guard.create('/result', 'x')
  await Promise.all([again.done(), second.done()])
  await again.release()
  assert.equal(await theirs.size(), { waiting: 0, taken: 0, delayed: 0 })
})

test('what a consumer has whose session ends is delivered again', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  await queueAt(a, '/jobs').put('x')
  const item = await queueAt(a, '/jobs').take()
  const waiting = queueAt(b, '/jobs').take()
  await inLine(b, '/jobs', 1)
  await a.close()
  assert.is(item.held, false)
  await rejects(item.done(), 'LockLost')
  const again = await waiting
  assert.equal([again.text(), again.deliveries], ['x', 2])
  // Somebody takes the claim away: the consumer learns it, and cannot remove what is another's.
  const lost = new Promise((resolve) => again.signal.addEventListener('abort', resolve, { once: true }))
  await b.delete(`/jobs/taken/${again.name}`)
  await rejects(again.done(), 'LockLost')
  await lost
  assert.is((await queueAt(b, '/jobs').take()).deliveries, 3)
})

test('those who wait get one each, in the order in which they came', async (t) => {
  const at = await place(t)
  const sessions = await Promise.all([1, 2, 3, 4, 5].map(() => at.connect()))
  const [zk] = sessions as [Client]
  const taken: string[] = []
  const waiting: Promise<Item>[] = []
  for (const [index, session] of sessions.entries()) {
    waiting.push(queueAt(session, '/jobs', { name: `${index}` }).take())
    await inLine(zk, '/jobs', index + 1)
  }
  assert.equal((await contenders(zk, '/jobs/takers')).map(({ name }) => name), ['0', '1', '2', '3', '4'])
  for (let n = 0; n < 5; n++) {
    await queueAt(zk, '/jobs').put(`item ${n}`)
    const item = await waiting[n]!
    taken.push(item.text())
    await inLine(zk, '/jobs', 4 - n)
  }
  assert.equal(taken, ['item 0', 'item 1', 'item 2', 'item 3', 'item 4'])
})

test('the calls of one object share a place, and get several items at once', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const queue = queueAt(zk, '/jobs')
  const waiting = [queue.take(), queue.take(), queue.take()]
  await inLine(other, '/jobs', 1)
  const abort = new AbortController()
  const given = rejects(queue.take({ signal: abort.signal }), 'Aborted')
  abort.abort()
  await given
  await queueAt(other, '/jobs').putAll(['a', 'b', 'c'])
  const items = await Promise.all(waiting)
  assert.equal(items.map((item) => item.text()), ['a', 'b', 'c'])
  // All was one write.
  assert.is(new Set(items.map(({ token }) => token.zxid)).size, 1)
  await Promise.all(items.map((item) => item.done()))
})

test('six consumers do two hundred items, each exactly once while nothing fails', async (t) => {
  const at = await place(t)
  const sessions = await Promise.all(Array.from({ length: 6 }, () => at.connect()))
  const done: string[] = []
  const stop = new AbortController()
  const working = sessions.map(async (zk) => {
    for await (const item of queueAt(zk, '/jobs').items({ signal: stop.signal })) {
      done.push(item.text())
      await item.done()
      if (done.length === 200) stop.abort()
    }
  })
  const all = Promise.all(working.map((work) => rejects(work, 'Aborted')))
  const putter = queueAt(await at.connect(), '/jobs')
  for (let n = 0; n < 10; n++) {
    await putter.putAll(Array.from({ length: 10 }, (_, i) => `${n}-${i}`))
    await Promise.all(Array.from({ length: 10 }, (_, i) => putter.put(`${n}+${i}`)))
  }
  await all
  assert.is(new Set(done).size, 200)
  assert.is(done.length, 200)
  assert.equal(await putter.size(), { waiting: 0, taken: 0, delayed: 0 })
}, { timeoutMs: 60_000 })

test('leaving the loop gives back the item at hand, unless it is done', async (t) => {
  const at = await place(t)
  const queue = queueAt(await at.connect(), '/jobs')
  await queue.putAll(['a', 'b'])
  for await (const item of queue.items()) {
    assert.is(item.text(), 'a')
    await item.done()
    break
  }
  const failing = async (): Promise<void> => {
    for await (const item of queue.items()) throw new Error(item.text())
  }
  assert.is((await rejects(failing())).message, 'b')
  assert.equal(await queue.size(), { waiting: 1, taken: 0, delayed: 0 })
  const again = await queue.take({ waitMs: 0 })
  assert.is(again.deliveries, 2)
})

test('an item that is never done ends among the dead, which is a queue', async (t) => {
  const at = await place(t)
  const queue = queueAt(await at.connect(), '/jobs', { maxDeliveries: 2 })
  await queue.putAll(['poison', 'good'], { priority: 7 })
  for (const deliveries of [1, 2]) {
    const item = await queue.take()
    assert.equal([item.text(), item.deliveries], ['poison', deliveries])
    await item.release()
  }
  const item = await queue.take()
  assert.is(item.text(), 'good')
  await item.done()
  await rejects(queue.take({ waitMs: 0 }), 'OperationTimeout')
  const dead = await queueAt(await at.connect(), '/jobs/dead').take()
  assert.equal([dead.text(), dead.priority, dead.deliveries], ['poison', 7, 1])
  await dead.done()
})

test('a delayed item comes when it is due, behind those of its priority', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const queue = queueAt(zk, '/jobs')
  await queue.put('later', { delayMs: 60_000 })
  await queue.put('past', { at: new Date(0), priority: 5 })
  await queue.put('soon', { at: zk.clock.wall() + 120 })
  assert.equal(await queue.size(), { waiting: 0, taken: 0, delayed: 3 })
  const past = await queue.take({ waitMs: 0 })
  assert.equal([past.text(), past.priority], ['past', 5])
  await past.done()
  const waiting = queueAt(other, '/jobs').take()
  const item = await waiting
  assert.is(item.text(), 'soon')
  assert.equal(await queue.size(), { waiting: 0, taken: 1, delayed: 1 })
  await item.done()
})

test('refuses more items than it may have, and what is no item', async (t) => {
  const at = await place(t)
  const queue = queueAt(await at.connect(), '/jobs', { maxItems: 3 })
  await queue.put('1')
  await queue.put('2', { delayMs: 60_000 })
  await rejects(queue.putAll(['3', '4']), 'Overloaded')
  await queue.put('3')
  await rejects(queue.put('4'), 'Overloaded')
  await (await queue.take()).done()
  await queue.put('4')
  for (const wrong of [{ priority: 1000 }, { priority: -1 }, { priority: 0.5 }, { delayMs: -1 }, { at: Number.NaN },
    { delayMs: 1, at: 1 }, { colour: 'red' }]) {
    const error = await rejects(queue.put('x', wrong as never))
    assert.ok(error instanceof TypeError, JSON.stringify(wrong))
  }
  assert.throws(() => queueAt({} as never, '/jobs', { maxItems: 0 }), /maxItems/)
  await rejects(queue.put(new Map() as never))
})

test('an item that is as large as may be is put, taken and done', async (t) => {
  const at = await place(t)
  const queue = queueAt(await at.connect(), '/jobs')
  const large = new Uint8Array(1_000_000).fill(7)
  await queue.putAll([new Uint8Array(500_000)])
  await queue.put(large)
  for (const size of [500_000, 1_000_000]) {
    const item = await queue.take()
    assert.is(item.data.length, size)
    await item.done()
  }
})

test('who waits when his session ends is told so', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const waiting = queueAt(a, '/jobs').take()
  await inLine(b, '/jobs', 1)
  const told = rejects(waiting)
  await a.close()
  await told
  assert.equal(await contenders(b, '/jobs/takers'), [])
})

test('who begins to wait just as his session has ended is told so', async (t) => {
  const at = await place(t)
  const [taker, other] = [await at.connect(), await at.connect()]
  const held = await acquireLease(await at.connect(), '/printers', { leases: 1 })
  const after = (zk: Client, folder: string): void => {
    const children = zk.children.bind(zk)
    zk.children = async (path, options) => {
      const names = await children(path, options)
      if (path === folder && options?.watch !== undefined) await zk.close()
      return names
    }
  }
  after(taker, '/jobs/taken')
  await rejects(queueAt(taker, '/jobs').take(), 'Closed')
  after(other, '/printers/leases')
  await rejects(acquireLease(other, '/printers', { leases: 1 }), 'Closed')
  await held.release()
})

test.run()
