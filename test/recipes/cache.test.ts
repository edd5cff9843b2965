import { cacheOf } from '../../lib/recipes/index.ts'
import type { CacheChange } from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import { changeOne, dice, held, present, Replay, text } from './cached.ts'
import { place } from './place.ts'

const test = suite('cache')
const READER = [{ perms: 31, scheme: 'world', id: 'anyone' }] as const
const NOBODY = [{ perms: 30, scheme: 'world', id: 'anyone' }] as const

test('a copy of a subtree: nodes, names, order, sizes', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  for (const path of ['/c/b', '/c/a-1', '/c/a/z', '/c/a/b']) await zk.create(path, `at ${path}`, { parents: true })
  await zk.set('/c/b', { limit: 3 })
  const cache = await cacheOf(zk, '/c')
  t.defer(() => cache.close())
  await cache.ready
  assert.equal([...cache].map(([path]) => path), ['/c', '/c/a', '/c/a/b', '/c/a/z', '/c/a-1', '/c/b'])
  assert.equal([...cache.entries('/c/a')].map(([path]) => path), ['/c/a', '/c/a/b', '/c/a/z'])
  assert.equal([...cache.entries('/c/none')], [])
  assert.equal(cache.children('/c'), ['a', 'a-1', 'b'])
  assert.equal(cache.children('/c/b'), [])
  assert.equal(cache.get('/c/b')?.json(), { limit: 3 })
  assert.is(cache.get('/c/a/z')?.text(), 'at /c/a/z')
  assert.equal(cache.get('/c/a/z')?.stat, (await zk.get('/c/a/z')).stat)
  assert.equal([cache.has('/c/a'), cache.has('/c/x'), cache.get('/c/x')], [true, false, undefined])
  assert.is(cache.size, 6)
  const bytes = [...cache].reduce((sum, [path, node]) => sum + path.length + node.data.length, 0)
  assert.is(cache.bytes, bytes)
  assert.is(cache.isStale, false)
  assert.equal(held(cache), await present(zk, '/c'))
  await zk.set('/c/a/z', 'longer than before')
  await zk.delete('/c/a-1')
  await zk.create('/c/a-2', 'x')
  await cache.caughtUp()
  assert.equal(cache.children('/c'), ['a', 'a-2', 'b'])
  assert.is(cache.bytes, [...cache].reduce((sum, [path, node]) => sum + path.length + node.data.length, 0))
})

test('the whole tree, and a node that does not exist yet', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const all = await cacheOf(zk, '/')
  t.defer(() => all.close())
  const none = await cacheOf(zk, '/later')
  t.defer(() => none.close())
  assert.equal([none.size, none.bytes, [...none].length], [0, 0, 0])
  const replay = new Replay(none)
  await other.create('/later/a/b', 'x', { parents: true })
  await none.caughtUp()
  await all.caughtUp()
  assert.equal(held(none), await present(zk, '/later'))
  assert.equal([...all.entries('/later')].map(([path]) => path), ['/later', '/later/a', '/later/a/b'])
  await other.delete('/later', { recursive: true })
  await none.caughtUp()
  assert.is(none.size, 0)
  assert.is(none.bytes, 0)
  assert.equal(replay.told.slice(-3), ['deleted /later/a/b', 'deleted /later/a', 'deleted /later'])
  replay.check(none)
})

test('what another session wrote is there after caughtUp, and was told in order', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await other.create('/c/n', '0', { parents: true })
  const cache = await cacheOf(zk, '/c')
  t.defer(() => cache.close())
  const replay = new Replay(cache)
  const seen: number[] = []
  cache.on('change', ({ path, node }) => { if (path === '/c/n') seen.push(Number(node?.text())) })
  for (let value = 1; value <= 200; value++) {
    void other.set('/c/n', String(value))
    if (value % 50 === 0) {
      await other.sync()
      await cache.caughtUp()
      assert.is(cache.get('/c/n')?.text(), String(value))
    }
  }
  assert.equal(seen, seen.toSorted((one, next) => one - next))
  assert.equal([...new Set(seen)], seen)
  assert.is(seen.at(-1), 200)
  replay.check(cache)
})

test('a node made anew is told as deleted and created, whether its end was seen or not', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await other.create('/c/n/x', 'old', { parents: true })
  const cache = await cacheOf(zk, '/c')
  t.defer(() => cache.close())
  const replay = new Replay(cache)
  // At once: the first read after the deletion sees the new node.
  await other.multi().delete('/c/n/x').delete('/c/n').create('/c/n', 'new').create('/c/n/y', 'new').commit()
  await cache.caughtUp()
  assert.equal(replay.told, ['deleted /c/n/x', 'deleted /c/n', 'created /c/n', 'created /c/n/y'])
  replay.check(cache)
})

test('one node alone; stats without data; a filter', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  for (const path of ['/c/a/x', '/c/b/x']) await zk.create(path, 'data', { parents: true })
  const one = await cacheOf(zk, '/c', { recursive: false })
  const bare = await cacheOf(zk, '/c', { data: false })
  const asked: string[] = []
  const some = await cacheOf(zk, '/c', { filter: (path) => asked.push(path) > 0 && !path.startsWith('/c/a') })
  for (const cache of [one, bare, some]) t.defer(() => cache.close())
  const replays = [one, bare, some].map((cache) => new Replay(cache))
  await other.set('/c/a/x', 'more')
  await other.create('/c/a/y/z', 'new', { parents: true })
  await other.create('/c/b/y/z', 'new', { parents: true })
  await other.set('/c', 'top')
  for (const cache of [one, bare, some]) await cache.caughtUp()
  assert.equal(held(one), (await present(zk, '/c')).slice(0, 1))
  assert.equal(bare.size, (await present(zk, '/c')).length)
  assert.equal([bare.get('/c/a/x')?.text(), bare.get('/c/a/x')?.stat.dataLength], ['', 4])
  assert.is(bare.bytes, [...bare].reduce((sum, [path]) => sum + path.length, 0))
  assert.equal([...some].map(([path]) => path), ['/c', '/c/b', '/c/b/x', '/c/b/y', '/c/b/y/z'])
  assert.equal(asked.filter((path) => path === '/c'), [])
  assert.ok(replays[1]?.told.includes('changed /c/a/x'))
  assert.equal(replays[0]?.told, ['changed /c'])
  assert.ok(replays[2]?.told.every((told) => !told.includes('/c/a')))
})

test('random changes by two sessions: the copy is exact in the end, and its changes add up', async (t) => {
  const at = await place(t)
  const [zk, ...others] = [await at.connect(), await at.connect(), await at.connect()]
  await zk.create('/c')
  for (let seed = 1; seed <= 4; seed++) {
    const roll = dice(seed)
    const work = others.map(async (other) => {
      for (let step = 0; step < 150; step++) await changeOne(other, '/c', roll)
    })
    // Opened in the middle of it all.
    await changeOne(zk, '/c', roll)
    const cache = await cacheOf(zk, '/c')
    t.defer(() => cache.close())
    const replay = new Replay(cache)
    await Promise.all(work)
    await cache.caughtUp()
    assert.equal(held(cache), await present(zk, '/c'))
    replay.check(cache)
    assert.is(cache.isStale, false)
    await cache.close()
  }
}, { timeoutMs: 30_000 })

test('a node that may not be read is left out, with all below it', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await zk.create('/c/secret/below', 'x', { parents: true })
  await zk.setAcl('/c/secret', NOBODY)
  await zk.create('/c/open')
  const cache = await cacheOf(zk, '/c')
  t.defer(() => cache.close())
  const replay = new Replay(cache)
  assert.equal([...cache].map(([path]) => path), ['/c', '/c/open'])
  await other.create('/c/secret/new')
  await other.set('/c/secret/below', 'y')
  await cache.caughtUp()
  assert.equal(cache.children('/c'), ['open'])
  await other.create('/c/open/leaf', 'x')
  await cache.caughtUp()
  await other.setAcl('/c/open', NOBODY)
  // Or the tree could not be cleared away.
  t.defer(() => other.setAcl('/c/open', READER))
  await other.setAcl('/c/secret', READER)
  await other.set('/c/open', 'x')
  await other.set('/c/secret', 'x')
  await cache.caughtUp()
  assert.ok(cache.has('/c/secret'))
  assert.equal(cache.children('/c/secret'), ['below', 'new'])
  replay.check(cache)
})

test('bounds: above them the cache ends with Overloaded, and is empty', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  for (let n = 0; n < 20; n++) await zk.create(`/c/${n}`, 'x'.repeat(100), { parents: true })
  assert.match((await rejects(cacheOf(zk, '/c', { maxNodes: 20 }), 'Overloaded')).message, /20 nodes: \/c$/)
  await rejects(cacheOf(zk, '/c', { maxBytes: 2_000 }), 'Overloaded')
  for (const bounds of [{ maxNodes: 22 }, { maxBytes: 2_500 }]) {
    const cache = await cacheOf(zk, '/c', bounds)
    assert.is(cache.size, 21)
    const ended = new Promise<Error | null>((resolve) => void cache.on('end', resolve))
    await other.create('/c/more', 'x')
    await other.create('/c/most', 'x'.repeat(1_000))
    assert.is((await ended as Error & { code: string }).code, 'Overloaded')
    assert.equal([cache.size, cache.bytes, cache.isStale, cache.children('/c')], [0, 0, true, []])
    await rejects(cache.caughtUp(), 'Overloaded')
    await other.delete('/c/more')
    await other.delete('/c/most')
  }
})

test('close ends everything, and leaves no watch behind', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await zk.create('/c', '1')
  const cache = await cacheOf(zk, '/c')
  const told: unknown[] = []
  cache.on('change', (change) => void told.push(text(change)))
  cache.on('stale', (isStale) => void told.push(isStale))
  cache.on('end', (error) => void told.push(error))
  const waiting = rejects(cache.caughtUp(), 'Closed')
  await cache.close()
  await cache.close()
  await waiting
  assert.equal(told, [true, null])
  const events: string[] = []
  zk.on('event', ({ path }) => void events.push(path))
  await zk.sync()
  await other.set('/c', '2')
  await zk.sync()
  assert.is((await zk.get('/c')).text(), '2')
  assert.equal(events, [])
  assert.equal([cache.get('/c')?.text(), cache.isStale, told.length], ['1', true, 2])
  await rejects(cache.caughtUp(), 'Closed')
  {
    await using scoped = await cacheOf(zk, '/c')
    assert.is(scoped.get('/c')?.text(), '2')
  }
})

test('a listener may close the cache, or throw', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await zk.create('/c')
  const logged: string[] = []
  const log = (message: string): void => void logged.push(message)
  const cache = await cacheOf(zk, '/c', { logger: { debug: log, info: log, warn: log, error: log } })
  const told: string[] = []
  const over = new Promise((resolve) => void cache.on('end', resolve))
  cache.on('change', () => { throw new Error('mine') })
  cache.on('change', (change) => {
    told.push(text(change))
    void cache.close()
  })
  await other.multi().create('/c/a').create('/c/b').commit()
  await over
  await zk.sync()
  assert.equal(told, ['created /c/a'])
  assert.equal(logged, ['a listener threw'])
})

test('changes as a sequence', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await zk.create('/c')
  const cache = await cacheOf(zk, '/c')
  const changes = cache.changes()
  const small = cache.changes({ bufferItems: 2 })
  const controller = new AbortController()
  const given = cache.changes({ signal: controller.signal })
  for (const name of ['a', 'b', 'c']) await other.create(`/c/${name}`)
  await other.delete('/c/b')
  const seen: CacheChange[] = []
  for await (const change of changes) {
    seen.push(change)
    if (change.kind === 'deleted') break
  }
  assert.equal(seen.map(text), ['created /c/a', 'created /c/b', 'created /c/c', 'deleted /c/b'])
  assert.equal(await changes.next(), { done: true, value: undefined })
  assert.equal([(await small.next()).value?.path, (await small.next()).value?.path], ['/c/a', '/c/b'])
  await rejects(small.next(), 'Overloaded')
  assert.equal(await small.next(), { done: true, value: undefined })
  controller.abort()
  for (let n = 0; n < 4; n++) await given.next()
  await rejects(given.next(), 'Aborted')
  await rejects(cache.changes({ signal: AbortSignal.abort() }).next(), 'Aborted')
  const last = cache.changes()
  const end = last.next()
  await cache.close()
  assert.is((await end).done, true)
  assert.is((await cache.changes().next()).done, true)
  assert.throws(() => cache.changes({ bufferItems: 0 }), TypeError)
})

test('changes that are asked for when the cache has ended throw what ended it', async (t) => {
  const zk = await (await place(t)).connect()
  await zk.create('/c')
  const cache = await cacheOf(zk, '/c', { maxNodes: 1 })
  const ended = new Promise((resolve) => { cache.on('end', resolve) })
  await zk.create('/c/a')
  await ended
  const changes = cache.changes()
  await rejects(changes.next(), 'Overloaded')
  assert.is((await changes.next()).done, true)
})

test('aborts and bad input', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  await zk.create('/c', '1')
  await rejects(cacheOf(zk, '/c', { signal: AbortSignal.abort() }), 'Aborted')
  const early = new AbortController()
  const opening = cacheOf(zk, '/c', { signal: early.signal })
  early.abort()
  await rejects(opening, 'Aborted')
  const late = new AbortController()
  const cache = await cacheOf(zk, '/c', { signal: late.signal })
  await rejects(cache.caughtUp({ signal: AbortSignal.abort() }), 'Aborted')
  const ended = new Promise((resolve) => void cache.on('end', resolve))
  late.abort()
  assert.is(await ended, null)
  assert.is(cache.isStale, true)
  await rejects(cacheOf(zk, '/c', { filter: () => { throw new Error('mine') } }).then(async (filtered) => {
    await zk.create('/c/a')
    await filtered.caughtUp()
  }), 'BadArguments')
  assert.match((await rejects(cacheOf(zk, 'relative'))).message, /path/)
  for (const options of [{ maxNodes: 0 }, { maxBytes: 1.5 }, { recursive: 1 }, { wrong: 1 }, { filter: 'x' }, []]) {
    const error = await cacheOf(zk, '/c', options as never).then(() => null, (one: Error) => one)
    assert.instance(error, TypeError)
  }
  const other = await cacheOf(zk, '/c')
  assert.throws(() => other.on('nothing' as never, () => undefined), TypeError)
  await other.close()
})

test.run()
