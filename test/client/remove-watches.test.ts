import { assert, rejects, suite } from '../harness.ts'
import type { WatchChange, WatchItem, ZkError } from '../../lib/node.ts'
import { connected, settle, someStat } from './fakes.ts'

const test = suite('client: removing watches')

test('removes the kind that is asked for, and ends its watchers quietly', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const ends: unknown[] = []
  zk.watch('/a', { onItem: () => undefined, onEnd: (error) => ends.push(error) })
  zk.watch('/a', { recursive: true, onItem: () => undefined, onEnd: () => ends.push('recursive') })
  channel.reply({ op: 106 })
  channel.reply({ op: 106 })
  const once = rejects(zk.once('/a', { children: true }), 'Closed')
  channel.reply({ op: 8, children: [] })
  const removed = zk.removeWatches('/a', 'persistent')
  assert.equal(channel.arrived.at(-1)?.request, { op: 18, path: '/a', type: 4 })
  channel.reply({ op: 18 })
  assert.equal(await removed, ['persistent'])
  assert.equal(ends, [null])
  const all = zk.removeWatches('/a')
  assert.equal(channel.arrived.at(-1)?.request, { op: 18, path: '/a', type: 3 })
  channel.reply({ op: 18 })
  assert.equal(await all, ['children', 'recursive'])
  assert.equal(ends, [null, 'recursive'])
  await once
  await rejects(zk.removeWatches('/a'), 'NoWatcher')
  await rejects(zk.removeWatches('/a', 'bogus' as 'data'))
  assert.is(channel.arrived.length, 5)
})

test('a server that knows no persistent kinds is asked to remove all, when that means the same', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  zk.watch('/a', { onItem: () => undefined })
  channel.reply({ op: 106 })
  const removed = zk.removeWatches('/a', 'persistent')
  channel.fail('MarshallingError')
  assert.equal(channel.arrived.at(-1)?.request, { op: 18, path: '/a', type: 3 })
  channel.reply({ op: 18 })
  assert.equal(await removed, ['persistent'])
  const watcher = zk.watch('/b')
  channel.reply({ op: 106 })
  await watcher.ready()
  watcher.close()
  channel.fail('MarshallingError')
  assert.equal(channel.arrived.at(-1)?.request, { op: 18, path: '/b', type: 3 })
  channel.reply({ op: 18 })
  const [one, other] = [zk.watch('/c'), zk.watch('/c', { recursive: true })]
  channel.reply({ op: 106 })
  channel.reply({ op: 106 })
  await Promise.all([one.ready(), other.ready()])
  const refused = rejects(zk.removeWatches('/c', 'recursive'), 'MarshallingError')
  channel.fail('MarshallingError')
  await refused
  one.close()
  channel.fail('MarshallingError')
  // The recursive watch must not go with it.
  assert.equal(channel.arrived.at(-1)?.request, { op: 18, path: '/c', type: 4 })
})

test('such a server is not asked to remove the watch of a read that is under way', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const watcher = zk.watch('/a')
  channel.reply({ op: 106 })
  watcher.close()
  const once = zk.once('/a')
  channel.fail('MarshallingError')
  assert.equal(channel.ops, [106, 18, 3])
  channel.reply({ op: 3, stat: someStat() })
  channel.event(3, '/a', 2)
  assert.is((await once).type, 'changed')
})

test('whoever gives up removing a watch finds it gone all the same, and not silent', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const ends: unknown[] = []
  zk.watch('/a', { onItem: () => undefined, onEnd: (error) => ends.push(error) })
  channel.reply({ op: 106 })
  await rejects(zk.removeWatches('/a', 'any', { signal: AbortSignal.abort() }), 'Aborted')
  assert.is(channel.arrived.length, 1)
  const abort = new AbortController()
  const removed = rejects(zk.removeWatches('/a', 'persistent', { signal: abort.signal }), 'Aborted')
  abort.abort()
  assert.is((await removed as ZkError).mayHaveHappened, true)
  channel.reply({ op: 18 })
  assert.equal(ends, [null])
})

test('all that was asked for before goes, and nothing that was asked for since', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const before = zk.watch('/a')
  channel.reply({ op: 106 })
  const once = rejects(zk.once('/a'), 'Closed')
  const removed = zk.removeWatches('/a')
  before.close()
  const since = zk.watch('/a')
  assert.equal(channel.ops, [106, 3, 18, 18, 106])
  channel.reply({ op: 3, stat: someStat() })
  channel.reply({ op: 18 })
  assert.equal(await removed, ['data', 'persistent'])
  await once
  channel.fail('NoWatcher')
  channel.reply({ op: 106 })
  await since.ready()
  channel.event(3, '/a', 2)
  assert.is((await since.next()).value?.type, 'changed')
})

test('without a connection they go at once when that is asked for', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  zk.watch('/a', { onItem: () => undefined })
  channel.reply({ op: 106 })
  channel.end('ConnectionLoss')
  assert.equal(await zk.removeWatches('/a', 'any', { local: true }), ['persistent'])
  await rejects(zk.removeWatches('/a', 'any', { local: true }), 'NoWatcher')
})

test('every event is told once, whoever left the watch, and a listener that throws harms nobody', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const [heard, items]: [WatchChange[], WatchItem[]] = [[], []]
  zk.on('event', () => { throw new Error('mine') })
  const off = zk.on('event', (change) => heard.push(change))
  zk.watch('/a', { onItem: (item) => items.push(item) })
  channel.reply({ op: 106 })
  const once = zk.once('/a')
  channel.reply({ op: 3, stat: {} as never })
  channel.event(3, '/a', 2)
  await once
  channel.event(2, '/b', 3)
  assert.equal(heard.map(({ type, path }) => `${type} ${path}`), ['changed /a', 'deleted /b'])
  off()
  channel.event(3, '/a', 4)
  assert.is(heard.length, 2)
  assert.is(items.length, 2)
  assert.throws(() => zk.on('bogus' as 'event', () => undefined), /no such event/)
  await settle()
})

test('reconfig sends what is to be changed', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const change = zk.reconfig({ joining: '4=h:1:2;3', leaving: '1', version: 7 })
  assert.equal(channel.arrived[0]?.request, { op: 16, joining: '4=h:1:2;3', leaving: '1', members: null, version: 7 })
  channel.reply({ op: 16, data: new TextEncoder().encode('version=8'), stat: {} as never })
  assert.is((await change).text(), 'version=8')
  const whole = rejects(zk.reconfig({ members: 'server.1=h:1:2' }), 'ReconfigDisabled')
  assert.equal(channel.arrived[1]?.request,
    { op: 16, joining: null, leaving: null, members: 'server.1=h:1:2', version: -1 })
  channel.fail('ReconfigDisabled')
  await whole
  for (const wrong of [null, { bogus: 1 }, { joining: 1 }, { version: 1.5 }]) {
    assert.is((await rejects(zk.reconfig(wrong as never))).name, 'TypeError')
  }
})

test.run()
