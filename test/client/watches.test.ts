import type { WatchChange, WatchItem } from '../../lib/client/watch-items.ts'
import type { Watcher } from '../../lib/client/watcher.ts'
import type { ZkError } from '../../lib/core/errors.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { assert, rejects, suite } from '../harness.ts'
import { connected, settle, someStat } from './fakes.ts'
import type { FakeChannel } from './fakes.ts'

const test = suite('client watches')
const at = (counter: number): number => makeZxid(1, counter)

/** What was delivered already, shortened to `type path`. */
async function taken(watcher: Watcher, count: number): Promise<string[]> {
  const items: string[] = []
  for (let i = 0; i < count; i++) {
    const { value } = await watcher.next()
    if (value !== undefined) items.push(`${value.type} ${value.path}`)
  }
  return items
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

test('a persistent watch yields its changes, with their zxids, in order', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const watcher = zk.watch('/a')
  assert.equal(channel.arrived[0]?.request, { op: 106, path: '/a', mode: 0 })
  channel.event(3, '/a', 1)
  channel.reply({ op: 106 })
  channel.event(1, '/a', 2)
  channel.event(4, '/a', 3)
  channel.event(4, '/a/b', 4)
  channel.event(3, '/b', 5)
  channel.event(2, '/a', 6)
  const items: WatchItem[] = []
  for await (const item of watcher) {
    items.push(item)
    if (items.length === 3) break
  }
  assert.equal(items, [
    { type: 'created', path: '/a', zxid: at(2) },
    { type: 'children', path: '/a', zxid: at(3) },
    { type: 'deleted', path: '/a', zxid: at(6) },
  ])
  assert.equal(channel.arrived[1]?.request, { op: 18, path: '/a', type: 4 })
})

test('a recursive watch sees everything below, and no changes of lists', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const root = zk.watch('/', { recursive: true })
  const deep = zk.watch('/a/b', { recursive: true })
  assert.equal(channel.arrived.map(({ request }) => request), [
    { op: 106, path: '/', mode: 1 }, { op: 106, path: '/a/b', mode: 1 },
  ])
  channel.reply({ op: 106 })
  channel.reply({ op: 106 })
  channel.event(1, '/a/b/c', 1)
  channel.event(4, '/a/b', 2)
  channel.event(3, '/a/bc', 3)
  channel.event(2, '/', 4)
  assert.equal(await taken(root, 3), ['created /a/b/c', 'changed /a/bc', 'deleted /'])
  assert.equal(await taken(deep, 1), ['created /a/b/c'])
})

test('watchers of one path share a watch, and the last one takes it away', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const one = zk.watch('/a')
  const two = zk.watch('/a', { children: false })
  channel.reply({ op: 106 })
  const three = zk.watch('/a', { data: false })
  assert.equal(channel.ops, [106])
  channel.event(4, '/a', 1)
  channel.event(3, '/a', 2)
  assert.equal(await taken(one, 2), ['children /a', 'changed /a'])
  assert.equal(await taken(two, 1), ['changed /a'])
  assert.equal(await taken(three, 1), ['children /a'])
  one.close()
  two.close()
  assert.equal(channel.ops, [106])
  await three.return()
  assert.equal(channel.ops, [106, 18])
})

test('watching again while the old watch is being removed', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const old = zk.watch('/a')
  old.close()
  const fresh = zk.watch('/a')
  assert.equal(channel.ops, [106, 18, 106])
  channel.reply({ op: 106 })
  channel.event(3, '/a', 1)
  channel.reply({ op: 18 })
  channel.reply({ op: 106 })
  channel.event(3, '/a', 2)
  assert.equal((await fresh.next()).value, { type: 'changed', path: '/a', zxid: at(2) })
  assert.equal(await old.next(), { done: true, value: undefined })
})

test('a watch that the server refuses ends with its error', async () => {
  const { zk, endpoint } = await connected()
  const watcher = zk.watch('/a')
  const ready = watcher.ready()
  endpoint.last.fail('BadArguments')
  await rejects(ready, 'BadArguments')
  await rejects(watcher.next(), 'BadArguments')
  assert.ok((await watcher.next()).done)
})

test('a slow reader gets one gap in place of what was dropped', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const watcher = zk.watch('/a', { bufferItems: 2 })
  channel.reply({ op: 106 })
  for (let i = 1; i <= 5; i++) channel.event(3, '/a', i)
  assert.equal(await taken(watcher, 2), ['changed /a', 'changed /a'])
  channel.event(3, '/a', 6)
  const { value } = await watcher.next()
  assert.ok(value?.type === 'gap' && value.reason === 'overflow' && value.path === '/a' && !value.recursive)
  channel.event(3, '/a', 7)
  assert.equal((await watcher.next()).value, { type: 'changed', path: '/a', zxid: at(7) })
})

test('items go to a callback, and its end is told', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const seen: string[] = []
  const onEnd = (error: ZkError | null): void => void seen.push(`end ${error?.code ?? 'quietly'}`)
  const watcher = zk.watch('/a', {
    onItem: ({ type }) => seen.push(type), onEnd, bufferItems: 1,
  })
  channel.reply({ op: 106 })
  for (let i = 1; i <= 3; i++) channel.event(3, '/a', i)
  watcher.close()
  channel.event(3, '/a', 4)
  zk.watch('/b', { onItem: () => undefined, onEnd })
  channel.end('SessionExpired')
  assert.equal(seen, ['changed', 'changed', 'changed', 'end quietly', 'end SessionExpired'])
})

test('the signal ends a watch, before it began and later', async () => {
  const { zk, endpoint } = await connected()
  const controller = new AbortController()
  const watcher = zk.watch('/a', { signal: controller.signal })
  endpoint.last.reply({ op: 106 })
  const reading = watcher.next()
  controller.abort()
  await rejects(reading, 'Aborted')
  assert.ok((await watcher.next()).done)
  assert.equal(endpoint.last.ops, [106, 18])
  await rejects(zk.watch('/a', { signal: controller.signal }).next(), 'Aborted')
  assert.equal(endpoint.last.ops, [106, 18])
})

test('after a reconnect a persistent watch is armed again and tells of the gap', async () => {
  const { zk, endpoint } = await connected()
  const watcher = zk.watch('/a', { recursive: true })
  const exact = zk.watch('/b')
  endpoint.last.reply({ op: 106 }, 4)
  endpoint.last.reply({ op: 106 }, 5)
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  const { last } = endpoint
  assert.equal(last.arrived.map(({ request }) => request), [{
    op: 105, relativeZxid: at(5), data: [], exist: [], child: [], persistent: ['/b'], recursive: ['/a'],
  }])
  last.event(3, '/a/x', 9)
  last.reply({ op: 105 }, 9)
  last.event(3, '/a/x', 10)
  assert.equal(await taken(watcher, 1), ['gap /a'])
  last.event(3, '/a/x', 11)
  assert.equal((await watcher.next()).value, { type: 'changed', path: '/a/x', zxid: at(11) })
  assert.equal(await taken(exact, 1), ['gap /b'])
})

test('there is no gap when nothing can have been missed', async () => {
  const { zk, endpoint } = await connected()
  const watcher = zk.watch('/a')
  endpoint.last.reply({ op: 106 }, 4)
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  endpoint.last.reply({ op: 105 }, 4)
  endpoint.last.event(3, '/a', 5)
  assert.equal(await taken(watcher, 1), ['changed /a'])
})

test('a connection that dies while it is re-armed does not hide what was missed', async () => {
  const { zk, endpoint } = await connected()
  const watcher = zk.watch('/a')
  endpoint.last.reply({ op: 106 }, 4)
  const long = 'x'.repeat(1_000)
  for (let i = 0; i < 140; i++) {
    void zk.exists(`/${long}${i}`, { watch: () => undefined })
    endpoint.last.fail('NoNode', 4)
  }
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  assert.equal(endpoint.last.ops, [101, 105])
  endpoint.last.reply({ op: 101 }, 8)
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  const [request] = endpoint.last.arrived.map((one) => one.request)
  assert.is(request?.op === 101 && request.relativeZxid, at(4))
  endpoint.last.reply({ op: 101 }, 8)
  endpoint.last.reply({ op: 105 }, 8)
  assert.equal(await taken(watcher, 1), ['gap /a'])
})

test('nobody waits for a watch that the server refuses to bring back', async () => {
  const { zk, endpoint } = await connected()
  const seen: string[] = []
  void zk.get('/a', { watch: ({ type, path, zxid }) => void seen.push(`${type} ${path} ${zxid}`) })
  void zk.children('/a', { watch: ({ type }) => void seen.push(type) })
  endpoint.last.reply({ op: 4, data: null, stat: someStat() })
  endpoint.last.reply({ op: 8, children: [] })
  const once = rejects(zk.once('/b'), 'Throttled')
  endpoint.last.fail('NoNode')
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  assert.equal(endpoint.last.ops, [101])
  endpoint.last.fail('Throttled')
  await once
  assert.equal(seen, ['changed /a -1', 'children'])
  endpoint.last.event(3, '/a', 9)
  assert.is(seen.length, 2)
})

test('one-shot watches fire once, by the lists of ZooKeeper', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const seen: string[] = []
  const note = (name: string) => (change: { readonly type: string }) => void seen.push(`${name} ${change.type}`)
  void zk.get('/a', { watch: note('get') })
  void zk.exists('/a', { watch: note('exists') })
  void zk.children('/a', { watch: note('children') })
  void zk.exists('/gone', { watch: note('gone') })
  channel.reply({ op: 4, data: null, stat: someStat() })
  channel.reply({ op: 3, stat: someStat() })
  channel.reply({ op: 8, children: [] })
  channel.fail('NoNode')
  channel.event(3, '/a', 2)
  channel.event(3, '/a', 3)
  channel.event(4, '/a', 4)
  channel.event(1, '/gone', 5)
  channel.event(2, '/a', 6)
  assert.equal(seen, ['get changed', 'exists changed', 'children children', 'gone created'])
})

test('a failed read leaves no watch', async () => {
  const { zk, endpoint } = await connected()
  const seen: string[] = []
  const read = zk.get('/a', { watch: () => seen.push('fired') })
  endpoint.last.fail('NoNode')
  await rejects(read, 'NoNode')
  endpoint.last.event(1, '/a', 2)
  assert.equal(seen, [])
})

test('one-shot watches are armed again after a reconnect, and what changed meanwhile fires them', async () => {
  const { zk, endpoint } = await connected()
  const seen: string[] = []
  const watch = ({ type, path }: WatchChange): void => void seen.push(`${type} ${path}`)
  void zk.get('/a', { watch })
  void zk.exists('/b', { watch })
  void zk.children('/c', { watch })
  const once = zk.once('/d')
  endpoint.last.reply({ op: 4, data: null, stat: someStat() }, 6)
  endpoint.last.fail('NoNode', 6)
  endpoint.last.reply({ op: 8, children: [] }, 6)
  endpoint.last.reply({ op: 3, stat: someStat() }, 6)
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  assert.equal(endpoint.last.arrived[0]?.request, {
    op: 101, relativeZxid: at(6), data: ['/a', '/d'], exist: ['/b'], child: ['/c'], persistent: [], recursive: [],
  })
  endpoint.last.event(3, '/a', -1)
  endpoint.last.event(2, '/d', -1)
  endpoint.last.reply({ op: 101 }, 9)
  assert.equal(seen, ['changed /a'])
  assert.equal(await once, { type: 'deleted', path: '/d', zxid: -1 })
})

test('once can be aborted, and ends with the client', async () => {
  const { zk, endpoint } = await connected()
  const controller = new AbortController()
  const aborted = zk.once('/a', { signal: controller.signal })
  const closed = zk.once('/a', { children: true })
  endpoint.last.reply({ op: 3, stat: someStat() })
  endpoint.last.reply({ op: 8, children: [] })
  controller.abort()
  await rejects(aborted, 'Aborted')
  const closing = zk.close()
  endpoint.last.reply({ op: -11 })
  await closing
  await rejects(closed, 'Closed')
})

/** Answers the reads of a walk from a picture of the tree. */
function answerReads(
  channel: FakeChannel, from: number, picture: Readonly<Record<string, string>>, zxid: number,
): number {
  let index = from
  for (; index < channel.arrived.length; index++) {
    const request = channel.arrived[index]?.request
    if (request?.op === 4) {
      const text = picture[request.path]
      if (text === undefined) channel.fail('NoNode', zxid)
      else channel.reply({ op: 4, data: bytes(text), stat: someStat(zxid) }, zxid)
    } else if (request?.op === 8) {
      const prefix = request.path === '/' ? '/' : `${request.path}/`
      const names = Object.keys(picture).filter((path) => path !== '/' && path.startsWith(prefix))
        .map((path) => path.slice(prefix.length)).filter((name) => !name.includes('/'))
      if (picture[request.path] === undefined) channel.fail('NoNode', zxid)
      else channel.reply({ op: 8, children: names }, zxid)
    }
  }
  return index
}

test('initial: the present state comes first, and nothing falls between it and what follows', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const watcher = zk.watch('/a', { recursive: true, initial: true })
  channel.reply({ op: 106 }, 3)
  // Before anything was read: part of what will be read.
  channel.event(1, '/a/new', 4)
  channel.event(2, '/a/old', 5)
  channel.reply({ op: 4, data: bytes('A'), stat: someStat() }, 5)
  channel.reply({ op: 8, children: ['new', 'x', 'gone'] }, 5)
  // After the list was read: its children will be read later, /a was read before.
  channel.event(2, '/a/gone', 6)
  channel.event(3, '/a/x', 7)
  channel.event(3, '/a', 8)
  channel.event(1, '/a/late', 9)
  answerReads(channel, 3, { '/a/new': 'N', '/a/x': 'X' }, 9)
  channel.event(3, '/a/x', 10)
  const items: string[] = []
  for (let i = 0; i < 6; i++) {
    const { value } = await watcher.next()
    if (value === undefined) break
    items.push(value.type === 'present' ? `present ${value.path} ${value.node.text()}` : `${value.type} ${value.path}`)
    if (value.zxid === at(10)) break
  }
  assert.is(items[0], 'present /a A')
  assert.equal(items.slice(1, 3).sort(), ['present /a/new N', 'present /a/x X'])
  assert.equal(items.slice(3), ['changed /a', 'created /a/late', 'changed /a/x'])
})

test('initial: a node that is not there yields nothing until it is created', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const watcher = zk.watch('/a', { initial: true })
  channel.reply({ op: 106 }, 3)
  channel.fail('NoNode', 3)
  channel.event(1, '/a', 4)
  assert.equal(await taken(watcher, 1), ['created /a'])
})

test('initial: after a gap the present state is told again', async () => {
  const { zk, endpoint } = await connected()
  const watcher = zk.watch('/a', { initial: true })
  endpoint.last.reply({ op: 106 }, 3)
  endpoint.last.reply({ op: 4, data: bytes('1'), stat: someStat() }, 3)
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  endpoint.last.reply({ op: 105 }, 9)
  assert.equal(await taken(watcher, 2), ['present /a', 'gap /a'])
  endpoint.last.reply({ op: 4, data: bytes('2'), stat: someStat() }, 9)
  const { value } = await watcher.next()
  assert.ok(value?.type === 'present' && value.node.text() === '2')
})

test('initial: a large tree is read as fast as its reader takes it', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  const picture: Record<string, string> = { '/': '' }
  for (let i = 0; i < 500; i++) picture[`/n${i}`] = `${i}`
  const watcher = zk.watch('/', { recursive: true, initial: true, bufferItems: 10 })
  channel.reply({ op: 106 }, 3)
  let read = answerReads(channel, 1, picture, 3)
  assert.ok(channel.ops.length <= 30, `${channel.ops.length} requests for a reader that took nothing`)
  const seen = new Set<string>()
  while (seen.size < 501) {
    const { value } = await watcher.next()
    assert.is(value?.type, 'present')
    if (value !== undefined) seen.add(value.path)
    read = answerReads(channel, read, picture, 3)
  }
  await settle()
  channel.event(3, '/n1', 5)
  assert.equal(await taken(watcher, 1), ['changed /n1'])
})


test('initial: a list of children that cannot be had ends the watch, and does not count as empty', async () => {
  const { zk, endpoint } = await connected({ pendingCalls: 3 })
  const ends: string[] = []
  const told: string[] = []
  zk.watch('/a', {
    recursive: true, initial: true,
    onItem: ({ type, path }) => told.push(`${type} ${path}`), onEnd: (error) => ends.push(error?.code ?? 'closed'),
  })
  for (const sync of [zk.sync('/'), zk.sync('/')]) sync.catch((error: unknown) => error)
  endpoint.last.reply({ op: 106 })
  assert.equal(endpoint.last.ops.slice(0, 4), [106, 9, 9, 4], 'no call is left for the list')
  assert.equal(told, [])
  assert.equal(ends, ['Overloaded'])
})

test.run()
