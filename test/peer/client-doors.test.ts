import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { isZkError } from '../../lib/core/errors.ts'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import type { Storage } from '../../lib/ports/storage.ts'
import { makeFrame } from '../../lib/wire/frame.ts'
import { writeConnectRequest } from '../../lib/wire/jute/records.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { memory as memoryStorage } from '../../storage/memory.ts'
import { memory as memoryTransport, MemoryNetwork } from '../../transports/memory.ts'
import { tcp } from '../../transports/tcp.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import { FakeClock } from '../client/fakes.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import type { RawClient } from './raw-client.ts'
import { create, dial, join, look, serve } from './raw-client.ts'

const test = suite('doors for clients')

const BOTH = ['tcp://127.0.0.1:0', 'ws://127.0.0.1:0']
const LIMIT_BYTES = 1_048_575

/** A setData of a path of two bytes that makes a frame of so many bytes. */
function large(frameBytes: number, path = '/a'): Uint8Array {
  const writer = new JuteWriter()
  writer.begin()
  writer.int(1)
  writer.int(5)
  writer.text(path)
  writer.data(new Uint8Array(frameBytes - 22))
  writer.int(-1)
  writer.end()
  assert.is(writer.frame().length, 4 + frameBytes)
  return writer.frame()
}

test('frames up to the limit, over TCP and WebSockets', async (t) => {
  const peer = await serve(t, { clients: BOTH })
  await peer.ready()
  assert.is(DEFAULT_LIMITS.requestBytes, LIMIT_BYTES)
  for (const door of [0, 1]) {
    const client = await join(t, peer, door)
    await client.code(1, create('/a'))
    client.send(large(LIMIT_BYTES))
    assert.is((await client.answer()).number, 0)
    client.send(large(LIMIT_BYTES + 1))
    await client.ended
    assert.is(await client.next(), null)
    assert.is(peer.tree.get('/a')?.data?.length, LIMIT_BYTES - 22)
  }
})

test('the limit is the peer\'s', async (t) => {
  const peer = await serve(t, { limits: { requestBytes: 2_000 } })
  await peer.ready()
  const client = await join(t, peer)
  await client.code(1, create('/a'))
  client.send(large(2_000))
  assert.is((await client.answer()).number, 0)
  client.send(large(2_001))
  await client.ended
})

/** A storage that takes nothing while it stands still. */
function stalling(): { readonly storage: Storage, readonly stall: () => void, readonly goOn: () => void } {
  const memory = memoryStorage()
  let standing: Promise<void> | null = null
  let goOn = (): void => undefined
  return {
    storage: {
      features: memory.features,
      open: () => memory.open(),
      write: async (batch) => {
        await standing
        await memory.write(batch)
      },
      close: () => memory.close(),
    },
    stall: () => { standing = new Promise((resolve) => { goOn = resolve }) },
    goOn: () => goOn(),
  }
}

test('a client that sends faster than the disk takes it is read up to the bound, and answered once the disk goes on',
  async (t) => {
    const { storage, stall, goOn } = stalling()
    const boundBytes = 4 * 1024 * 1024
    const peer = await serve(t, {
      clock: new FakeClock(), storage, limits: { clientQueueBytes: boundBytes },
      clients: { listen: BOTH, words: ['cons'] },
    })
    await peer.ready()
    const count = 40
    for (const door of [0, 1]) {
      const client = await join(t, peer, door)
      assert.is(await client.code(1, create(`/${door}`)), 0)
      stall()
      const frame = large(LIMIT_BYTES, `/${door}`)
      for (let i = 0; i < count; i++) client.send(frame)
      let queued = 0
      for (let isRead = true; isRead && queued < count;) {
        const word = await dial(t, peer)
        word.send(new TextEncoder().encode('cons'))
        const [, interest, requests] = /\[(\d)\]\(queued=([1-9]\d*),/.exec(await word.text()) ?? ['', '1', '0']
        isRead = (Number(interest) & 1) > 0
        queued = Number(requests)
      }
      assert.is(queued, Math.floor(boundBytes / LIMIT_BYTES) + 1, 'the bound, and one request')
      goOn()
      for (let i = 0; i < count; i++) assert.is((await client.answer()).number, 0)
      assert.is(peer.tree.get(`/${door}`)?.stat.version, count)
    }
  })

/** True when the connection came to be a session; one too many may be reset before it stands. */
async function enters(t: Case, peer: Peer, door = 0): Promise<boolean> {
  let client: RawClient
  try {
    client = await dial(t, peer, door)
  } catch (error) {
    assert.ok(isZkError(error, 'Unreachable'))
    return false
  }
  return await client.hello() !== null
}

test('so many connections of one address', async (t) => {
  const peer = await serve(t, { clients: { listen: BOTH, perAddress: 3 } })
  await peer.ready()
  const first = await join(t, peer)
  await join(t, peer, 1)
  // One that has not said a word counts too.
  const silent = await dial(t, peer)
  assert.is(await enters(t, peer), false)
  assert.is(await enters(t, peer, 1), false)
  silent.link.close()
  await silent.ended
  while (!await enters(t, peer)) await new Promise((resolve) => { setImmediate(resolve) })
  first.link.abort()
  while (!await enters(t, peer, 1)) await new Promise((resolve) => { setImmediate(resolve) })
})

test('so many connections in all', async (t) => {
  const peer = await serve(t, { clients: { listen: BOTH, perAddress: 0, connections: 2 } })
  await peer.ready()
  await join(t, peer)
  await join(t, peer, 1)
  for (const door of [0, 1, 0]) assert.is(await enters(t, peer, door), false)
})

test('none of the bounds', async (t) => {
  const peer = await serve(t, { clients: { listen: BOTH, perAddress: 0 } })
  await peer.ready()
  for (let count = 0; count < 70; count++) await join(t, peer, count % 2)
})

/** A peer whose time passes when the case says so, serving. */
async function timed(t: Case): Promise<{ readonly peer: Peer, readonly clock: FakeClock }> {
  const clock = new FakeClock()
  const peer = await serve(t, { clock, clients: BOTH })
  await peer.ready()
  return { peer, clock }
}

/** Time passes in steps that a peer does not take for a stall of its process. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    clock.pass(50)
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => { setImmediate(resolve) })
  }
}

test('a connection without a session ends after 10 s', async (t) => {
  const { peer, clock } = await timed(t)
  const silent = await dial(t, peer)
  const half = await dial(t, peer)
  half.send(Uint8Array.of(0, 0, 0, 45, 0, 0))
  const web = await dial(t, peer, 1)
  const word = await dial(t, peer)
  word.send(Uint8Array.of(0x73, 0x74, 0x6d))
  const good = await join(t, peer)
  // Whatever waits in a socket is there by the time that a later request was answered.
  assert.is(await good.code(1, { op: 11 }), 0)
  let ended = 0
  for (const client of [silent, half, web, word]) void client.ended.then(() => { ended++ })
  for (let second = 0; second < 10; second++) {
    await pass(clock, 1_000)
    assert.is(await good.code(1, { op: 11 }), 0)
  }
  assert.is(ended, 0)
  await pass(clock, 1_100)
  await Promise.all([silent.ended, half.ended, web.ended, word.ended])
  assert.is(await good.code(1, { op: 11 }), 0)
})

test('a client that says nothing more is cut, and its session expires', async (t) => {
  const { peer, clock } = await timed(t)
  const silent = await join(t, peer)
  assert.is(await silent.code(1, create('/e', null, 1)), 0)
  const { timeoutMs } = silent
  await pass(clock, timeoutMs + 1_000)
  await silent.ended
  assert.is(peer.tree.has('/e'), false)
})

/** What a connection answers to bytes that come in these pieces, until it ends. */
function ask(peer: Peer, pieces: readonly Uint8Array[]): Promise<string> {
  const port = Number(/\d+$/.exec(peer.status().clientAddresses[0]!)?.[0])
  return new Promise((resolve, reject) => {
    let text = ''
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    const queue = pieces.slice()
    const next = (): void => {
      const piece = queue.shift()
      // A turn of the loop between two pieces: they are read one by one.
      if (piece !== undefined) socket.write(piece, () => setImmediate(next))
    }
    socket.on('connect', next)
  })
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))
const letters = (text: string): Uint8Array[] => [...ascii(text)].map((byte) => Uint8Array.of(byte))

test('four-letter words before there is a quorum', async (t) => {
  const network = new MemoryNetwork()
  const peer = await serve(t, {
    ensemble: { name: 'test', members: { 1: 'memory://1', 2: 'memory://2', 3: 'memory://3' } },
    transports: [memoryTransport(network), tcp(), websocketServer()],
    clients: { listen: BOTH, words: ['*'] },
  })
  const silence = 'This ZooKeeper instance is not currently serving requests\n'
  assert.is(await ask(peer, [ascii('ruok')]), 'imok')
  assert.is(await ask(peer, letters('srvr')), silence)
  assert.is(await ask(peer, [ascii('stat\n')]), silence)
  assert.is(await ask(peer, [ascii('mntr\r\nand more that nobody reads')]), silence)
  assert.is(await ask(peer, [ascii('isro')]), 'null')
  const word = await dial(t, peer, 1)
  const text = word.text()
  word.send(ascii('ruok'))
  assert.is(await text, 'imok')
  // A client is not served, and told nothing.
  assert.is(await enters(t, peer), false)
  assert.is(await enters(t, peer, 1), false)
})

test('the words that are not allowed', async (t) => {
  const peer = await serve(t, { clients: { listen: BOTH, words: ['ruok'] } })
  await peer.ready()
  assert.is(await ask(peer, [ascii('ruok')]), 'imok')
  assert.match(await ask(peer, [ascii('srvr')]), /^Zookeeper version: /)
  assert.is(await ask(peer, [ascii('dump')]), 'dump is not executed because it is not in the whitelist.\n')
  assert.is(await ask(peer, [Uint8Array.of(0xff, 0xf4, 0xff, 0xfd, 6)]),
    'telnet close is not executed because it is not in the whitelist.\n')
})

test('stmk takes eight more bytes, however they come', async (t) => {
  const peer = await serve(t, { clients: { listen: BOTH, words: ['*'] } })
  await peer.ready()
  const mask = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2)
  const whole = Uint8Array.from([...ascii('stmk'), ...mask])
  assert.is(await ask(peer, [whole]), '258')
  assert.is(await ask(peer, [whole.subarray(0, 7), whole.subarray(7)]), '258')
  assert.is(await ask(peer, [...whole].map((byte) => Uint8Array.of(byte))), '258')
  assert.is(await ask(peer, [ascii('gtmk')]), '258')
})

test('a word after the first frame is no word', async (t) => {
  const peer = await serve(t, { clients: { listen: BOTH, words: ['*'] } })
  await peer.ready()
  const client = await join(t, peer)
  client.send(ascii('ruok'))
  await client.ended
  assert.is(await client.next(), null)
})

test('the same bytes over WebSockets, in messages of any size', async (t) => {
  const peer = await serve(t, { clients: BOTH })
  await peer.ready()
  const client = await dial(t, peer, 1)
  const writer = new JuteWriter()
  writeConnectRequest(writer, {
    lastZxidSeen: makeZxid(0, 0), timeoutMs: 10_000, session: '0x0' as never, password: new Uint8Array(16),
    readOnly: false,
  })
  for (const byte of writer.frame()) client.send(Uint8Array.of(byte))
  assert.is((await client.next())?.length, 37)
  assert.is(await client.code(1, create('/web')), 0)
  const frames = Buffer.concat([1, 2, 3].map((xid) => makeFrame(Uint8Array.of(0, 0, 0, xid, 0, 0, 0, 107))))
  for (let at = 0; at < frames.length; at += 5) client.send(frames.subarray(at, at + 5))
  for (const xid of [1, 2, 3]) assert.is((await client.answer()).xid, xid)
  const other = await join(t, peer)
  assert.is(await other.code(1, look(3, '/web')), 0)
})

/** The status of a WebSocket handshake by a page of this origin. */
function shake(peer: Peer, origin: string): Promise<number> {
  const port = Number(/\d+$/.exec(peer.status().clientAddresses[1]!)?.[0])
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', reject)
    socket.on('connect', () => void socket.write([
      'GET / HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Connection: Upgrade', 'Upgrade: websocket',
      'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', `Origin: ${origin}`, '', '',
    ].join('\r\n')))
    socket.once('data', (head: Buffer) => {
      socket.destroy()
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(head.toString('latin1'))?.[1]))
    })
  })
}

test('a page of somebody else may not connect', async (t) => {
  const peer = await serve(t, { clients: BOTH })
  await peer.ready()
  const port = /\d+$/.exec(peer.status().clientAddresses[1]!)![0]
  assert.is(await shake(peer, 'https://evil.example'), 403)
  assert.is(await shake(peer, `http://evil.example:${port}`), 403)
  assert.is(await shake(peer, `http://127.0.0.1:${port}`), 101)
})

test('real addresses, and none after the end', async (t) => {
  const peer = await serve(t, { clients: BOTH })
  const { clientAddresses } = peer.status()
  assert.match(clientAddresses[0]!, /^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/)
  assert.match(clientAddresses[1]!, /^ws:\/\/127\.0\.0\.1:[1-9]\d+$/)
  await peer.ready()
  const client = await join(t, peer)
  await peer.stop()
  await client.ended
  for (const address of clientAddresses) {
    const transport = address.startsWith('tcp') ? tcp() : websocketServer()
    let isRefused = false
    await transport.dial(address).then((link) => link.abort(), () => { isRefused = true })
    assert.ok(isRefused, address)
  }
})

test.run()
