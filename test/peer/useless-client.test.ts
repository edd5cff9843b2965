import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import type { Link, LinkEvents, Transport } from '../../lib/ports/transport.ts'
import { writeRequest } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { tcp } from '../../transports/tcp.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import type { RawClient } from './raw-client.ts'
import { create, join, look, serve } from './raw-client.ts'

const test = suite('a client that cannot be served')

/** More than what leaves only with the turn. */
const LARGE = new Uint8Array(300_000)

/** TCP whose last link takes bytes as it is told. */
class Moody {
  mood: 'good' | 'full' | 'broken' = 'good'
  /** The end of its last link is an exception. */
  isEndless = false
  events: LinkEvents | null = null
  #last: Link | null = null

  transport(): Transport {
    const inner = tcp()
    return {
      schemes: inner.schemes, features: inner.features, dial: (address) => inner.dial(address),
      listen: (address, onLink) => inner.listen!(address, (link) => onLink(this.#wrapped(link))),
    }
  }

  #wrapped(link: Link): Link {
    this.#last = link
    return {
      remote: link.remote,
      get queuedBytes() { return link.queuedBytes },
      attach: (events) => {
        this.events = events
        link.attach(events)
      },
      send: (bytes) => {
        const mood = link === this.#last ? this.mood : 'good'
        if (mood === 'broken') throw new RangeError('Invalid typed array length')
        return link.send(bytes) && mood !== 'full'
      },
      pause: () => link.pause(),
      resume: () => link.resume(),
      close: () => link.close(),
      abort: (reason) => {
        link.abort(reason)
        if (link === this.#last && this.isEndless) throw new Error('this link does not end')
      },
    }
  }
}

interface Scene {
  readonly moody: Moody
  readonly peer: Peer
  readonly good: RawClient
  readonly bad: RawClient
  readonly errors: string[]
}

async function scene(t: Case, clientQueueBytes = 64 * 1024 * 1024): Promise<Scene> {
  const moody = new Moody()
  const errors: string[] = []
  const quiet = (): void => undefined
  const peer = await serve(t, {
    transports: [moody.transport()], limits: { clientQueueBytes },
    logger: { debug: quiet, info: quiet, warn: quiet, error: (message) => void errors.push(message) },
  })
  await peer.ready()
  const good = await join(t, peer)
  assert.is(await good.code(1, create('/large', LARGE)), 0)
  const bad = await join(t, peer)
  return { moody, peer, good, bad, errors }
}

/** It alone is ended, and somebody is told. */
async function check({ peer, good, bad, errors }: Scene): Promise<void> {
  await bad.ended
  assert.equal(errors, ['a client could not be served'])
  assert.is(await good.code(2, look(3, '/large')), 0)
  assert.is(peer.status().connections, 1)
}

/** A write, and reads that must wait for it, in one piece. */
function readsBehindAWrite(bad: RawClient, reads: number, read = look(4, '/large')): void {
  const writer = new JuteWriter()
  const frames: Uint8Array[] = []
  writeRequest(writer, 1, create('/a'))
  frames.push(writer.frame())
  for (let xid = 2; xid < 2 + reads; xid++) {
    writeRequest(writer, xid, read)
    frames.push(writer.frame())
  }
  bad.send(Buffer.concat(frames))
}

test('when its read is answered on the spot', async (t) => {
  const all = await scene(t)
  all.moody.mood = 'broken'
  all.bad.request(1, look(4, '/large'))
  await check(all)
})

test('when the replica answers', async (t) => {
  const all = await scene(t)
  all.moody.mood = 'broken'
  readsBehindAWrite(all.bad, 1)
  await check(all)
})

test('when its link has room again', async (t) => {
  const all = await scene(t)
  all.moody.mood = 'full'
  readsBehindAWrite(all.bad, 2)
  for (let xid = 1; xid <= 2; xid++) assert.is((await all.bad.answer()).xid, xid)
  all.moody.mood = 'broken'
  all.moody.events!.onDrain()
  await check(all)
})

test('when it takes none of its long lists: they count by what they say', async (t) => {
  const acl = Array.from({ length: 200 }, (_, at) => ({ perms: 31, scheme: 'ip', id: `10.0.${at}.1` }))
  acl.push({ perms: 31, scheme: 'world', id: 'anyone' })
  const held = { op: 1, data: null, acl: OPEN_ACL, flags: 1, ttlMs: -1 } as const
  const ops = Array.from({ length: 200 }, (_, at) => ({ ...held, path: `/${at}-${'x'.repeat(60)}` }))
  const requests: readonly (readonly [Request, Request])[] = [
    [{ op: 7, path: '/large', acl, version: -1 }, { op: 6, path: '/large' }],
    [{ op: 14, ops }, { op: 103, path: '/' }],
  ]
  for (const [before, read] of requests) {
    const { moody, peer, good, bad } = await scene(t, 4 * 1024 * 1024)
    assert.is(await bad.code(9, before), 0)
    moody.mood = 'full'
    readsBehindAWrite(bad, 1_000, read)
    await bad.ended
    assert.is(await good.code(2, look(3, '/large')), 0)
    assert.is(peer.status().connections, 1)
  }
})

test('when even its end fails: the replica, which answers it, does not hear of that', async (t) => {
  for (const asks of ['reads', 'watches'] as const) {
    const { moody, peer, good, bad, errors } = await scene(t, 64 * 1024)
    if (asks === 'watches') assert.is(await bad.code(9, { op: 106, path: '/', mode: 1 }), 0)
    moody.isEndless = true
    moody.mood = asks === 'reads' ? 'broken' : 'full'
    if (asks === 'reads') readsBehindAWrite(bad, 1)
    // The first event fills the link, the others wait.
    assert.is(await good.code(2, create('/first')), 0)
    const made = { op: 1, data: null, acl: OPEN_ACL, flags: 0, ttlMs: -1 } as const
    const ops = Array.from({ length: 1_000 }, (_, at) => ({ ...made, path: `/${asks}-${at}` }))
    assert.is(await good.code(3, { op: 14, ops }), 0)
    await bad.ended
    assert.is(await good.code(4, look(3, '/large')), 0)
    assert.is(peer.status().connections, 1)
    const expected = asks === 'reads' ? ['a client could not be served', 'a client could not be told']
      : ['a client could not be told']
    assert.equal(errors, expected)
  }
})

test.run()
