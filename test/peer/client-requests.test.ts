import { makeRandom } from '../../lib/core/random.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import { writeRequest } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { bytesOf, hexOf } from '../wire/jute-records.ts'
import type { RawClient } from './raw-client.ts'
import { create, dial, join, look, serve } from './raw-client.ts'

const test = suite('requests over the wire')

async function ready(t: Case): Promise<Peer> {
  const peer = await serve(t)
  await peer.ready()
  return peer
}

/** `event type path zxid`, or `reply xid number`. */
async function heard(client: RawClient): Promise<string> {
  const { xid, zxid, number, body } = await client.answer()
  if (xid !== -1) return `reply ${xid} ${number}`
  const type = body.int()
  assert.is(body.int(), 3)
  return `event ${type} ${body.text()} ${zxid === -1 ? -1 : 'zxid'}`
}

async function hear(client: RawClient, count: number): Promise<string[]> {
  const all: string[] = []
  while (all.length < count) all.push(await heard(client))
  return all
}

const setData = (path: string): Request => ({ op: 5, path, data: new Uint8Array(1), version: -1 })

test('who changes what it watches hears of it before its own answer', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  client.request(1, look(3, '/a', true))
  client.request(2, look(8, '/', true))
  client.request(3, create('/a'))
  client.request(4, look(4, '/a', true))
  client.request(5, setData('/a'))
  client.request(6, look(12, '/a', true))
  client.request(7, { op: 2, path: '/a', version: -1 })
  assert.equal(await hear(client, 11), [
    'reply 1 -101', 'reply 2 0', 'event 1 /a zxid', 'event 4 / zxid', 'reply 3 0', 'reply 4 0', 'event 3 /a zxid',
    'reply 5 0', 'reply 6 0', 'event 2 /a zxid', 'reply 7 0',
  ])
})

test('an event has the zxid of its change, and so has the reply', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  assert.is(await client.code(1, look(3, '/a', true)), -101)
  client.request(2, create('/a'))
  const event = await client.answer()
  const reply = await client.answer()
  assert.is(event.zxid, reply.zxid)
  assert.is(reply.zxid, peer.tree.zxid)
  const failed = await client.call(3, create('/a'))
  assert.equal([failed.number, failed.bytes], [-110, 16])
  assert.is(failed.zxid, reply.zxid + 1)
  assert.is((await client.call(4, look(3, '/a'))).zxid, failed.zxid)
})

test('a burst is answered in order, pings too', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  const writer = new JuteWriter()
  const frames: Uint8Array[] = []
  const expected: number[] = []
  for (let xid = 1; xid <= 3_000; xid++) {
    const kind = xid % 5
    if (kind === 0) writeRequest(writer, xid, create(`/n${xid}`))
    else if (kind === 1) writeRequest(writer, xid, look(4, `/n${xid - 1}`))
    else if (kind === 2) writeRequest(writer, -2, { op: 11 })
    else if (kind === 3) writeRequest(writer, xid, { op: 9, path: '/' })
    else writeRequest(writer, xid, { op: 6, path: '/zookeeper' })
    expected.push(kind === 2 ? -2 : xid)
    frames.push(writer.frame())
  }
  client.send(Buffer.concat(frames))
  let zxid = 0
  for (const [at, xid] of expected.entries()) {
    const answer = await client.answer()
    assert.is(answer.xid, xid)
    // The very first read asks for a node that nobody created.
    assert.is(answer.number, at === 0 ? -101 : 0)
    assert.ok(answer.zxid >= zxid)
    zxid = answer.zxid
  }
})

/** Reads and writes of a few nodes, of which some are never there, or have names beyond ASCII. */
function someRequests(count: number, seed: number): Request[] {
  const random = makeRandom(seed)
  const paths = ['/a', '/b', '/ä', '/日本', '/no', '', '/x\0']
  const reads = [3, 4, 4, 4, 8, 12] as const
  return Array.from({ length: count }, (): Request => {
    const path = paths[random.below(paths.length)]!
    const dice = random.below(20)
    if (dice === 0) return create(path)
    if (dice === 1) return setData(path)
    if (dice === 2) return { op: 2, path, version: -1 }
    if (dice === 3) return [{ op: 9, path: '/' }, { op: 11 }, { op: 6, path: '/a' }][random.below(3)] as Request
    return look(reads[random.below(reads.length)]!, path, random.below(10) === 0)
  })
}

test('what is asked together, in chunks of any length, is answered as what is asked one by one', async (t) => {
  for (let seed = 1; seed <= 6; seed++) {
    const requests = someRequests(400, seed)
    const [slow, fast] = [await join(t, await ready(t)), await join(t, await ready(t))]
    const expected: string[] = []
    for (const [at, request] of requests.entries()) {
      slow.request(1 + at, request)
      for (let text = ''; !text.startsWith('reply');) expected.push(text = await heard(slow))
    }
    const writer = new JuteWriter()
    const bytes = Buffer.concat(requests.map((request, at) => {
      writeRequest(writer, 1 + at, request)
      return writer.frame()
    }))
    const random = makeRandom(100 + seed)
    for (let at = 0; at < bytes.length;) {
      const length = 1 + random.below(random.below(4) === 0 ? 20_000 : 300)
      fast.send(bytes.subarray(at, at + length))
      at += length
    }
    assert.equal(await hear(fast, expected.length), expected, `seed ${seed}`)
  }
})

test('a ping is answered with -2 whatever its xid', async (t) => {
  const client = await join(t, await ready(t))
  client.request(77, { op: 11 })
  const { xid, number, bytes } = await client.answer()
  assert.equal([xid, number, bytes], [-2, 0, 16])
})

test('the answers without and with a body have their exact length', async (t) => {
  const client = await join(t, await ready(t))
  const bytes = async (request: Request): Promise<number> => (await client.call(1, request)).bytes
  assert.is(await bytes(create('/a')), 16 + 4 + 2)
  assert.is(await bytes({ ...create('/b'), op: 15 } as Request), 16 + 4 + 2 + 68)
  assert.is(await bytes(setData('/a')), 16 + 68)
  assert.is(await bytes(look(3, '/a')), 16 + 68)
  assert.is(await bytes(look(4, '/a')), 16 + 4 + 1 + 68)
  assert.is(await bytes(look(8, '/a')), 16 + 4)
  assert.is(await bytes(look(12, '/a')), 16 + 4 + 68)
  assert.is(await bytes({ op: 104, path: '/a' }), 16 + 4)
  assert.is(await bytes({ op: 106, path: '/a', mode: 0 }), 16 + 4)
  assert.is(await bytes({ op: 17, path: '/a', type: 3 }), 16)
  assert.is(await bytes({ op: 2, path: '/b', version: -1 }), 16)
  assert.is(await bytes({ op: 9, path: '/b' }), 16 + 4 + 2)
  const { outcome } = await client.call(2, { op: 107 })
  assert.equal(outcome, { code: 'Ok', result: { op: 107, identities: [{ scheme: 'ip', id: '127.0.0.1' }] } })
})

test('an unknown opcode is answered, and ends the connection', async (t) => {
  const peer = await ready(t)
  for (const op of [0, 10, 13, 20, 23, 108, -1, -10, 2 ** 31 - 1]) {
    const client = await join(t, peer)
    const writer = new JuteWriter()
    writer.begin()
    writer.int(7)
    writer.int(op)
    writer.text('/zookeeper')
    writer.int(-1)
    writer.end()
    client.send(writer.frame())
    const { xid, zxid, number, bytes } = await client.answer()
    assert.equal([xid, zxid, number, bytes], [7, -1, -6, 16], `${op}`)
    await client.ended
    assert.is(await client.next(), null)
  }
  assert.is(peer.tree.has('/zookeeper'), true)
})

test('what is not there yet is answered as documented, and the connection stays', async (t) => {
  const client = await join(t, await ready(t))
  client.frame(bytesOf('00000005 00000066 00000000'))
  assert.is(hexOf((await client.next())!), `00000005${'0'.repeat(16)}00000000ffffffff`)
  client.frame(bytesOf('00000006 00000010 ffffffff ffffffff ffffffff ffffffffffffffff'))
  const { xid, number } = await client.answer()
  assert.equal([xid, number], [6, -123])
  assert.is(await client.code(7, { op: 11 }), 0)
})

test('a request that cannot be decoded is answered in its turn, and the connection stays', async (t) => {
  const client = await join(t, await ready(t))
  client.request(1, create('/a'))
  const bodies: readonly (readonly [op: number, body: string])[] = [
    [1, ''], [2, 'ffffffff ffffffff'], [3, 'ffffffff 00'], [4, '7fffffff 2f 00'],
    [5, '00000002 2f61 fffffffe ffffffff'], [6, ''], [7, '00000002 2f61 7fffffff'], [8, '00000008 2f61'],
    [9, '000000'], [12, ''], [14, '00000001'], [14, '00000003 00 ffffffff 00000002 2f61 00'],
    [22, '00000001 00 ffffffff'], [17, '00000002 2f61'], [18, ''],
    [101, ''], [105, '0000000000000000 7fffffff'], [106, '00000002 2f61'], [15, '00'], [19, '00'], [21, '00'],
    [104, ''],
  ]
  for (const [at, [op, body]] of bodies.entries()) {
    const head = [at + 2, op].map((value) => value.toString(16).padStart(8, '0')).join('')
    client.frame(bytesOf(head + body))
  }
  client.request(100, look(3, '/a'))
  assert.equal(await hear(client, bodies.length + 2), [
    'reply 1 0', ...bodies.map((_, at) => `reply ${at + 2} -5`), 'reply 100 0',
  ])
})

test('bad enumerations are undecodable, bad paths are not', async (t) => {
  const client = await join(t, await ready(t))
  assert.is(await client.code(1, { op: 106, path: '/a', mode: 2 }), -5)
  assert.is(await client.code(2, { op: 17, path: '/a', type: 0 }), -5)
  assert.is(await client.code(3, { op: 18, path: '/a', type: 6 }), -5)
  assert.is(await client.code(4, create('/a', null, 7)), -8)
  assert.is(await client.code(5, create('a')), -8)
  assert.is(await client.code(6, create('/a\u0001')), -8)
  assert.is(await client.code(7, look(3, '/a\u0000')), -8)
  assert.is(await client.code(8, { op: 18, path: '/a', type: 3 }), -121)
})

test('a frame without a whole header ends the connection', async (t) => {
  const peer = await ready(t)
  for (const size of [0, 1, 4, 7]) {
    const client = await join(t, peer)
    client.frame(new Uint8Array(size))
    await client.ended
    assert.is(await client.next(), null)
  }
})

test('closing a session: its answer, then the end', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  const watcher = await join(t, peer)
  assert.is(await client.code(1, create('/e', null, 1)), 0)
  assert.is(await watcher.code(1, look(3, '/e', true)), 0)
  client.request(2, { op: -11 })
  const { xid, number, bytes } = await client.answer()
  assert.equal([xid, number, bytes], [2, 0, 16])
  await client.ended
  assert.is(await heard(watcher), 'event 2 /e zxid')
})

test('who authenticates is that from then on', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  const own: Request = {
    op: 1, path: '/own', data: null, acl: [{ perms: 31, scheme: 'auth', id: '' }], flags: 0, ttlMs: -1,
  }
  client.request(1, own)
  client.auth('digest', 'bob:secret')
  client.request(2, own)
  client.request(3, { op: 6, path: '/own' })
  client.auth('ip', 'anything')
  assert.is(await heard(client), 'reply 1 -114')
  const auth = await client.answer()
  assert.equal([auth.xid, auth.zxid, auth.number, auth.bytes], [-4, 0, 0, 16])
  const answers = await hear(client, 3)
  assert.equal(answers.toSorted(), ['reply -4 0', 'reply 2 0', 'reply 3 0'])
  const who = await client.call(5, { op: 107 })
  assert.ok(who.outcome.code === 'Ok' && who.outcome.result.op === 107)
  assert.equal(who.outcome.result.identities.toSorted((one, other) => one.scheme < other.scheme ? -1 : 1), [
    { scheme: 'digest', id: 'bob' }, { scheme: 'ip', id: '127.0.0.1' },
  ])
  const other = await join(t, peer)
  assert.is(await other.code(1, look(4, '/own')), -102)
  other.auth('digest', 'bob:wrong')
  other.auth('digest', 'bob:secret')
  assert.is((await other.answer()).number, 0)
  assert.is((await other.answer()).number, 0)
  assert.is(await other.code(2, look(4, '/own')), 0)
})

test('a reconfiguration is refused, and undecodable like any other request', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  assert.is(await client.code(1, { op: 16, joining: null, leaving: '1', members: null, version: -1 }), -123)
  client.frame(bytesOf('00000002 00000010 ffffffff ffffffff'))
  const { xid, number } = await client.answer()
  assert.equal([xid, number], [2, -5])
})

test('a refused authentication is answered, and ends the connection', async (t) => {
  const peer = await ready(t)
  for (const [scheme, auth] of [['nobody', 'x'], ['sasl', 'x'], ['world', 'anyone'], ['', 'x'], ['digest', null]]) {
    const client = await join(t, peer)
    if (auth === null) client.frame(bytesOf('fffffffc 00000064 00000000 00000006 646967657374 ffffffff'))
    else client.auth(scheme!, auth!)
    const { xid, zxid, number } = await client.answer()
    assert.equal([xid, zxid, number], [-4, 0, -115], scheme!)
    await client.ended
  }
})

test('who claims to be too many is refused, and the connection ends', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  // Again and again the same one counts once.
  for (let round = 0; round < 20; round++) {
    client.auth('digest', `${'u'.repeat(3_000)}:p`)
    assert.is((await client.answer()).number, 0)
  }
  client.auth('digest', `${'v'.repeat(3_000)}:p`)
  assert.is((await client.answer()).number, 0)
  client.auth('digest', `${'w'.repeat(3_000)}:p`)
  assert.is((await client.answer()).number, -115)
  await client.ended
})

test('an authentication that cannot be decoded ends the connection', async (t) => {
  const peer = await ready(t)
  for (const body of ['', '00000000', '00000000 7fffffff', '00000000 00000006 646967657374 00000009 61']) {
    const client = await join(t, peer)
    client.frame(bytesOf(`fffffffc 00000064 ${body}`))
    await client.ended
    assert.is(await client.next(), null)
  }
})

test('a step of SASL is answered with nothing, and ends the connection when it has no token', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  client.frame(bytesOf('00000001 00000066 00000000'))
  const { xid, zxid, number } = await client.answer()
  assert.equal([xid, zxid, number], [1, 0, 0])
  for (const body of ['', '000000', '00000002 61', 'ffffffff']) {
    const other = await join(t, peer)
    other.frame(bytesOf(`00000001 00000066 ${body}`))
    await other.ended
    assert.is(await other.next(), null)
  }
})

const nothing = { data: [], exist: [], child: [], persistent: [], recursive: [] }

test('watches are armed again, and what was missed comes before the answer', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  for (const path of ['/same', '/changed', '/parent', '/quiet']) assert.is(await client.code(1, create(path)), 0)
  const relativeZxid = peer.tree.zxid
  assert.is(await client.code(1, setData('/changed')), 0)
  assert.is(await client.code(1, create('/parent/new')), 0)
  assert.is(await client.code(1, create('/came')), 0)
  const again = await join(t, peer)
  again.request(-8, {
    op: 101, relativeZxid, ...nothing, data: ['/same', '/changed', '/gone'], exist: ['/came', '/comes'],
    child: ['/parent', '/quiet', '/gone2'],
  })
  assert.equal(await hear(again, 6), [
    'event 3 /changed -1', 'event 2 /gone -1', 'event 1 /came -1', 'event 4 /parent -1', 'event 2 /gone2 -1',
    'reply -8 0',
  ])
  again.request(2, setData('/same'))
  again.request(3, create('/comes'))
  again.request(4, create('/quiet/child'))
  again.request(5, setData('/changed'))
  assert.equal(await hear(again, 7), [
    'event 3 /same zxid', 'reply 2 0', 'event 1 /comes zxid', 'reply 3 0', 'event 4 /quiet zxid', 'reply 4 0',
    'reply 5 0',
  ])
})

test('watches that stay are armed again too', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  client.request(9, { op: 105, relativeZxid: 0 as Zxid, ...nothing, persistent: ['/p'], recursive: ['/r'] })
  client.request(10, create('/p'))
  client.request(11, create('/p/x'))
  client.request(12, create('/r'))
  client.request(13, create('/r/x'))
  client.request(14, setData('/p'))
  assert.equal(await hear(client, 11), [
    'reply 9 0', 'event 1 /p zxid', 'reply 10 0', 'event 4 /p zxid', 'reply 11 0', 'event 1 /r zxid', 'reply 12 0',
    'event 1 /r/x zxid', 'reply 13 0', 'event 3 /p zxid', 'reply 14 0',
  ])
})

test('watches end with their connection, not with the session', async (t) => {
  const peer = await ready(t)
  const client = await join(t, peer)
  assert.is(await client.code(1, { op: 106, path: '/a', mode: 1 }), 0)
  const { session, password } = client
  const again = await dial(t, peer)
  assert.ok(await again.hello({ session, password }))
  again.request(1, create('/a'))
  assert.is(await heard(again), 'reply 1 0')
})

test('a multi that fails is answered per operation', async (t) => {
  const client = await join(t, await ready(t))
  const multi: Request = { op: 14, ops: [
    create('/m') as never, { op: 13, path: '/none', version: 1 }, { op: 2, path: '/m', version: -1 },
  ] }
  client.request(1, multi)
  const frame = hexOf((await client.next())!)
  assert.is(frame.slice(24), `${'00000000'}ffffffff00${'00000000'.repeat(2)}ffffffff00${'ffffff9b'.repeat(2)}` +
    `ffffffff00${'fffffffe'.repeat(2)}ffffffff01ffffffff`)
  const empty = await client.call(2, { op: 14, ops: [] })
  assert.equal([empty.number, empty.bytes], [0, 16 + 9])
})

test.run()
