import dns from 'node:dns'
import { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { LinkProbe } from '../../lib/testing/conformance/link-probe.ts'
import { Reading, takeOver } from '../../transports/tcp/reading.ts'
import { writeAtOnce } from '../../transports/tcp/writing.ts'
import { tcp } from '../../transports/tcp.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import type { Link, LinkEvents } from '../../lib/ports/transport.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { nobodysPort } from './places.ts'

const test = suite('tcp')
const none = (): void => undefined
const DEAF: LinkEvents = { onData: none, onDrain: none, onClose: none }

/** What Node connects with: it takes so long to one address. */
function slowConnects(t: Case, slow: string, ms: number): void {
  type Connect = (this: object, request: object, address: string, port: number) => number
  const inner = process as unknown as { binding(name: string): { TCP: { prototype: { connect: Connect } } } }
  const { prototype } = inner.binding('tcp_wrap').TCP
  const { connect } = prototype
  t.defer(() => { prototype.connect = connect })
  prototype.connect = function (request, address, port) {
    if (address !== slow) return connect.call(this, request, address, port)
    setTimeout(() => connect.call(this, request, address, port), ms)
    return 0
  }
}

test('the host that is named is bound, and no other; IPv6 stands in brackets', async (t) => {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
  if (!hasIpv6) {
    await rejects(tcp().listen!('tcp://[::1]:0', () => undefined), 'AddressInvalid')
    return
  }
  const links: LinkProbe[] = []
  const listener = await tcp().listen!('tcp://[::1]:0', (link) => void links.push(new LinkProbe(link).attach()))
  t.defer(() => listener.close())
  assert.match(listener.address, /^tcp:\/\/\[::1\]:\d+$/)
  const here = new LinkProbe(await tcp().dial(listener.address)).attach()
  here.send(Uint8Array.of(1))
  await links[0]!.received(1)
  assert.match(links[0]!.link.remote, /^tcp:\/\/\[::1\]:\d+$/)
  const { port } = new URL(listener.address)
  const error = await tcp().dial(`tcp://127.0.0.1:${port}`).then(() => null, (thrown: unknown) => thrown)
  assert.match(String(error), /cannot reach/)
  here.close()
  await Promise.all([here.closed(), links[0]!.closed()])
})

test('of a name with several addresses it is said why each cannot be reached', async (t) => {
  const port = await nobodysPort()
  const { lookup } = dns
  t.defer(() => { dns.lookup = lookup })
  const found = [{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.2', family: 4 }]
  dns.lookup = ((_: string, __: object, done: (error: null, found: object) => void) => done(null, found)) as never
  const why = new RegExp(`there:${port}: .*127\\.0\\.0\\.1:${port}.*, .*127\\.0\\.0\\.2:${port}`)
  for (const transport of [tcp(), websocketServer()]) {
    const error = await rejects(transport.dial(`${transport.schemes[0]!}://there:${port}`), 'Unreachable')
    assert.match(error.message, why)
  }
})

test('a name with several addresses is reached over a long way, too', async (t) => {
  const { lookup } = dns
  t.defer(() => { dns.lookup = lookup })
  const listeners = await Promise.all([tcp().listen!('tcp://127.0.0.1:0', (link) => link.attach(DEAF)),
    websocketServer().listen!('ws://127.0.0.1:0', (link) => link.attach(DEAF))])
  t.defer(() => Promise.all(listeners.map((listener) => listener.close())))
  const found = [{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.2', family: 4 }]
  dns.lookup = ((_: string, __: object, done: (error: null, found: object) => void) => done(null, found)) as never
  slowConnects(t, '127.0.0.1', 350)
  for (const [index, transport] of [tcp(), websocketServer()].entries()) {
    const link = await transport.dial(listeners[index]!.address.replace('127.0.0.1', 'far'))
    link.attach(DEAF)
    link.abort()
  }
})

test('what is no address is refused with its text', async () => {
  for (const address of [
    'tcp://', 'tcp://host', 'tcp://host:', 'tcp://host:70000', 'tcp://host:1/path', 'tcp://a b:1', 'http://host:1',
    'tcp://::1:80', 'tcp://user@host:1:2', '',
  ]) {
    for (const attempt of [() => tcp().dial(address), () => tcp().listen!(address, () => undefined)]) {
      const error = await attempt().then(() => null, (thrown: unknown) => thrown)
      assert.is((error as { code?: string } | null)?.code, 'AddressInvalid', address)
      assert.ok((error as Error).message.includes(address))
    }
  }
})

test('an address of another machine cannot be listened at', async () => {
  const error = await tcp().listen!(`tcp://192.0.2.1:${await nobodysPort()}`, () => undefined)
    .then(() => null, (thrown: unknown) => thrown)
  assert.is((error as { code?: string } | null)?.code, 'AddressInvalid')
})

test('both ends read without a stream, and what was read stays what it was', async (t) => {
  let accept: (link: Link) => void = () => undefined
  const accepted = new Promise<Link>((resolve) => { accept = resolve })
  const transport = tcp()
  const listener = await transport.listen!('tcp://127.0.0.1:0', accept)
  t.defer(() => listener.close())
  const here = await transport.dial(listener.address)
  const there = await accepted
  const chunks: Uint8Array[] = []
  let bytes = 0
  const sizes = [1, 5, 8_192, 8_193, 70_000, 3, 200_000, 2]
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const ended: Promise<void>[] = []
  await new Promise<void>((resolve) => {
    const onData = (chunk: Uint8Array): void => {
      // A stream would give Buffers.
      assert.is(chunk.constructor, Uint8Array)
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes === 2 * total) resolve()
    }
    for (const link of [here, there]) {
      ended.push(new Promise((onClose) => link.attach({ onData, onDrain: () => undefined, onClose: () => onClose() })))
    }
    for (const [index, size] of sizes.entries()) {
      for (const link of [here, there]) link.send(new Uint8Array(size).fill(index + 1))
    }
  })
  const counts = new Map<number, number>()
  for (const chunk of chunks) for (const byte of chunk) counts.set(byte, (counts.get(byte) ?? 0) + 1)
  assert.equal([...counts.entries()].sort(([a], [b]) => a - b), sizes.map((size, index) => [index + 1, 2 * size]))
  here.close()
  await Promise.all(ended)
})

test('a socket that has no such thing below is left as it is', () => {
  const socket = new Socket()
  assert.is(takeOver(socket, new Reading().port()), null)
  socket.destroy()
})

test('a peer that does not read is cut when the link is closed', async (t) => {
  let accept: (probe: LinkProbe) => void = () => undefined
  const accepted = new Promise<LinkProbe>((resolve) => { accept = resolve })
  const listener = await tcp().listen!('tcp://127.0.0.1:0', (link) => accept(new LinkProbe(link).attach()))
  t.defer(() => listener.close())
  const here = new LinkProbe(await tcp({ closeMs: 50 }).dial(listener.address)).attach()
  here.send(Uint8Array.of(1))
  const there = await accepted
  await there.received(1)
  there.link.pause()
  while (here.send(new Uint8Array(65_536)));
  here.close()
  await here.closed()
  there.link.abort()
  await there.closed()
})

test('what the system takes is written at once, the rest and all behind it by the stream', async (t) => {
  const links: LinkProbe[] = []
  const listener = await tcp().listen!('tcp://127.0.0.1:0', (link) => void links.push(new LinkProbe(link).attach()))
  t.defer(() => listener.close())
  const here = new LinkProbe(await tcp().dial(listener.address)).attach()
  t.defer(() => here.link.abort())
  const prototype = Socket.prototype as unknown as { write: (this: Socket, ...parts: unknown[]) => boolean }
  const { write } = prototype
  let streamed = 0
  t.defer(() => { prototype.write = write })
  prototype.write = function (...parts) {
    streamed++
    return write.apply(this, parts)
  }
  here.send(Uint8Array.of(1))
  assert.is(here.link.hasTaken, true)
  assert.is(streamed, 0)
  await links[0]!.received(1)
  const there = links[0]!
  there.link.pause()
  let sent = 1
  while (here.link.hasTaken === true) sent += send(here, sent, 65_536)
  assert.ok(here.link.queuedBytes > 0 && here.link.queuedBytes <= 65_536, 'no more than the last piece waits')
  assert.is(streamed, 1)
  for (let more = 0; more < 5; more++) sent += send(here, sent, 1_000)
  assert.is(here.link.hasTaken, false)
  assert.is(streamed, 6)
  there.link.resume()
  await there.received(sent)
  assert.ok(there.content().every((byte, at) => byte === (at === 0 ? 1 : at % 251)))
  await here.until(() => here.link.hasTaken === true)
})

/** Bytes that say where they stand. */
function send(probe: LinkProbe, from: number, length: number): number {
  probe.send(Uint8Array.from({ length }, (_, at) => (from + at) % 251))
  return length
}

test('a socket without a descriptor of its own is written by its stream', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const socket = (inner: object): Socket => ({ connecting: false, writableLength: 0, ...inner }) as unknown as Socket
  for (const inner of [{}, { _handle: null }, { _handle: {} }, { _handle: { fd: -1 } }, { _handle: { fd: '1' } }]) {
    assert.is(writeAtOnce(socket(inner), bytes), 0, JSON.stringify(inner))
  }
  // Whatever the system says, it is the stream that meets it: that descriptor is none.
  assert.is(writeAtOnce(socket({ _handle: { fd: 2 ** 30 } }), bytes), 0)
})

test.run()
