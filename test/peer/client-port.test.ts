import type { SessionId } from '../../lib/core/tree/stat.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { writeConnectRequest } from '../../lib/wire/jute/records.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { create, dial, join, look, serve } from './raw-client.ts'
import { hexOf } from '../wire/jute-records.ts'
import type { Peer } from '../../lib/peer/peer.ts'

const test = suite('client port')

async function ready(t: Case): Promise<Peer> {
  const peer = await serve(t)
  await peer.ready()
  return peer
}

test('a new session, with the byte for read-only and without', async (t) => {
  const peer = await ready(t)
  for (const readOnly of [false, true, null]) {
    const client = await dial(t, peer)
    client.write((writer) => writeConnectRequest(writer, {
      lastZxidSeen: makeZxid(0, 0), timeoutMs: 10_000, session: '0x0' as SessionId, password: new Uint8Array(16),
      readOnly,
    }))
    const frame = await client.next()
    assert.ok(frame !== null)
    assert.is(frame.length, readOnly === null ? 36 : 37)
    const hex = hexOf(frame)
    assert.is(hex.slice(0, 16), '0000000000002710')
    assert.is.not(hex.slice(16, 32), '0000000000000000')
    assert.is(hex.slice(32, 40), '00000010')
    assert.is.not(hex.slice(40, 72), '0'.repeat(32))
    // Nobody is read-only here.
    assert.is(hex.slice(72), readOnly === null ? '' : '00')
    assert.is(await client.code(1, create(`/${String(readOnly)}`)), 0)
  }
})

test('a password may be null, and what follows the first word is ignored', async (t) => {
  const peer = await ready(t)
  const client = await dial(t, peer)
  const writer = new JuteWriter()
  writer.begin()
  writer.int(0)
  writer.long(0)
  writer.int(10_000)
  writer.long(0)
  writer.data(null)
  writer.bool(false)
  writer.raw(new Uint8Array(20))
  writer.end()
  client.send(writer.frame())
  const frame = await client.next()
  assert.is(frame?.length, 37)
  assert.is(await client.code(1, { op: 11 }), 0)
})

test('the timeout is between the bounds', async (t) => {
  const peer = await ready(t)
  for (const [asked, given] of [
    [-1, 500], [0, 500], [499, 500], [777, 777], [120_001, 120_000], [2 ** 31 - 1, 120_000],
  ]) {
    const client = await dial(t, peer)
    assert.is((await client.hello({ timeoutMs: asked! }))?.timeoutMs, given)
  }
})

test('a session goes on through another connection, and the one before it is ended', async (t) => {
  const peer = await ready(t)
  const first = await join(t, peer)
  assert.is(await first.code(1, create('/mine', null, 1)), 0)
  const second = await dial(t, peer)
  const { session, password } = first
  const response = await second.hello({ session, password, timeoutMs: 20_000 })
  assert.is(response?.session, session)
  assert.equal(response?.password, password)
  await first.ended
  assert.is(await first.next(), null)
  const mine = await second.call(1, look(3, '/mine'))
  assert.ok(mine.outcome.code === 'Ok' && mine.outcome.result.op === 3)
  assert.is(mine.outcome.result.stat.ephemeralOwner, session)
  assert.is(peer.tree.has('/mine'), true)
})

test('who has the id of a session but not its password ends its connection, and gets nothing', async (t) => {
  const peer = await ready(t)
  const owner = await join(t, peer)
  assert.is(await owner.code(1, create('/mine', null, 1)), 0)
  const thief = await dial(t, peer)
  const { session, password } = owner
  const response = await thief.hello({ session, password: new Uint8Array(16) })
  assert.equal(response, {
    timeoutMs: 0, session: '0x0' as SessionId, password: new Uint8Array(16), readOnly: false,
  })
  await thief.ended
  await owner.ended
  const again = await dial(t, peer)
  assert.is((await again.hello({ session, password }))?.session, session)
  assert.is(await again.code(1, look(3, '/mine')), 0)
})

test('an expired session is told so, in the form that old clients know too', async (t) => {
  const peer = await ready(t)
  const gone = await join(t, peer)
  const { session, password } = gone
  assert.is(await gone.code(1, { op: -11 }), 0)
  await gone.ended
  for (const readOnly of [false, null]) {
    const client = await dial(t, peer)
    client.write((writer) => writeConnectRequest(writer, {
      lastZxidSeen: makeZxid(0, 0), timeoutMs: 10_000, session, password, readOnly,
    }))
    const frame = await client.next()
    assert.is(hexOf(frame!), `${'0'.repeat(32)}00000010${'0'.repeat(32)}${readOnly === null ? '' : '00'}`)
    await client.ended
  }
  const unknown = await dial(t, peer)
  assert.is((await unknown.hello({ session: '0xfedcba9876543210' as SessionId, password }))?.timeoutMs, 0)
  await unknown.ended
})

test('a client that has seen more than there is goes elsewhere', async (t) => {
  const peer = await ready(t)
  const client = await dial(t, peer)
  assert.is(await client.hello({ lastZxidSeen: makeZxid(1_000, 1) }), null)
  const sane = await dial(t, peer)
  assert.ok(await sane.hello({ lastZxidSeen: peer.tree.zxid }))
  const negative = await dial(t, peer)
  assert.ok(await negative.hello({ lastZxidSeen: -1 as never }))
})

test('what is no first word is not answered', async (t) => {
  const peer = await ready(t)
  for (const bytes of [
    Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 0, 0, 3, 1, 2, 3), Uint8Array.of(0x7f, 0xff, 0xff, 0xff),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff), Uint8Array.of(0x80, 0, 0, 0),
    Uint8Array.of(0, 0, 4, 1, ...new Uint8Array(1_025)),
  ]) {
    const client = await dial(t, peer)
    client.send(bytes)
    await client.ended
    assert.is(await client.next(), null)
  }
})

test('requests that come with the first word wait until it is answered', async (t) => {
  const peer = await ready(t)
  const client = await dial(t, peer)
  const writer = new JuteWriter()
  writeConnectRequest(writer, {
    lastZxidSeen: makeZxid(0, 0), timeoutMs: 10_000, session: '0x0' as SessionId, password: new Uint8Array(16),
    readOnly: false,
  })
  const first = writer.frame()
  const burst = new Uint8Array(first.length + 12 * 100)
  burst.set(first)
  for (let round = 0; round < 100; round++) {
    burst.set([0, 0, 0, 8, 0, 0, 0, round, 0, 0, 0, 107], first.length + 12 * round)
  }
  client.send(burst)
  assert.is((await client.next())?.length, 37)
  for (let round = 0; round < 100; round++) assert.is((await client.answer()).xid, round)
})

test('a wrong password ends the connection of a session, whose client comes back; in this process too', async (t) => {
  const peer = await ready(t)
  const zk = await peer.connect()
  t.defer(() => zk.close())
  const mine = await zk.create('/mine', null, { mode: 'ephemeral' })
  const remote = await join(t, peer)
  const states: string[] = []
  zk.on('state', ({ state, code }) => void states.push(`${state} ${code}`))
  for (let round = 0; round < 3; round++) {
    const stranger = await dial(t, peer)
    const response = await stranger.hello({ session: zk.session!.id, password: new Uint8Array(16).fill(7) })
    assert.equal([response?.timeoutMs, response?.session], [0, '0x0'])
    await stranger.ended
    assert.is(await zk.create(`/later${round}`), `/later${round}`)
  }
  assert.equal(states, Array.from({ length: 3 }, () => ['suspended ConnectionLoss', 'connected null']).flat())
  assert.is((await zk.exists(mine))?.ephemeralOwner, zk.session!.id)
  const { session, password } = remote
  const stranger = await dial(t, peer)
  assert.is((await stranger.hello({ session, password: new Uint8Array(16) }))?.timeoutMs, 0)
  await remote.ended
  const again = await dial(t, peer)
  assert.is((await again.hello({ session, password }))?.session, session)
})

test('a session resumed elsewhere while the first connection pipelines is answered on the second alone', async (t) => {
  const peer = await ready(t)
  const first = await join(t, peer)
  const { session, password } = first
  for (let xid = 1; xid <= 200; xid++) first.request(xid, create(`/a${xid}`))
  const second = await dial(t, peer)
  assert.is((await second.hello({ session, password }))?.session, session)
  await first.ended
  assert.is(await second.code(1, create('/b')), 0)
  let answered = 0
  for (let frame = await first.next(); frame !== null; frame = await first.next()) answered++
  // Whatever was answered has happened.
  for (let xid = 1; xid <= answered; xid++) assert.ok(peer.tree.has(`/a${xid}`), `${xid}`)
})

test.run()
