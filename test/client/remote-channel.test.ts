import { assert, suite } from '../harness.ts'
import type { ZkError } from '../../lib/core/errors.ts'
import { Xid } from '../../lib/wire/jute/records.ts'
import { pass, wired } from './wire-server.ts'
import { settle, someStat } from './fakes.ts'

const test = suite('a connection to a server')

const STAT = { op: 3, stat: someStat() } as const
const failure = (promise: Promise<unknown>): Promise<ZkError> =>
  promise.then(() => { throw new Error('no error') }, (error: ZkError) => error)

test('an idle connection pings at a third of the timeout, and a busy one does not', async () => {
  const { zk, clock, servers } = await wired(9_000)
  const link = servers.last
  await pass(clock, 2_950)
  assert.equal(link.said, [])
  await pass(clock, 100)
  assert.equal(link.said, ['ping'])
  link.plain(Xid.ping)
  for (let i = 0; i < 5; i++) {
    const reading = zk.exists('/a')
    await settle()
    link.reply(link.requests.at(-1)!.xid, { code: 'Ok', result: STAT })
    await reading
    await pass(clock, 2_000)
  }
  assert.equal(link.said.filter((word) => word === 'ping').length, 1)
  await pass(clock, 1_100)
  assert.equal(link.said.filter((word) => word === 'ping').length, 2)
})

test('a session that is to live for longer than a greeting can say asks for the longest', async () => {
  for (const sessionTimeoutMs of [3_000_000_000, Number.MAX_SAFE_INTEGER]) {
    const { servers } = await wired(9_000, { sessionTimeoutMs })
    assert.is(servers.last.hello?.timeoutMs, 2 ** 31 - 1)
  }
})

test('a ping comes after ten seconds at the latest', async () => {
  const { clock, servers } = await wired(60_000)
  await pass(clock, 9_900)
  assert.equal(servers.last.said, [])
  await pass(clock, 200)
  assert.equal(servers.last.said, ['ping'])
})

test('a server that is silent for two thirds of the timeout is left for another', async () => {
  const { zk, clock, servers, states } = await wired(9_000)
  await pass(clock, 5_900)
  assert.is(servers.links.length, 1)
  await pass(clock, 300)
  assert.equal(states, ['suspended'])
  assert.equal(servers.links.map(({ remote }) => remote), ['tcp://one:1', 'tcp://two:2'])
  assert.equal(servers.last.hello?.session, zk.session?.id)
  servers.last.welcome(9_000)
  await settle()
  assert.equal(states, ['suspended', 'connected'])
})

test('a process that stood still reads what came meanwhile before it judges', async () => {
  const { clock, servers, states } = await wired(9_000)
  clock.stall(8_500)
  servers.last.plain(Xid.ping)
  await pass(clock, 1_000)
  assert.equal(states, [])
  assert.equal(servers.last.said, ['ping'])
  servers.last.plain(Xid.ping)
  clock.stall(7_000)
  await pass(clock, 100)
  assert.equal(states, ['suspended'], 'nothing came')
})

test('a machine that slept for longer than the session knows it at once', async () => {
  const { clock, servers, states } = await wired(9_000)
  servers.dead.add('tcp://one:1').add('tcp://two:2')
  clock.sleep(3_600_000)
  await pass(clock, 3_200)
  assert.equal(states, ['suspended', 'lost', 'expired'])
})

test('a process that stood still while it connected reads the answer before it judges', async () => {
  for (const hosts of ['one:1,two:2', 'one:1']) {
    const { zk, clock, servers, states } = await wired(9_000, {}, hosts)
    servers.last.end()
    await pass(clock, 8_000)
    const link = servers.last
    // The server takes the session up now, and its word waits until the process goes on.
    clock.stall(4_500)
    link.welcome(9_000)
    await settle()
    await pass(clock, 100)
    assert.equal([states, link.isOver], [['suspended', 'lost', 'connected'], false], hosts)
    assert.is(zk.status().aliveForMs, Infinity)
  }
})

test('a process that stood still while it connected, and was not answered, is expired', async () => {
  const { clock, servers, states } = await wired(9_000)
  servers.last.end()
  await pass(clock, 8_000)
  clock.stall(4_500)
  await settle()
  assert.equal(states, ['suspended', 'lost'])
  await pass(clock, 50)
  assert.equal(states, ['suspended', 'lost', 'expired'])
  assert.is(clock.timers, 0)
})

test('a session is alive while a server holds it, however long its identities take', async () => {
  const { zk, clock, servers, states } = await wired(9_000)
  const authenticated = zk.addAuth('digest', 'alice:pw')
  await settle()
  servers.last.plain(Xid.auth)
  await authenticated
  servers.last.end()
  await pass(clock, 2_000)
  const second = servers.last
  second.welcome(9_000)
  for (let i = 0; i < 12; i++) {
    await pass(clock, 1_000)
    second.plain(Xid.ping)
  }
  await settle()
  assert.equal(states, ['suspended'])
  // From the last word that the server answered to on, the session has its whole time again.
  second.end()
  await pass(clock, 5_500)
  assert.equal(states, ['suspended'])
  servers.dead.add('tcp://one:1').add('tcp://two:2')
  await pass(clock, 9_000)
  assert.equal(states, ['suspended', 'lost', 'expired'])
})

test('without any server the session is over after four thirds of its timeout', async () => {
  const { zk, clock, servers, states } = await wired(9_000)
  servers.dead.add('tcp://one:1').add('tcp://two:2')
  servers.last.end()
  await pass(clock, 8_900)
  assert.equal(states, ['suspended'])
  const reading = failure(zk.exists('/a'))
  await pass(clock, 200)
  assert.equal(states, ['suspended', 'lost'])
  await pass(clock, 2_800)
  assert.equal(states, ['suspended', 'lost'])
  await pass(clock, 1_200)
  assert.equal(states, ['suspended', 'lost', 'expired'])
  assert.equal([(await reading).code, (await reading).mayHaveHappened], ['SessionExpired', false])
})

test('a server that knows nothing of the session says that it expired', async () => {
  const { servers, states } = await wired(9_000)
  servers.last.end()
  await settle()
  servers.last.welcome(0)
  await settle()
  assert.equal(states, ['suspended', 'expired'])
})

test('identities go first on a new connection, then the watches, then the calls', async () => {
  const { zk, servers } = await wired(9_000)
  const first = servers.last
  const authenticated = zk.addAuth('digest', 'alice:pw')
  await settle()
  first.plain(Xid.auth)
  await authenticated
  const read = zk.get('/a', { watch: () => undefined })
  await settle()
  first.reply(first.requests.at(-1)!.xid, { code: 'Ok', result: { op: 4, data: null, stat: someStat() } })
  await read
  const waiting = zk.get('/b')
  await settle()
  first.end()
  await settle()
  const second = servers.last
  second.welcome(9_000)
  await settle()
  assert.equal(second.said, ['auth alice:pw'])
  second.plain(Xid.auth)
  await settle()
  assert.equal(second.said, ['auth alice:pw', 'op 101', 'op 4'])
  second.plain(second.requests[0]!.xid)
  second.reply(second.requests[1]!.xid, { code: 'NoNode', result: null })
  assert.is((await failure(waiting)).code, 'NoNode')
})

test('many watches are brought back in frames that every server takes', async () => {
  const { zk, servers } = await wired(9_000)
  const first = servers.last
  const reads = []
  for (let i = 0; i < 400; i++) {
    reads.push(zk.exists(`/${String(i).padStart(4, '0')}${'x'.repeat(4_000)}`, { watch: () => undefined }))
  }
  await settle()
  for (const { xid } of first.requests) first.reply(xid, { code: 'Ok', result: STAT })
  await Promise.all(reads)
  first.end()
  await settle()
  const second = servers.last
  second.welcome(9_000)
  for (let answered = 0; answered < 50; answered++) {
    await settle()
    const next = second.requests[answered]
    if (next !== undefined) second.plain(next.xid)
  }
  const counts = second.requests.map(({ request }) =>
    request.op === 101 ? request.data.length + request.exist.length : 0)
  assert.is(counts.reduce((sum, count) => sum + count, 0), 400)
  assert.ok(counts.length > 1 && second.largestBytes < 1_048_575, `${second.largestBytes} bytes`)
})

test('what no server says ends the connection, and only writes that were sent are in doubt', async () => {
  const spoil: readonly ((link: Awaited<ReturnType<typeof wired>>['servers']['last']) => void)[] = [
    (link) => link.bytes(new Uint8Array([0x7f, 0xff, 0xff, 0xff])),
    (link) => link.bytes(new Uint8Array([0xff, 0xff, 0xff, 0xff])),
    (link) => link.bytes(new Uint8Array([0, 0, 0, 3, 1, 2, 3])),
    (link) => link.plain(77),
    (link) => link.end(),
  ]
  for (const [index, act] of spoil.entries()) {
    const { zk, servers, states } = await wired(9_000)
    const first = servers.last
    const writing = failure(zk.set('/a', 'x'))
    const reading = zk.exists('/a')
    await settle()
    act(first)
    await settle()
    const error = await writing
    assert.equal([error.code, error.mayHaveHappened], ['ConnectionLoss', true], `case ${index}`)
    assert.equal(states, ['suspended'], `case ${index}`)
    const second = servers.last
    second.welcome(9_000)
    await settle()
    assert.equal(second.said, ['op 3'], 'the read is sent again')
    second.reply(second.requests[0]!.xid, { code: 'Ok', result: STAT })
    assert.ok(await reading)
  }
})

test('an attempt to connect ends in time', async () => {
  const { zk, clock, servers } = await wired(9_000)
  servers.last.end()
  await settle()
  assert.is(servers.links.length, 2)
  // The second server takes the connection and says nothing.
  await pass(clock, 3_100)
  assert.ok(servers.links.length > 2)
  servers.last.welcome(9_000)
  await settle()
  assert.is(zk.state, 'connected')
})

test.run()
