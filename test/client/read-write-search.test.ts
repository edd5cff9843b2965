import { assert, suite } from '../harness.ts'
import { sessionIdOf } from '../../lib/core/tree/stat.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { settle } from './fakes.ts'
import type { WireLink } from './wire-server.ts'
import { pass, wired } from './wire-server.ts'

const test = suite('looking for a server that writes')

const answer = (link: WireLink, text: string): void => link.bytes(new TextEncoder().encode(text))

test('on a server that only reads others are asked with growing pauses; the session moves to a writer', async () => {
  const { zk, clock, servers, states } = await wired(60_000, { readOnly: true }, 'one:1,two:2,three:3', true)
  assert.ok(zk.status().readOnly)
  const asked = (): string[] => servers.links.slice(1).map(({ word, remote }) => `${word} ${remote}`)
  await pass(clock, 90, 10)
  assert.equal(asked(), [])
  await pass(clock, 20, 10)
  assert.equal(asked(), ['isro tcp://two:2'])
  answer(servers.last, 'r')
  answer(servers.last, 'o\n')
  await pass(clock, 190, 10)
  assert.is(asked().length, 1)
  await pass(clock, 20, 10)
  assert.equal(asked(), ['isro tcp://two:2', 'isro tcp://three:3'])
  servers.last.end()
  servers.dead.add('tcp://two:2')
  await pass(clock, 420, 10)
  await pass(clock, 820, 10)
  assert.equal(asked().slice(2), ['isro tcp://three:3'], 'two is dead, three is asked again')
  assert.equal(states, [])
  answer(servers.last, 'rw')
  await settle()
  await pass(clock, 50, 10)
  // The ensemble knows nothing of a session that a server on its own gave out.
  assert.equal([servers.last.remote, servers.last.hello?.session], ['tcp://three:3', '0x0'])
  servers.last.welcome(60_000)
  await settle()
  assert.equal([states, zk.status().readOnly], [['suspended', 'connected'], false])
  const { length } = servers.links
  await pass(clock, 5_000)
  assert.is(servers.links.length, length, 'nobody is asked any more')
})

test('a session that the ensemble knows stays itself on a server that only reads, and goes on elsewhere', async () => {
  const { zk, clock, servers, states } = await wired(60_000, { readOnly: true })
  const id = zk.session?.id
  servers.dead.add('tcp://one:1')
  servers.last.end()
  await pass(clock, 100, 10)
  assert.equal([servers.last.remote, servers.last.hello?.session], ['tcp://two:2', id])
  servers.last.welcome(60_000, true)
  await settle()
  assert.equal([zk.state, zk.status().readOnly, zk.status().aliveForMs], ['connected', true, 0])
  servers.dead.clear()
  await pass(clock, 110, 10)
  assert.equal([servers.last.remote, servers.last.word], ['tcp://one:1', 'isro'])
  answer(servers.last, 'rw')
  await pass(clock, 50, 10)
  assert.equal([servers.last.remote, servers.last.hello?.session], ['tcp://one:1', id])
  servers.last.welcome(60_000)
  await settle()
  assert.equal([zk.status().readOnly, zk.status().aliveForMs, zk.session?.id], [false, Infinity, id])
  assert.equal(states, ['suspended', 'connected', 'suspended', 'connected'])
})

test('a session taken up on a server that only reads is asked for again elsewhere', async () => {
  const session = { id: sessionIdOf(makeZxid(1, 9)), password: new Uint8Array(16).fill(4) }
  const { clock, servers } = await wired(60_000, { readOnly: true, session }, 'one:1,two:2', true)
  await pass(clock, 110, 10)
  answer(servers.last, 'rw')
  await pass(clock, 50, 10)
  assert.equal([servers.last.remote, servers.last.hello?.session], ['tcp://two:2', session.id])
})

test('one name may stand for several servers: it is asked, too', async () => {
  const { zk, clock, servers } = await wired(60_000, { readOnly: true }, 'all:1', true)
  await pass(clock, 110, 10)
  assert.equal([servers.last.remote, servers.last.word], ['tcp://all:1', 'isro'])
  answer(servers.last, 'rw')
  await pass(clock, 50, 10)
  servers.last.welcome(60_000)
  await settle()
  assert.equal([zk.state, zk.status().readOnly], ['connected', false])
})

test('a server that says nothing is not waited for', async () => {
  const { clock, servers } = await wired(60_000, { readOnly: true }, 'one:1,two:2', true)
  await pass(clock, 110, 10)
  const silent = servers.last
  await pass(clock, 1_000)
  assert.ok(silent.isOver)
  await pass(clock, 300)
  assert.not.equal(servers.last, silent)
  answer(silent, 'rw')
  await settle()
  assert.is(servers.links.filter(({ hello }) => hello !== null).length, 1, 'its late answer counts for nothing')
})

test('a session of the ensemble that a server on its own takes up stays the session', async () => {
  const { zk, servers, states } = await wired(9_000, { readOnly: true })
  const id = zk.session?.id
  servers.last.end()
  await settle()
  servers.last.welcome(9_000, true)
  await settle()
  assert.equal([zk.status().readOnly, zk.session?.id], [true, id])
  servers.last.end()
  await settle()
  assert.equal([servers.last.hello?.session, states], [id, ['suspended', 'connected', 'suspended']])
})

test('a session that is closed asks no more', async () => {
  const { zk, clock, servers } = await wired(60_000, { readOnly: true }, 'one:1,two:2', true)
  const closing = zk.close()
  await settle()
  servers.links[0]!.reply(servers.links[0]!.requests.at(-1)!.xid, { code: 'Ok', result: { op: -11 } })
  await closing
  await pass(clock, 5_000)
  assert.is(servers.links.length, 1)
  assert.is(clock.timers, 0)
})

test.run()
