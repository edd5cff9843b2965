import { Client } from '../../lib/client/client.ts'
import type { StateChange } from '../../lib/client/session-state.ts'
import { isZkError, ZkError } from '../../lib/core/errors.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { SILENT } from '../../lib/ports/logger.ts'
import { assert, rejects, suite } from '../harness.ts'
import { connected, FakeClock, FakeEndpoint, settle, someStat } from './fakes.ts'

const test = suite('client session')

test('says what it wants and knows what it got', async () => {
  const { zk, endpoint } = await connected({ sessionTimeoutMs: 12_000 })
  assert.is(endpoint.last.hello.timeoutMs, 12_000)
  assert.is(endpoint.last.hello.session, null)
  assert.is(zk.state, 'connected')
  assert.is(zk.session?.id, '0x7')
  assert.is(zk.session?.timeoutMs, 9_000)
  assert.is(zk.session?.password.length, 16)
})

test('takes up an earlier session', async () => {
  const session = { id: '0x1234', password: new Uint8Array(16).fill(3) } as unknown as NonNullable<Client['session']>
  const { endpoint } = await connected({ session })
  assert.is(endpoint.last.hello.session, '0x1234')
  assert.equal(endpoint.last.hello.password, new Uint8Array(16).fill(3))
})

test('a session that is gone is an error of connect', async () => {
  const endpoint = new FakeEndpoint()
  const connecting = Client.connect({ endpoints: [endpoint], clock: new FakeClock() })
  endpoint.last.end('SessionExpired')
  await rejects(connecting, 'SessionExpired')
})

test('connecting can be aborted, before and meanwhile', async () => {
  const endpoint = new FakeEndpoint()
  const clock = new FakeClock()
  await rejects(Client.connect({ endpoints: [endpoint], clock }, { signal: AbortSignal.abort() }), 'Aborted')
  assert.is(endpoint.channels.length, 0)
  const controller = new AbortController()
  const connecting = Client.connect({ endpoints: [endpoint], clock }, { signal: controller.signal })
  controller.abort(new Error('enough'))
  const error = await rejects(connecting, 'Aborted')
  assert.is((error.cause as Error).message, 'enough')
  assert.ok(endpoint.last.isClosed)
  assert.is(clock.timers, 0)
})

test('answers come to their calls, in order', async () => {
  const { zk, endpoint } = await connected()
  const created = zk.create('/a', 'x')
  const set = zk.set('/a', 'y', { version: 0 })
  const gone = zk.exists('/b')
  const channel = endpoint.last
  assert.equal(channel.ops, [1, 5, 3])
  channel.reply({ op: 1, path: '/a' })
  channel.reply({ op: 5, stat: someStat(4) })
  channel.fail('NoNode')
  assert.is(await created, '/a')
  assert.equal(await set, someStat(4))
  assert.is(await gone, null)
  assert.is(zk.status().pendingCalls, 0)
})

test('a failed call names its path and code', async () => {
  const { zk, endpoint } = await connected()
  const call = zk.set('/a', 'x', { version: 9 })
  endpoint.last.fail('BadVersion')
  const error = await rejects(call, 'BadVersion')
  assert.ok(isZkError(error) && error.path === '/a' && !error.mayHaveHappened)
})

test('wrong arguments are TypeErrors, wrong paths BadArguments; neither is sent', async () => {
  const { zk, endpoint } = await connected()
  for (const call of [
    zk.create(5 as unknown as string), zk.set('/a', new Map() as unknown as string),
    zk.set('/a', 'x', { version: 0.5 }),
    zk.create('/a', 'x', { mode: 'odd' as 'persistent' }), zk.create('/a', 'x', { ttlMs: 0 }),
    zk.create('/a', 'x', { container: true, ephemeral: true }), zk.get(undefined as unknown as string),
    zk.set('/a', Promise.resolve() as unknown as string), zk.set('/a', NaN),
  ]) {
    const error = await rejects(call)
    assert.instance(error, TypeError)
  }
  for (const path of ['', 'a', '/a/', '/a//b', '/a/../b', '/a\0']) await rejects(zk.get(path), 'BadArguments')
  assert.throws(() => zk.watch('a'), (error: unknown) => isZkError(error, 'BadArguments'))
  assert.equal(endpoint.last.ops, [])
})

test('a sent write whose connection goes has an unknown outcome; reads and unsent calls are sent again', async () => {
  const { zk, endpoint } = await connected()
  const write = zk.create('/a', 'x')
  const read = zk.exists('/a')
  const acl = zk.getAcl('/a')
  endpoint.last.end('ConnectionLoss')
  const error = await rejects(write, 'ConnectionLoss')
  assert.ok(isZkError(error) && error.mayHaveHappened && error.path === '/a')
  assert.is(zk.state, 'suspended')
  const late = zk.set('/a', 'y')
  assert.is(endpoint.channels.length, 2)
  const { last } = endpoint
  assert.is(last.hello.session, '0x7')
  assert.equal(last.ops, [])
  last.connect()
  assert.is(zk.state, 'connected')
  assert.equal(last.ops, [3, 6, 5])
  last.reply({ op: 3, stat: someStat() })
  last.reply({ op: 6, acl: [], stat: someStat() })
  last.reply({ op: 5, stat: someStat() })
  assert.ok(await read)
  assert.equal((await acl).acl, [])
  assert.ok(await late)
})

test('states tell the truth, each change once', async () => {
  const { zk, clock, endpoint } = await connected()
  const changes: StateChange[] = []
  zk.on('state', (change) => changes.push(change))
  endpoint.last.end('ConnectionLoss')
  assert.is(zk.status().aliveForMs, 9_000)
  clock.pass(8_999)
  assert.is(zk.state, 'suspended')
  assert.is(zk.status().aliveForMs, 1)
  clock.pass(1)
  assert.is(zk.state, 'lost')
  endpoint.last.connect()
  endpoint.last.end('SessionExpired')
  assert.equal(changes, [
    { state: 'suspended', previous: 'connected', code: 'ConnectionLoss', aliveForMs: 9_000 },
    { state: 'lost', previous: 'suspended', code: 'ConnectionLoss', aliveForMs: null },
    { state: 'connected', previous: 'lost', code: null, aliveForMs: null },
    { state: 'expired', previous: 'connected', code: 'SessionExpired', aliveForMs: null },
  ])
  assert.is(clock.timers, 0)
})

test('the time of surely being alive counts from the last touch that the leader knows', async () => {
  const { zk, clock, endpoint } = await connected()
  const channel = endpoint.last
  Object.assign(channel, { touchedAtMs: () => clock.now() - 3_000 })
  channel.end('ConnectionLoss')
  assert.is(zk.status().aliveForMs, 6_000)
})

test('an expired session rejects everything and ends every watch', async () => {
  const { zk, endpoint } = await connected()
  const pending = zk.get('/a')
  const write = zk.set('/a', 'x')
  const watcher = zk.watch('/a')
  const reading = watcher.next()
  const once = zk.once('/b')
  endpoint.last.end('SessionExpired')
  await rejects(pending, 'SessionExpired')
  const error = await rejects(write, 'SessionExpired')
  assert.ok(isZkError(error) && error.mayHaveHappened)
  await rejects(reading, 'SessionExpired')
  await rejects(once, 'SessionExpired')
  await rejects(zk.create('/c'), 'SessionExpired')
  await rejects(zk.watch('/c').next(), 'SessionExpired')
  assert.is(zk.state, 'expired')
  await zk.close()
  assert.is(zk.state, 'expired')
})

test('the peer of the session stops: a clear end', async () => {
  const { zk, endpoint } = await connected()
  const write = zk.create('/a')
  const read = zk.get('/a')
  const states: string[] = []
  zk.on('state', ({ state, code }) => states.push(`${state} ${code}`))
  endpoint.gone = true
  endpoint.last.end('PeerStopped')
  assert.equal(states, ['closed PeerStopped'])
  const error = await rejects(write, 'PeerStopped')
  assert.ok(isZkError(error) && error.mayHaveHappened)
  await rejects(read, 'PeerStopped')
  await rejects(zk.get('/a'), 'PeerStopped')
  assert.is(zk.state, 'closed')
})

test('another endpoint takes over when one is gone, silent or not ready', async () => {
  const { zk, clock, endpoints } = await connected({ sessionTimeoutMs: 4_000 }, 3)
  const [first, second, third] = endpoints as [FakeEndpoint, FakeEndpoint, FakeEndpoint]
  first.gone = true
  second.ready = false
  first.last.end('PeerStopped')
  assert.is(third.channels.length, 1)
  assert.is(second.channels.length, 0)
  clock.pass(10_000)
  assert.ok(third.channels[0]?.isClosed, 'a silent endpoint is given up')
  second.ready = true
  clock.pass(10_000)
  second.last.connect()
  assert.is(zk.state, 'connected')
  assert.is(second.last.hello.session, '0x7')
})

test('a server that went silent is not tried first: the session has no time left for that', async () => {
  const { zk, endpoints } = await connected({ sessionTimeoutMs: 9_000 }, 2)
  const [first, second] = endpoints as [FakeEndpoint, FakeEndpoint]
  first.last.end('ConnectionLoss', new ZkError('OperationTimeout', 'gone silent'))
  assert.equal([first.channels.length, second.channels.length], [1, 1])
  second.last.connect()
  second.last.end('ConnectionLoss')
  assert.equal([first.channels.length, second.channels.length], [1, 2])
  second.last.connect()
  assert.is(zk.state, 'connected')
})

test('a read that no connection survives is not sent for ever', async () => {
  const { zk, endpoint } = await connected()
  const read = zk.get('/a')
  for (let loss = 1; loss <= 5; loss++) {
    assert.equal(endpoint.last.ops, [4])
    endpoint.last.end('ConnectionLoss')
    endpoint.last.connect()
  }
  const error = await rejects(read, 'ConnectionLoss')
  assert.ok(isZkError(error) && !error.mayHaveHappened && error.path === '/a')
  assert.equal(endpoint.last.ops, [])
  assert.is(zk.state, 'connected')
})

test('attempts that fail are repeated with growing pauses', async () => {
  const { clock, endpoint } = await connected()
  endpoint.last.end('ConnectionLoss')
  for (let i = 0; i < 40; i++) {
    if (!endpoint.last.isClosed) endpoint.last.end('ConnectionLoss')
    clock.pass(100)
  }
  const { length } = endpoint.channels
  assert.ok(length > 5 && length < 20, `${length} attempts in 4 s`)
  assert.ok(clock.timers <= 2)
})

test('a session that another client took up is not fought for', async () => {
  const { zk, endpoint } = await connected()
  endpoint.last.end('SessionMoved')
  assert.is(zk.state, 'closed')
  await rejects(zk.get('/a'), 'SessionMoved')
})

test('a session that an own attempt of earlier claims late is taken back', async () => {
  const { zk, clock, endpoints } = await connected({}, 2)
  const [first, second] = endpoints as [FakeEndpoint, FakeEndpoint]
  first.last.end('ConnectionLoss')
  clock.pass(5_000)
  second.last.connect()
  second.last.end('SessionMoved')
  second.last.connect()
  assert.is(zk.state, 'connected')
})

test('an abort gives the answer at once and disturbs nobody', async () => {
  const { zk, endpoint } = await connected()
  const controller = new AbortController()
  const { signal } = controller
  const write = zk.create('/a', 'x', { signal })
  const read = zk.get('/a', { signal })
  const other = zk.exists('/b')
  controller.abort()
  const error = await rejects(write, 'Aborted')
  assert.ok(isZkError(error) && error.mayHaveHappened)
  const unread = await rejects(read, 'Aborted')
  assert.ok(isZkError(unread) && !unread.mayHaveHappened)
  endpoint.last.reply({ op: 1, path: '/a' })
  endpoint.last.reply({ op: 4, data: null, stat: someStat() })
  endpoint.last.fail('NoNode')
  assert.is(await other, null)
  await rejects(zk.get('/a', { signal }), 'Aborted')
})

test('an aborted call that was not sent is never sent', async () => {
  const { zk, endpoint } = await connected()
  endpoint.last.end('ConnectionLoss')
  const controller = new AbortController()
  const write = zk.create('/a', 'x', { signal: controller.signal })
  controller.abort()
  const error = await rejects(write, 'Aborted')
  assert.ok(isZkError(error) && !error.mayHaveHappened)
  endpoint.last.connect()
  assert.equal(endpoint.last.ops, [])
  assert.is(zk.status().pendingCalls, 0)
  const next = zk.set('/b', 'y')
  endpoint.last.reply({ op: 5, stat: someStat() })
  assert.ok(await next)
})

test('a server that ends every connection as soon as it is open is not asked without a pause for ever', async () => {
  const { zk, endpoint, clock } = await connected()
  for (let round = 0; round < 100 && !endpoint.last.isClosed; round++) {
    endpoint.last.end('ConnectionLoss')
    if (endpoint.last.isClosed) break
    endpoint.last.connect()
  }
  assert.is(endpoint.channels.length, 9)
  assert.is(zk.state, 'suspended')
  clock.pass(10)
  assert.is(endpoint.channels.length, 10)
  endpoint.last.connect()
  assert.is(zk.state, 'connected')
})

test('waiting calls are bounded', async () => {
  const { zk } = await connected({ pendingCalls: 2 })
  void zk.exists('/a')
  void zk.exists('/b')
  await rejects(zk.exists('/c'), 'Overloaded')
})

test('calls that were given up before they were sent count no more', async () => {
  const { zk, endpoint } = await connected({ pendingCalls: 300 })
  endpoint.last.end('ConnectionLoss')
  const kept = zk.get('/kept')
  for (let round = 0; round < 3; round++) {
    const abort = new AbortController()
    const calls = Array.from({ length: 299 }, () => rejects(zk.get('/given-up', { signal: abort.signal }), 'Aborted'))
    assert.is(zk.status().pendingCalls, 300)
    await rejects(zk.get('/more'), 'Overloaded')
    abort.abort()
    await Promise.all(calls)
    assert.is(zk.status().pendingCalls, 1)
  }
  const late = zk.exists('/late')
  endpoint.last.connect()
  assert.equal(endpoint.last.arrived.map(({ request }) => 'path' in request && request.path), ['/kept', '/late'])
  endpoint.last.reply({ op: 4, data: new Uint8Array(0), stat: someStat() })
  endpoint.last.reply({ op: 3, stat: someStat() })
  await Promise.all([kept, late])
  assert.is(zk.status().pendingCalls, 0)
})

test('an Overloaded peer gets fewer calls at a time', async () => {
  const { zk, endpoint } = await connected()
  for (let i = 0; i < 20_000; i++) void zk.exists(`/n${i}`)
  const sent = endpoint.last.ops.length
  assert.ok(sent < 20_000)
  endpoint.last.end('Overloaded')
  endpoint.last.connect()
  assert.is(endpoint.last.ops.length, sent / 2)
  endpoint.last.fail('NoNode')
  assert.is(endpoint.last.ops.length, sent / 2 + 1)
})

test('close comes after the calls made so far, and calls made later are refused', async () => {
  const { zk, clock, endpoint } = await connected()
  const write = zk.create('/a')
  const closing = zk.close()
  await rejects(zk.get('/a'), 'Closed')
  assert.equal(endpoint.last.ops, [1, -11])
  endpoint.last.reply({ op: 1, path: '/a' })
  endpoint.last.reply({ op: -11 })
  assert.is(await write, '/a')
  await closing
  await zk.close()
  assert.is(zk.state, 'closed')
  assert.is(clock.timers, 0)
})

test('close ends in time when nobody answers', async () => {
  const { zk, clock, endpoint } = await connected()
  const write = zk.create('/a')
  const closing = zk.close()
  clock.pass(5_000)
  await closing
  const error = await rejects(write, 'Closed')
  assert.ok(isZkError(error) && error.mayHaveHappened)
  assert.ok(endpoint.last.isClosed)

  const other = await connected()
  other.endpoint.last.end('ConnectionLoss')
  const closed = other.zk.close()
  other.clock.pass(1_000)
  await closed
  assert.is(other.zk.state, 'closed')
})

test('identities go before later calls, and before everything on a new connection', async () => {
  const { zk, endpoint } = await connected()
  const adding = zk.addAuth('digest', 'bob:secret')
  void zk.exists('/a')
  assert.equal(endpoint.last.ops, [])
  await adding
  await settle()
  assert.equal(endpoint.last.ops, [3])
  assert.equal(endpoint.last.identities, ['digest bob:secret after 0'])
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  assert.is(zk.state, 'suspended')
  await settle()
  assert.equal(endpoint.last.identities, ['digest bob:secret after 0'])
  assert.equal(endpoint.last.ops, [3])
})

test('an identity that is added again and again is sent once on a new connection', async () => {
  const { zk, endpoint } = await connected()
  for (const auth of ['bob:one', 'bob:one', 'bob:two', 'bob:one']) await zk.addAuth('digest', auth)
  endpoint.last.end('ConnectionLoss')
  await zk.addAuth('digest', 'bob:two')
  endpoint.last.connect()
  await settle()
  assert.equal(endpoint.last.identities, ['digest bob:one after 0', 'digest bob:two after 0'])
})

test('an identity is sent while others are on their way, and calls wait for all of them', async () => {
  const { zk, endpoint } = await connected()
  const first = zk.addAuth('digest', 'one:1')
  const second = zk.addAuth('digest', 'two:2')
  const wrong = rejects(zk.addAuth('wrong', 'x'), 'AuthFailed')
  void zk.exists('/a')
  await Promise.all([first, second, wrong])
  await settle()
  assert.equal(endpoint.last.identities, ['digest one:1 after 0', 'digest two:2 after 0'])
  assert.equal(endpoint.last.ops, [3])
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  const third = zk.addAuth('digest', 'three:3')
  assert.is(zk.state, 'suspended')
  await third
  await settle()
  assert.is(zk.state, 'connected')
  assert.equal(endpoint.last.identities,
    ['digest one:1 after 0', 'digest two:2 after 0', 'digest three:3 after 0'])
  assert.equal(endpoint.last.ops, [3])
})

test('an identity whose connection goes is sent on the next one, even when that was told of the others', async () => {
  const { zk, endpoint, clock } = await connected()
  let fail: (error: Error) => void = () => undefined
  endpoint.last.authenticate = () => new Promise((_resolve, reject) => { fail = reject })
  const adding = zk.addAuth('digest', 'bob:secret')
  void zk.exists('/a')
  endpoint.last.end('ConnectionLoss')
  clock.pass(1_000)
  endpoint.last.connect()
  assert.is(zk.state, 'connected')
  fail(new ZkError('ConnectionLoss'))
  await adding
  assert.equal(endpoint.last.identities, ['digest bob:secret after 1'])
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  await settle()
  assert.equal(endpoint.last.identities, ['digest bob:secret after 0'])
})

test('reads on the spot need an idle session and a listener that is not being told', async () => {
  const { zk, endpoint } = await connected()
  const channel = endpoint.last
  channel.zxid = makeZxid(1, 5)
  channel.local = ({ op }) => (
    { code: 'Ok', result: { op: 4, data: new TextEncoder().encode(`${op}`), stat: someStat() } })
  assert.is((await zk.get('/a')).text(), '4')
  assert.equal(channel.ops, [])
  assert.is(zk.status().zxid, makeZxid(1, 5))
  void zk.set('/a', 'x')
  const behind = zk.get('/a')
  assert.equal(channel.ops, [5, 4])
  channel.reply({ op: 5, stat: someStat() })
  channel.reply({ op: 4, data: null, stat: someStat() })
  assert.is((await behind).text(), '')
  const watcher = zk.watch('/a', { onItem: () => void zk.get('/a') })
  channel.reply({ op: 106 })
  await watcher.ready()
  channel.event(3, '/a', 9)
  assert.equal(channel.ops, [5, 4, 106, 4])
})

test('a reply out of order ends the connection, not the session', async () => {
  const { zk, endpoint } = await connected()
  const read = zk.get('/a')
  const channel = endpoint.last
  channel.request(99, { op: 11 })
  channel.arrived.shift()
  channel.reply({ op: 11 })
  await rejects(read, 'ConnectionLoss')
  assert.ok(channel.isClosed)
  endpoint.last.connect()
  assert.is(zk.state, 'connected')
})

test('a listener that throws harms nobody', async () => {
  const errors: string[] = []
  const logger = { ...SILENT, error: (text: string) => void errors.push(text) }
  const { zk, endpoint } = await connected({ logger })
  zk.on('state', () => { throw new Error('mine') })
  endpoint.last.end('ConnectionLoss')
  endpoint.last.connect()
  assert.is(zk.state, 'connected')
  assert.is(errors.length, 2)
})

test.run()
