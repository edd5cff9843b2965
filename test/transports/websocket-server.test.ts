import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { makeRandom } from '../../lib/core/random.ts'
import type { Link, Listener } from '../../lib/ports/transport.ts'
import { LinkProbe } from '../../lib/testing/conformance/link-probe.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import type { WebSocketServerOptions } from '../../transports/websocket-server.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { talk } from './places.ts'

const test = suite('websocket-server')
const NOISE = 300
const UPGRADE = 'GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

interface Door {
  readonly listener: Listener
  readonly port: number
  /** Links that came in. */
  readonly links: LinkProbe[]
}

async function open(t: Case, options: WebSocketServerOptions = {}, address = 'ws://127.0.0.1:0'): Promise<Door> {
  const links: LinkProbe[] = []
  const listener = await websocketServer(options).listen!(address, (link: Link) => {
    links.push(new LinkProbe(link).attach())
  })
  t.defer(async () => {
    for (const { link } of links) link.abort()
    await listener.close()
  })
  return { listener, port: Number(new URL(listener.address).port), links }
}

/** The status with which a handshake of a page of `origin` is answered; 101 is a link. */
function shake(port: number, origin: string | null, host = `127.0.0.1:${port}`, at = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, at)
    const lines = [
      'GET / HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...(origin === null ? [] : [`Origin: ${origin}`]), '', '',
    ]
    socket.on('error', reject)
    socket.on('connect', () => void socket.write(lines.join('\r\n')))
    socket.once('data', (head: Buffer) => {
      socket.destroy()
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(head.toString('latin1'))?.[1]))
    })
  })
}

/** Waits until the listener still takes a link and bytes get through. */
async function proveAlive({ listener, links }: Door): Promise<void> {
  const before = links.length
  const here = new LinkProbe(await websocketServer().dial(listener.address)).attach()
  here.send(Uint8Array.of(1, 2, 3))
  const there = links[before]
  assert.ok(there !== undefined, 'no link came in')
  await there.received(3)
  here.close()
  await Promise.all([here.closed(), there.closed()])
}

test('a page of elsewhere is refused, and nothing comes in', async (t) => {
  const door = await open(t)
  for (const origin of ['http://evil.example', 'https://evil.example:8443', 'null', 'file://', 'garbage', '']) {
    assert.is(await shake(door.port, origin), 403, origin)
  }
  assert.is(await shake(door.port, `http://127.0.0.1:${door.port + 1}`), 403, 'another port is another origin')
  assert.is(door.links.length, 0)
  await proveAlive(door)
})

test('who sends no Origin is no page', async (t) => {
  const door = await open(t)
  assert.is(await shake(door.port, null), 101)
  assert.is(door.links.length, 1)
})

test('a page of the listener itself is let in by address, as localhost and by the name the listener has', async (t) => {
  const { port } = await open(t)
  assert.is(await shake(port, `http://127.0.0.1:${port}`), 101)
  assert.is(await shake(port, `http://localhost:${port}`, `localhost:${port}`), 101)
  assert.is(await shake(port, `http://[::1]:${port}`, `[::1]:${port}`), 101)
  const named = await open(t, {}, 'ws://localhost:0')
  const host = `localhost:${named.port}`
  assert.is(await shake(named.port, `http://${host}`, host, 'localhost'), 101)
})

test('a name that was made to point here lets no page in', async (t) => {
  const { port } = await open(t)
  assert.is(await shake(port, `http://rebound.example:${port}`, `rebound.example:${port}`), 403)
})

test('a page of the list is let in, and a star lets in all', async (t) => {
  const { port } = await open(t, { allowOrigins: ['https://app.example'] })
  assert.is(await shake(port, 'https://app.example'), 101)
  assert.is(await shake(port, 'http://app.example'), 403)
  assert.is(await shake(port, 'https://app.example.evil.example'), 403)
  const all = await open(t, { allowOrigins: ['*'] })
  assert.is(await shake(all.port, 'https://anybody.example'), 101)
})

test('a text message and one that is too large end their link with a reason, and no other', async (t) => {
  const door = await open(t, { messageBytes: 1_000 })
  const good = new LinkProbe(await websocketServer().dial(door.listener.address)).attach()
  const messages: readonly (readonly [string | Uint8Array, RegExp, string])[] = [
    ['text', /not binary/, '4000 BadFrame: binary messages only'],
    [new Uint8Array(1_001), /max payload/i, '1009 '],
  ]
  for (const [message, reason, told] of messages) {
    const socket = new WebSocket(door.listener.address)
    await new Promise((resolve) => void socket.once('open', resolve))
    const there = door.links.at(-1)!
    socket.on('error', () => undefined)
    const closed = new Promise<string>((resolve) => {
      socket.once('close', (code: number, text: Buffer) => resolve(`${code} ${text.toString()}`))
    })
    socket.send(message)
    await there.closed()
    assert.match(there.error?.message ?? '', reason)
    assert.is(await closed, told)
  }
  good.send(Uint8Array.of(9))
  await door.links[0]!.received(1)
  await proveAlive(door)
})

/** Ends of connections that say nothing, or half of a handshake. */
function unfinished(port: number): Promise<void>[] {
  return ['', 'GET / HTTP/1.1\r\nHost: here\r\n'].map((words) => new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.on('data', () => undefined)
    socket.once('connect', () => void socket.write(words))
    socket.once('close', () => resolve())
  }))
}

test('who does not finish its handshake in time is ended, whether it says nothing or half of it', async (t) => {
  const door = await open(t, { handshakeMs: 100 })
  const here = new LinkProbe(await websocketServer().dial(door.listener.address)).attach()
  const ends = unfinished(door.port)
  await Promise.all(ends)
  // Whoever finished it in time stays.
  here.send(Uint8Array.of(1))
  await door.links[0]!.received(1)
})

test('who has not finished it when the listener closes is ended with it, and links are not', async (t) => {
  const door = await open(t)
  const ends = unfinished(door.port)
  // They are let in before it.
  const here = new LinkProbe(await websocketServer().dial(door.listener.address)).attach()
  await door.listener.close()
  await Promise.all(ends)
  here.send(Uint8Array.of(1))
  await door.links[0]!.received(1)
})

test('more bytes than one message may have get through at once, in both directions', async (t) => {
  const door = await open(t, { messageBytes: 300_000 })
  const here = new LinkProbe(await websocketServer({ messageBytes: 300_000 }).dial(door.listener.address)).attach()
  const there = door.links[0]!
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251)
  here.send(bytes)
  await there.received(bytes.length)
  there.send(bytes)
  await here.received(bytes.length)
  for (const { chunks } of [here, there]) assert.is(Buffer.concat(chunks).equals(bytes), true)
})

test('who announces a message of megabytes is cut before it takes memory', async (t) => {
  const door = await open(t)
  const socket = connect(door.port, '127.0.0.1')
  t.defer(() => socket.destroy())
  socket.write(UPGRADE)
  await new Promise((resolve) => void socket.once('data', resolve))
  socket.write(Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0))
  await door.links[0]!.closed()
  assert.match(door.links[0]!.error?.message ?? '', /max payload/i)
})

test('a reader that pauses at every message hears of the end all the same', async (t) => {
  const heard: number[] = []
  let listener: Listener | null = null
  const ended = new Promise<void>((resolve) => {
    const accept = (link: Link): void => link.attach({
      onData: (chunk) => {
        heard.push(...chunk)
        link.pause()
      },
      onDrain: () => undefined, onClose: () => resolve(),
    })
    void websocketServer().listen!('ws://127.0.0.1:0', accept).then((open_) => { listener = open_ })
  })
  while (listener === null) await new Promise((resolve) => { setImmediate(resolve) })
  const there = listener as Listener
  t.defer(() => there.close())
  const socket = connect(Number(new URL(there.address).port), '127.0.0.1')
  t.defer(() => socket.destroy())
  socket.write(UPGRADE)
  await new Promise((resolve) => void socket.once('data', resolve))
  // Masked frames in one piece, each with one byte; a goodbye behind them.
  const frame = (byte: number): number[] => [0x82, 0x81, 0, 0, 0, 0, byte]
  socket.end(Uint8Array.from([...frame(1), ...frame(2), ...frame(3), 0x88, 0x80, 0, 0, 0, 0]))
  await ended
  assert.equal(heard, [1, 2, 3])
})

test('a link that is paused between the goodbyes and the end of its socket hears of the end', async (t) => {
  const door = await open(t)
  const socket = connect(door.port, '127.0.0.1')
  t.defer(() => socket.destroy())
  socket.write(UPGRADE)
  await new Promise((resolve) => void socket.once('data', resolve))
  socket.write(Uint8Array.of(0x88, 0x80, 0, 0, 0, 0))
  // Its own goodbye.
  await new Promise((resolve) => void socket.once('data', resolve))
  const there = door.links[0]!
  there.link.pause()
  socket.end(new Uint8Array(100_000))
  await there.closed()
})

test('a refused page that does not end its side is put out', async (t) => {
  const door = await open(t)
  const socket = connect({ port: door.port, host: '127.0.0.1', allowHalfOpen: true })
  let told = ''
  socket.on('data', (chunk: Buffer) => { told += chunk.toString('latin1') })
  socket.on('error', () => socket.destroy())
  socket.write(UPGRADE.replace('Host', 'Origin: https://evil.example\r\nHost'))
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
    // What is said to a socket that is gone is answered by a reset.
    const more = (): void => {
      if (!socket.destroyed) socket.write('more', () => setImmediate(more))
    }
    socket.once('end', more)
  })
  assert.match(told, /^HTTP\/1\.1 403 /)
  await proveAlive(door)
})

test('a listener survives whatever is said to it', async (t) => {
  const door = await open(t)
  const random = makeRandom(7)
  const text = (words: string): Uint8Array => new TextEncoder().encode(words)
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => random.below(256))
  assert.match(await talk(door.port, text('GET / HTTP/1.1\r\nHost: here\r\n\r\n')), /^HTTP\/1\.1 426 /)
  assert.match(await talk(door.port, text('hello\r\n\r\n')), /^HTTP\/1\.1 400 /)
  assert.match(await talk(door.port, text(`GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)), /^HTTP\/1\.1 431 /)
  for (const wrong of [
    UPGRADE.replace('Version: 13', 'Version: 7'), UPGRADE.replace('dGhl', '='), UPGRADE.replace('GET', 'POST'),
    UPGRADE.replace(/Sec-WebSocket-Key.*\r\n/, ''), UPGRADE.replace('websocket', 'h2c'),
  ]) await talk(door.port, text(wrong))
  assert.is(door.links.length, 0, 'none of those is a link')
  for (let i = 0; i < NOISE; i++) {
    const noise = bytes(1 + random.below(400))
    await talk(door.port, ...(i % 2 === 0 ? [noise] : [text(UPGRADE), noise]))
  }
  await Promise.all(door.links.map((link) => link.closed()))
  await proveAlive(door)
}, { timeoutMs: 60_000 })

test.run()
