import { assert, suite } from '../harness.ts'
import type { Client } from '../../lib/client/client.ts'
import { isZkError } from '../../lib/core/errors.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import type { Outcome } from '../../lib/core/tree/request.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { writeEvent } from '../../lib/wire/jute/records.ts'
import { writeReply } from '../../lib/wire/jute/replies.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { settle, someStat } from './fakes.ts'
import { wired } from './wire-server.ts'

const test = suite('spoilt replies')

const stat = someStat()
const acl = [{ perms: 31, scheme: 'world', id: 'anyone' }]

/** Calls, and what a server that is in order answers. */
const CALLS: readonly (readonly [(zk: Client) => Promise<unknown>, Outcome])[] = [
  [(zk) => zk.get('/a'), { code: 'Ok', result: { op: 4, data: new Uint8Array([1, 2, 3]), stat } }],
  [(zk) => zk.exists('/a'), { code: 'Ok', result: { op: 3, stat } }],
  [(zk) => zk.children('/a'), { code: 'Ok', result: { op: 8, children: ['b', 'c'] } }],
  [(zk) => zk.childrenWithStat('/a'), { code: 'Ok', result: { op: 12, children: ['b'], stat } }],
  [(zk) => zk.getAcl('/a'), { code: 'Ok', result: { op: 6, acl, stat } }],
  [(zk) => zk.ephemerals(), { code: 'Ok', result: { op: 103, paths: ['/a', '/b'] } }],
  [(zk) => zk.countChildren('/a'), { code: 'Ok', result: { op: 104, total: 3 } }],
  [(zk) => zk.whoAmI(), { code: 'Ok', result: { op: 107, identities: [{ scheme: 'ip', id: '127.0.0.1' }] } }],
  [(zk) => zk.sync('/a'), { code: 'Ok', result: { op: 9, path: '/a' } }],
  [(zk) => zk.create('/a', 'x'), { code: 'Ok', result: { op: 1, path: '/a' } }],
  [(zk) => zk.createWithStat('/a', 'x'), { code: 'Ok', result: { op: 15, path: '/a', stat } }],
  [(zk) => zk.set('/a', 'x'), { code: 'Ok', result: { op: 5, stat } }],
  [(zk) => zk.multi().create('/a', 'x').set('/b', 'y').delete('/c').commit(), {
    code: 'Ok', result: { op: 14, results: [{ op: 1, path: '/a' }, { op: 5, stat }, { op: 2 }] },
  }],
  [(zk) => zk.multiRead().get('/a').children('/b').commit(), {
    code: 'Ok', result: { op: 22, results: [{ op: 4, data: null, stat }, { op: 8, children: ['c'] }] },
  }],
]

/** A copy with up to three bytes changed, behind the length and the xid. */
function spoilt(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice()
  for (let left = 1 + random.below(3); left > 0; left--) {
    copy[8 + random.below(copy.length - 8)] = [0, 1, 0x7f, 0xff, random.below(256)][random.below(5)]!
  }
  return copy
}

/** A copy that ends early; its length says so. */
function cut(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice(0, 4 + random.below(bytes.length - 4))
  new DataView(copy.buffer).setUint32(0, copy.length - 4)
  return copy
}

test('whatever bytes a reply has, the call gets a value or an error of its own, and the client lives', async () => {
  const random = makeRandom(7)
  let refused = 0
  for (let round = 0; round < 60; round++) {
    for (const [index, [call, outcome]] of CALLS.entries()) {
      const { zk, servers } = await wired(9_000)
      const link = servers.last
      const answer = call(zk).then(() => 'value', (error: unknown) => {
        assert.ok(isZkError(error), `round ${round}, call ${index}: ${String(error)}`)
        return 'error'
      })
      await settle()
      const writer = new JuteWriter()
      writeReply(writer, link.requests[0]!.xid, makeZxid(1, 1), outcome)
      link.bytes((round % 4 === 0 ? cut : spoilt)(writer.frame(), random))
      if (link.isOver) refused += 1
      // A read is sent again on the next connection, which has the right answer.
      await settle()
      if (servers.last !== link) {
        servers.last.welcome(9_000)
        await settle()
        for (const { xid } of servers.last.requests) servers.last.reply(xid, outcome)
      }
      await answer
      assert.is(zk.state, 'connected')
    }
  }
  assert.ok(refused > 60, `${refused} replies were refused`)
})

test('whatever bytes an event has, the client lives', async () => {
  const random = makeRandom(8)
  const { zk, clock, servers } = await wired(9_000)
  for (let round = 0; round < 300; round++) {
    // A connection that is brief again and again would be waited for.
    clock.pass(1_000)
    const link = servers.last
    const seen = zk.exists('/a', { watch: () => undefined })
    await settle()
    link.reply(link.requests.at(-1)!.xid, { code: 'Ok', result: { op: 3, stat } })
    await seen
    const writer = new JuteWriter()
    writeEvent(writer, { type: 3, path: '/a', zxid: makeZxid(1, 2) })
    link.bytes((round % 4 === 0 ? cut : spoilt)(writer.frame(), random))
    await settle()
    if (servers.last === link) continue
    servers.last.welcome(9_000)
    await settle()
    for (const { xid } of servers.last.requests) servers.last.plain(xid)
    assert.is(zk.state, 'connected', `round ${round}`)
  }
})

test.run()
