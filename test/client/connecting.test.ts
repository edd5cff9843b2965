import { assert, suite } from '../harness.ts'
import { connectRemote } from '../../lib/client/connect.ts'
import type { RemoteConnectOptions } from '../../lib/client/connect.ts'
import type { Client } from '../../lib/client/client.ts'
import type { ZkError } from '../../lib/core/errors.ts'
import { sessionIdOf } from '../../lib/core/tree/stat.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { settle } from './fakes.ts'
import type { WireLink } from './wire-server.ts'
import { pass, SleepyClock, WireServers } from './wire-server.ts'

const test = suite('opening a session with servers')

interface Attempt {
  readonly clock: SleepyClock
  readonly servers: WireServers
  /** A text before there is an end. */
  readonly result: () => Client | ZkError | 'pending'
}

/** Begins to connect to two servers, `one` and `two`. */
async function attempt(options: RemoteConnectOptions = {}, dead: readonly string[] = []): Promise<Attempt> {
  const clock = new SleepyClock()
  const servers = new WireServers()
  for (const address of dead) servers.dead.add(address)
  let result: Client | ZkError | 'pending' = 'pending'
  connectRemote('zk://one:1,two:2', { shuffle: false, sessionTimeoutMs: 9_000, ...options }, {
    clock, transports: [servers],
  }).then((zk) => { result = zk }, (error: ZkError) => { result = error })
  await settle()
  return { clock, servers, result: () => result }
}

/** The error that the attempt ended with. */
function errorOf({ result }: Attempt): ZkError {
  const error = result()
  assert.instance(error, Error)
  return error as ZkError
}

test('where nobody listens the attempt ends when it was told to, and says why', async () => {
  const opening = await attempt({ connectTimeoutMs: 4_000 }, ['tcp://one:1', 'tcp://two:2'])
  await pass(opening.clock, 3_990, 10)
  assert.is(opening.result(), 'pending')
  await pass(opening.clock, 20, 10)
  const error = errorOf(opening)
  assert.is(error.code, 'OperationTimeout')
  assert.match(error.message, /nobody listens at/)
  assert.is((error.cause as ZkError).code, 'Unreachable')
  assert.is(opening.clock.timers, 0)
})

test('without a word from the caller it ends after fifteen seconds', async () => {
  const opening = await attempt({}, ['tcp://one:1', 'tcp://two:2'])
  await pass(opening.clock, 14_900)
  assert.is(opening.result(), 'pending')
  await pass(opening.clock, 200)
  assert.is(errorOf(opening).code, 'OperationTimeout')
})

test('a server that takes the connection and says nothing is left for the next, and nothing stays open', async () => {
  const opening = await attempt({ connectTimeoutMs: 7_000 })
  const { clock, servers } = opening
  await pass(clock, 3_100)
  const links = servers.links.map(({ remote, isOver }) => `${remote} ${isOver}`)
  assert.equal(links, ['tcp://one:1 true', 'tcp://two:2 false'])
  await pass(clock, 4_000)
  assert.is(errorOf(opening).code, 'OperationTimeout')
  assert.ok(servers.links.every(({ isOver }) => isOver))
  assert.is(clock.timers, 0)
})

test('an answer that is none is no session: the next server is asked at once', async () => {
  const answers: readonly ((link: WireLink) => void)[] = [
    (link) => link.bytes(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n')),
    (link) => link.bytes(new Uint8Array([0, 0, 0, 0])),
    (link) => link.bytes(new Uint8Array([0, 0, 0, 5, 0, 0, 0, 0, 0])),
    (link) => link.frames((writer) => {
      writer.begin()
      writer.int(0)
      writer.int(9_000)
      writer.long(7)
      // The length of a password that does not follow.
      writer.int(0x7fff_ffff)
      writer.end()
    }),
    (link) => link.end(),
  ]
  for (const [index, answer] of answers.entries()) {
    const { servers, result } = await attempt()
    answer(servers.last)
    await settle()
    assert.equal(servers.links.map(({ remote }) => remote), ['tcp://one:1', 'tcp://two:2'], `case ${index}`)
    assert.ok(servers.links[0]?.isOver, `case ${index}`)
    servers.last.welcome(9_000)
    await settle()
    assert.is((result() as Client).state, 'connected', `case ${index}`)
  }
})

test('a session taken up that nobody knows is an error of connect', async () => {
  const session = { id: sessionIdOf(makeZxid(1, 9)), password: new Uint8Array(16).fill(4) }
  const opening = await attempt({ session })
  const { hello } = opening.servers.last
  assert.equal([hello?.session, hello?.password], [session.id, session.password])
  opening.servers.last.welcome(0)
  await settle()
  assert.is(errorOf(opening).code, 'SessionExpired')
  assert.equal([opening.servers.links.length, opening.clock.timers], [1, 0])
})

test('a signal ends the attempt and its connection', async () => {
  const controller = new AbortController()
  const opening = await attempt({ signal: controller.signal })
  controller.abort()
  await settle()
  assert.is(errorOf(opening).code, 'Aborted')
  assert.ok(opening.servers.last.isOver)
  assert.is(opening.clock.timers, 0)
})

test('only a client that asked for it says so to a server', async () => {
  assert.is((await attempt()).servers.last.hello?.readOnly, false)
  assert.is((await attempt({ readOnly: true })).servers.last.hello?.readOnly, true)
})

test.run()
