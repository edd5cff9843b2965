/** What proves that a session is alive, on servers that promise what ZooKeeper's do. */
import { isZkError } from '../../lib/node.ts'
import { acquire } from '../../lib/recipes/index.ts'
import type { Lock } from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import { settle } from '../client/fakes.ts'
import { LineServer } from './line-server.ts'

const test = suite('proofs')

const TIMEOUT_MS = 9_000

/** A lock that was free. */
async function taken(server: LineServer): Promise<Lock> {
  const taking = acquire(server.wire.zk, '/l')
  await server.answer()
  return taking
}

test('a server that answers pings, and commits nothing, keeps no lock', async () => {
  const server = await LineServer.start(TIMEOUT_MS)
  const { zk, clock } = server.wire
  const lock = await taken(server)
  // The server is cut off at once: from here on it proves nothing.
  const proven = clock.now()
  server.commits = false
  let lostMs = Infinity
  lock.signal.addEventListener('abort', () => {
    lostMs = clock.now() - proven
  }, { once: true })
  for (let passedMs = 0; passedMs < TIMEOUT_MS; passedMs += 500) {
    await server.pass(500)
    assert.is(zk.state, 'connected')
  }
  assert.ok(lostMs < TIMEOUT_MS, `lost after ${lostMs} ms`)
  assert.ok(isZkError(lock.signal.reason, 'LockLost'))
})

test('what was written on one connection proves nothing of the next', async () => {
  const server = await LineServer.start(TIMEOUT_MS)
  const { clock, servers, states } = server.wire
  server.names.push('other__lock__0000000000')
  const taking = acquire(server.wire.zk, '/l')
  await server.answer()
  await server.pass(4_000)
  // The next server may be one that is cut off from the leader, and takes the session up all the same.
  servers.last.end()
  await server.pass(1_500)
  servers.last.welcome(TIMEOUT_MS)
  await server.answer()
  assert.equal(states, ['suspended', 'connected'])
  server.commits = false
  server.leave('other__lock__0000000000')
  await server.answer()
  const passed = 5_500
  const lock = await taking
  assert.ok(lock.held && lock.leftMs <= TIMEOUT_MS - passed, `${lock.leftMs} ms are left`)
  let isLost = false
  lock.signal.addEventListener('abort', () => {
    isLost = true
  }, { once: true })
  await server.pass(TIMEOUT_MS - passed)
  assert.ok(isLost && clock.now() > 0)
})

test('whoever gives up does not wait for a proof that does not come', async () => {
  const server = await LineServer.start(TIMEOUT_MS)
  server.names.push('other__lock__0000000000')
  const abort = new AbortController()
  const taking = rejects(acquire(server.wire.zk, '/l', { signal: abort.signal }), 'Aborted')
  await server.answer()
  await server.pass(6_500)
  server.commits = false
  server.leave('other__lock__0000000000')
  await server.answer()
  // It is the first, and so much time has passed that it must be proved.
  assert.is(server.wire.servers.last.requests.at(-1)?.request.op, 14)
  abort.abort()
  await taking
})

test('a lock that is free takes one round trip, and one that is let go another', async () => {
  const server = await LineServer.start(TIMEOUT_MS)
  const { zk, servers } = server.wire
  const first = await taken(server)
  const asked = servers.last.requests.length
  const taking = acquire(zk, '/l')
  await settle()
  const ops = servers.last.requests.slice(asked).map(({ request }) => request.op)
  assert.equal(ops, [15, 8], 'a creation and a list, before anything is answered')
  const releasing = first.release()
  await server.answer()
  await releasing
  const second = await taking
  assert.ok(second.held)
  server.heard.length = 0
  const letting = second.release()
  await server.answer()
  await letting
  const third = await taken(server)
  assert.ok(third.held)
  assert.equal(server.heard, ['delete', 'create', 'children'])
  // Requests to let go are looked for when it is held for a while.
  await server.pass(50)
  assert.is(server.heard.at(-1), 'get')
})

test.run()
