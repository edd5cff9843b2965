import { WebSocket } from 'ws'
import type { Peer } from '../../lib/peer/peer.ts'
import { FrameReader } from '../../lib/wire/frame.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import { writeRequest } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { tcp } from '../../transports/tcp.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { greeting } from './attacks.ts'
import { portOf } from './hurl.ts'
import { create, join, serve } from './raw-client.ts'

const test = suite('clients over WebSockets')

const MESSAGE_BYTES = 2_000_000

async function ready(t: Case): Promise<Peer> {
  const peer = await serve(t, {
    transports: [tcp(), websocketServer({ allowOrigins: ['https://app.example'], messageBytes: MESSAGE_BYTES })],
    clients: ['tcp://127.0.0.1:0', 'ws://127.0.0.1:0'],
  })
  await peer.ready()
  return peer
}

/** One page, or a program when it has no origin. */
class Page {
  readonly socket: WebSocket
  /** `open`, or why not. */
  readonly opened: Promise<string>
  /** Code and reason. */
  readonly closed: Promise<string>
  readonly #frames = new FrameReader(MESSAGE_BYTES)
  readonly #arrived: Uint8Array[] = []
  #waiting: (() => void) | null = null

  constructor(t: Case, peer: Peer, origin?: string) {
    const options = origin === undefined ? {} : { origin }
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(peer, 1)}`, { perMessageDeflate: false, ...options })
    this.socket = socket
    t.defer(() => socket.terminate())
    this.opened = new Promise((resolve) => {
      socket.once('open', () => resolve('open'))
      socket.on('error', (error) => resolve(error.message))
    })
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number, reason: Buffer) => resolve(`${code} ${reason.toString()}`.trim()))
    })
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      assert.ok(isBinary)
      this.#frames.push(data)
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) this.#arrived.push(frame)
      this.#waiting?.()
    })
  }

  async frame(): Promise<JuteReader> {
    while (this.#arrived.length === 0) await new Promise<void>((resolve) => { this.#waiting = resolve })
    return new JuteReader().reset(this.#arrived.shift()!)
  }

  /** The xid and the number of the next answer. */
  async answer(): Promise<readonly [xid: number, number: number]> {
    const reader = await this.frame()
    const xid = reader.int()
    reader.long()
    return [xid, reader.int()]
  }
}

function requests(paths: readonly string[]): Uint8Array {
  const writer = new JuteWriter()
  return new Uint8Array(Buffer.concat(paths.map((path, at) => {
    writeRequest(writer, at + 1, create(path))
    return writer.frame()
  })))
}

test('a page of elsewhere is refused, one of the list and a program are served', async (t) => {
  const peer = await ready(t)
  for (const origin of ['https://evil.example', 'http://app.example', 'https://app.example.evil.example', 'null']) {
    assert.is(await new Page(t, peer, origin).opened, 'Unexpected server response: 403', origin)
  }
  assert.is(peer.status().connections, 0)
  for (const [at, origin] of ['https://app.example', undefined].entries()) {
    const page = new Page(t, peer, origin)
    assert.is(await page.opened, 'open')
    page.socket.send(greeting())
    await page.frame()
    page.socket.send(requests([`/page${at}`]))
    assert.equal(await page.answer(), [1, 0])
  }
})

test('where a message ends means nothing', async (t) => {
  const peer = await ready(t)
  const paths = Array.from({ length: 20 }, (_, at) => `/one${at}`)
  const stream = new Uint8Array(Buffer.concat([greeting(), requests(paths)]))
  for (const size of [1, 7, 50, stream.length]) {
    const page = new Page(t, peer)
    await page.opened
    for (let at = 0; at < stream.length; at += size) page.socket.send(stream.subarray(at, at + size))
    await page.frame()
    for (const at of paths.keys()) assert.equal(await page.answer(), [at + 1, size === 1 ? 0 : -110])
  }
})

test('a text and a message above the limit end their connection, not their session, and no other', async (t) => {
  const peer = await ready(t)
  const good = await join(t, peer, 1)
  for (const [message, reason] of [
    ['text', '4000 BadFrame: binary messages only'], [new Uint8Array(MESSAGE_BYTES + 1), '1009'],
  ] as const) {
    const page = new Page(t, peer)
    await page.opened
    page.socket.send(greeting(60_000))
    await page.frame()
    const { sessions } = peer.status()
    page.socket.send(message)
    assert.is(await page.closed, reason)
    while (peer.status().connections > 1) await new Promise((resolve) => { setImmediate(resolve) })
    assert.is(peer.status().sessions, sessions)
  }
  assert.is(await good.code(1, create('/good')), 0)
})

test.run()
