import type { Outcome } from '../../lib/core/tree/request.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { createEnsemble } from '../../lib/node.ts'
import { cacheOf } from '../../lib/recipes/index.ts'
import type { Cache } from '../../lib/recipes/index.ts'
import { writeEvent } from '../../lib/wire/jute/records.ts'
import { settle, someStat } from '../client/fakes.ts'
import { untilState } from '../client/remote-scene.ts'
import { wired } from '../client/wire-server.ts'
import { assert, rejects, suite } from '../harness.ts'
import { changeOne, dice, held, present, Replay, stale } from './cached.ts'
import { cutPlace } from './cut.ts'
import { losingPlace } from './losing.ts'

const test = suite('cache, failures')

test('disconnected: the last copy, and isStale; back again: the differences, exactly', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  for (const path of ['/c/kept', '/c/set', '/c/gone/below', '/c/anew/below', '/c/emptied/below']) {
    await other.create(path, 'old', { parents: true })
  }
  const cache = await cacheOf(at.zk, '/c')
  t.defer(() => cache.close())
  const replay = new Replay(cache)
  const heard: boolean[] = []
  cache.on('stale', (isStale) => void heard.push(isStale))
  await at.whileAway(async () => {
    assert.equal([cache.isStale, heard, cache.get('/c/set')?.text()], [true, [true], 'old'])
    await other.set('/c/set', 'new')
    await other.delete('/c/gone', { recursive: true })
    await other.delete('/c/emptied/below')
    await other.delete('/c/anew', { recursive: true })
    await other.create('/c/anew/below', 'old', { parents: true })
    await other.create('/c/made/below', 'new', { parents: true })
  })
  await stale(cache, false)
  assert.equal(held(cache), await present(other, '/c'))
  assert.equal(replay.told.toSorted(), [
    'changed /c/set', 'created /c/anew', 'created /c/anew/below', 'created /c/made', 'created /c/made/below',
    'deleted /c/anew', 'deleted /c/anew/below', 'deleted /c/emptied/below', 'deleted /c/gone',
    'deleted /c/gone/below',
  ])
  replay.check(cache)
  assert.equal(heard, [true, false])
  await other.set('/c/kept', 'live')
  await cache.caughtUp()
  assert.is(cache.get('/c/kept')?.text(), 'live')
})

test('nothing was missed: fresh again, nothing is told', async (t) => {
  const at = await cutPlace(t)
  await at.zk.create('/c/a', '', { parents: true })
  const cache = await cacheOf(at.zk, '/c')
  t.defer(() => cache.close())
  const replay = new Replay(cache)
  await at.whileAway(() => Promise.resolve())
  await stale(cache, false)
  assert.equal(replay.told, [])
  assert.equal(held(cache), await present(at.zk, '/c'))
})

test('the topmost node was deleted, and another one made, meanwhile', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  await other.create('/c/a', '', { parents: true })
  const cache = await cacheOf(at.zk, '/c')
  t.defer(() => cache.close())
  const replay = new Replay(cache)
  await at.whileAway(() => other.delete('/c', { recursive: true }))
  await stale(cache, false)
  assert.equal([...cache], [])
  await other.create('/c/b', '', { parents: true })
  await cache.caughtUp()
  await at.whileAway(async () => {
    await other.delete('/c', { recursive: true })
    await other.create('/c/d', '', { parents: true })
  })
  await stale(cache, false)
  assert.equal(held(cache), await present(other, '/c'))
  assert.equal(replay.told, [
    'deleted /c/a', 'deleted /c', 'created /c', 'created /c/b',
    'deleted /c/b', 'deleted /c', 'created /c', 'created /c/d',
  ])
  replay.check(cache)
})

test('random changes while the connection is cut again and again', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  await other.create('/c')
  const cache = await cacheOf(at.zk, '/c')
  t.defer(() => cache.close())
  const replay = new Replay(cache)
  const roll = dice(7)
  for (let round = 0; round < 12; round++) {
    const isBack = untilState(at.zk, 'suspended').then(() => untilState(at.zk, 'connected'))
    for (let step = 0; step < 40; step++) {
      if (step === 10 + round) at.proxy.cut()
      await changeOne(other, '/c', roll)
    }
    await isBack
    await cache.caughtUp()
    assert.equal(held(cache), await present(other, '/c'))
    assert.is(cache.isStale, false)
  }
  assert.ok(replay.told.length > 100)
  replay.check(cache)
}, { timeoutMs: 30_000 })

test('the connection goes while the first copy is made', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  await other.create('/c')
  const names = Array.from({ length: 3_000 }, (_, n) => `/c/${n % 10}/${n}`)
  await Promise.all(names.slice(0, 10).map((path) => other.create(path.slice(0, 4))))
  await Promise.all(names.map((path) => other.create(path, 'x'.repeat(200))))
  at.proxy.hold('down')
  const opening = cacheOf(at.zk, '/c')
  const away = untilState(at.zk, 'suspended')
  at.proxy.cut()
  await away
  at.proxy.release()
  let cuts = 0
  const off = at.zk.on('state', ({ state }) => {
    if (state === 'connected' && cuts++ < 5) at.proxy.cut()
  })
  const cache = await opening
  off()
  t.defer(() => cache.close())
  await cache.caughtUp()
  assert.is(cache.size, 3_011)
  assert.equal(held(cache), await present(other, '/c'))
}, { timeoutMs: 30_000 })

test('large nodes among small ones are read in answers of bounded size', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  await other.create('/c')
  await Promise.all(Array.from({ length: 500 }, (_, n) => other.create(`/c/a${n}`, 'x')))
  for (let n = 0; n < 30; n++) await other.create(`/c/b${n}`, 'y'.repeat(900_000))
  const cache = await cacheOf(at.zk, '/c')
  t.defer(() => cache.close())
  assert.is(cache.size, 531)
  assert.equal([...cache].filter(([, node]) => node.stat.dataLength !== node.text().length), [])
  assert.is(cache.bytes, [...cache].reduce((sum, [path, { stat }]) => sum + path.length + stat.dataLength, 0))
}, { timeoutMs: 30_000 })

function ending(cache: Cache): Promise<Error & { code?: string } | null> {
  return new Promise((resolve) => void cache.on('end', resolve))
}

test('the session expires: the cache ends, the last copy stays, stale for good', async (t) => {
  const at = await cutPlace(t)
  await at.zk.create('/c/a', 'x', { parents: true })
  const cache = await cacheOf(at.zk, '/c')
  const changes = cache.changes()
  const end = ending(cache)
  let waiting: Promise<unknown> = Promise.resolve()
  await at.whileAway(async () => {
    waiting = rejects(cache.caughtUp(), 'SessionExpired')
    // Another client takes the session up, and closes it.
    await (await at.connect(at.zk.session)).close()
  })
  assert.is((await end)?.code, 'SessionExpired')
  await waiting
  await rejects(changes.next(), 'SessionExpired')
  assert.equal([cache.isStale, cache.size, cache.get('/c/a')?.text()], [true, 2, 'x'])
  await rejects(cache.caughtUp(), 'SessionExpired')
  await rejects(cacheOf(at.zk, '/c'), 'SessionExpired')
  await cache.close()
})

test('the session is closed, or its watches are removed: the cache ends', async (t) => {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect()
  await zk.create('/c')
  const first = await cacheOf(zk, '/c')
  const unwatched = ending(first)
  await zk.removeWatches('/c')
  assert.is((await unwatched)?.code, 'NoWatcher')
  const second = await cacheOf(zk, '/c')
  const end = ending(second)
  await zk.close()
  assert.is((await end)?.code, 'Closed')
  assert.is(second.isStale, true)
})

test('a server without persistent watches: Unimplemented, and what it takes', async () => {
  const { zk, servers } = await wired()
  const opening = cacheOf(zk, '/c')
  await settle()
  const asked = servers.last.requests.at(-1)
  assert.is(asked?.request.op, 106)
  servers.last.reply(asked?.xid ?? 0, { code: 'Unimplemented', result: null })
  assert.match((await rejects(opening, 'Unimplemented')).message, /Apache ZooKeeper has from 3\.6 on: \/c$/)
})

test('changes that are never read: Overloaded before they fill the memory', async () => {
  const { zk, servers } = await wired()
  const opening = cacheOf(zk, '/c', { maxNodes: 10 })
  const answer = async (result: Extract<Outcome, { code: 'Ok' }>['result']): Promise<void> => {
    await settle()
    servers.last.reply(servers.last.requests.at(-1)?.xid ?? 0, { code: 'Ok', result })
  }
  await answer({ op: 106 })
  await answer({ op: 4, data: null, stat: someStat() })
  const cache = await opening
  const end = ending(cache)
  const tell = (from: number, to: number): void => {
    for (let n = from; n < to; n++) {
      servers.last.frames((writer) => writeEvent(writer, { type: 1, path: `/c/${n}`, zxid: makeZxid(1, 2 + n) }))
    }
  }
  tell(0, 65_546)
  await settle()
  assert.is(cache.isStale, false)
  tell(65_546, 67_000)
  assert.is((await end)?.code, 'Overloaded')
  assert.equal([cache.size, cache.isStale], [0, true])
})

test('a write of one\'s own whose answer was lost is in the copy when the session is back', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  await zk.create('/c', '1')
  const cache = await cacheOf(zk, '/c')
  t.defer(() => cache.close())
  losing.lose('answer', () => other.create('/c/a', 'x'))
  await rejects(zk.set('/c', '2'), 'ConnectionLoss')
  await cache.caughtUp()
  assert.equal([cache.get('/c')?.text(), cache.get('/c/a')?.text()], ['2', 'x'])
  assert.is(losing.losses, 1)
})

test.run()
