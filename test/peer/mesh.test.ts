import type { LinkId } from '../../lib/core/effects.ts'
import { isZkError } from '../../lib/core/errors.ts'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { MemberAddresses } from '../../lib/peer/members.ts'
import { checkReachability } from '../../lib/peer/members.ts'
import { Mesh } from '../../lib/peer/mesh.ts'
import type { MeshOptions } from '../../lib/peer/mesh.ts'
import type { Refusal } from '../../lib/peer/pair.ts'
import { SILENT } from '../../lib/ports/logger.ts'
import type { Transport } from '../../lib/ports/transport.ts'
import { FrameReader, makeFrame } from '../../lib/wire/frame.ts'
import { shakeHands } from '../../lib/wire/handshake.ts'
import { Packing } from '../../lib/wire/pack.ts'
import { PeerCodec } from '../../lib/wire/peer-protocol.ts'
import { PeerLink } from '../../lib/peer/peer-link.ts'
import { assert, suite } from '../harness.ts'
import { VirtualNetwork, VirtualTime } from './virtual-network.ts'

const test = suite('mesh')

/** A mesh and what it told. */
class Station {
  readonly mesh: Mesh
  /** Open links by peer; a second one for a peer is a fault. */
  readonly up = new Map<number, LinkId>()
  readonly heard: Message[] = []
  readonly refusals: Refusal[] = []

  constructor(options: MeshOptions) {
    this.mesh = new Mesh(options, {
      onLinkUp: (link, peer) => {
        assert.is(this.up.has(peer), false, 'one link per pair')
        this.up.set(peer, link)
      },
      onMessages: (_link, messages) => void this.heard.push(...messages),
      onLinkDown: (link) => {
        for (const [peer, id] of this.up) if (id === link) this.up.delete(peer)
      },
      onRefused: (refusal) => void this.refusals.push(refusal),
    })
  }
}

interface World {
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly members: readonly MemberAddresses[]
  readonly station: (self: number, changes?: Partial<MeshOptions>) => Station
}

function world(seed: number, size: number, maxDelayMs: number, silent: readonly number[] = []): World {
  const time = new VirtualTime()
  const network = new VirtualNetwork(time, makeRandom(seed), maxDelayMs)
  const members = Array.from({ length: size }, (_, index): MemberAddresses => ({
    id: index + 1, role: 'voter', addresses: silent.includes(index + 1) ? [] : [`net://${index + 1}`],
  }))
  let starts = 0
  const station = (self: number, changes: Partial<MeshOptions> = {}): Station => new Station({
    self, incarnation: seed * 100 + ++starts, ensembleName: 'test', ensembleId: () => '', members,
    transports: [network.transport()], limits: DEFAULT_LIMITS, clock: time, logger: SILENT, unref: false, ...changes,
  })
  return { time, network, members, station }
}

const token = (seq: number): Message => ({ kind: 'ping', join: 0, seq, commit: ZXID_ZERO, through: ZXID_ZERO })

/** Every pair is linked, both ways over the same link: what is sent at one end arrives at the other. */
async function checkFull(time: VirtualTime, stations: readonly Station[], seed = 0): Promise<void> {
  const isFull = (): boolean => stations.every(({ up }) => up.size === stations.length - 1)
  assert.ok(await time.run(20_000, isFull), `every pair finds together (seed ${seed})`)
  for (const station of stations) station.heard.length = 0
  for (const station of stations) for (const link of station.up.values()) station.mesh.send(link, [token(1), token(2)])
  const expected = 2 * (stations.length - 1)
  assert.ok(await time.run(5_000, () => stations.every(({ heard }) => heard.length === expected)), 'messages arrive')
}

test('crossing dials end with one link per pair, under any delays and cuts', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const size = 2 + seed % 3
    const { time, network, station } = world(seed, size, seed % 2 === 0 ? 60 : 5, seed % 7 === 0 ? [size] : [])
    const random = makeRandom(seed + 1_000)
    const stations = Array.from({ length: size }, (_, index) => station(index + 1))
    for (const { mesh } of stations) {
      await mesh.start()
      await time.run(random.unit() * 60, () => false)
    }
    await checkFull(time, stations, seed)
    for (let cuts = 0; cuts < 6; cuts++) {
      network.cutOne()
      if (random.below(3) === 0) network.cutOne()
      await time.run(random.unit() * 120, () => false)
    }
    await checkFull(time, stations, seed)
    await time.run(5_000, () => false)
    assert.is(network.openLinks, size * (size - 1) / 2, `no link is left over (seed ${seed})`)
    await checkFull(time, stations)
    for (const { mesh } of stations) void mesh.close()
    await time.run(5_000, () => false)
    assert.is(network.openLinks, 0)
  }
}, { timeoutMs: 60_000 })

test('a peer that was restarted replaces its old link, even when that looks alive', async () => {
  const { time, station } = world(3, 2, 5)
  const one = station(1)
  const two = station(2)
  await one.mesh.start()
  await two.mesh.start()
  await checkFull(time, [one, two])
  // The old process is gone without a word: its mesh is simply not asked any more.
  const again = station(2)
  await again.mesh.start()
  await checkFull(time, [one, again])
  void one.mesh.close()
  void again.mesh.close()
  void two.mesh.close()
})

test('each refusal is one clear error at both ends', async () => {
  const cases: readonly (readonly [string, Partial<MeshOptions>, Partial<MeshOptions>])[] = [
    ['ForeignEnsemble', { ensembleName: 'one' }, { ensembleName: 'other' }],
    ['ForeignEnsemble', { ensembleId: () => 'a' }, { ensembleId: () => 'b' }],
    ['HandshakeFailed', { secret: 'x' }, { secret: 'y' }],
    ['HandshakeFailed', { secret: 'x' }, {}],
    ['MembershipMismatch', {}, { members: [{ id: 1, role: 'voter', addresses: ['net://1'] },
      { id: 2, role: 'voter', addresses: ['net://2'] }, { id: 9, role: 'observer', addresses: [] }] }],
  ]
  for (const [code, first, second] of cases) {
    const { time, station } = world(5, 2, 5)
    const stations = [station(1, first), station(2, second)]
    for (const { mesh } of stations) await mesh.start()
    assert.ok(await time.run(5_000, () => stations.every(({ refusals }) => refusals.length > 0)), code)
    await time.run(3_000, () => false)
    for (const { refusals, up, mesh } of stations) {
      assert.is(refusals[0]?.code, code)
      assert.is(refusals.length, 1, 'told once')
      assert.is(up.size, 0)
      void mesh.close()
    }
    await time.run(3_000, () => false)
  }
})

test('peers with the same secret find together', async () => {
  const { time, station } = world(8, 3, 10)
  const secret = new TextEncoder().encode('a secret')
  const stations = [station(1, { secret: 'a secret' }), station(2, { secret }), station(3, { secret })]
  for (const { mesh } of stations) await mesh.start()
  await checkFull(time, stations)
  for (const { mesh } of stations) void mesh.close()
})

test('an address without a listener, then one that answers as another peer, are passed over', async () => {
  const { time, station, members } = world(9, 3, 5)
  const odd = members.map((member) => member.id === 2
    ? { ...member, addresses: ['net://nobody', 'net://3', 'net://2'] } : member)
  const stations = [station(1, { members: odd }), station(2, { members: odd, listen: ['net://2'] }), station(3,
    { members: odd })]
  for (const { mesh } of stations) await mesh.start()
  await checkFull(time, stations)
  for (const { mesh } of stations) void mesh.close()
})

/** Opens a raw link, sends bytes and returns the last frame that came back before the link ended. */
async function probe(
  time: VirtualTime, network: VirtualNetwork, chunks: readonly Uint8Array[],
): Promise<unknown> {
  let last: unknown = null
  let isOver = false
  const reader = new FrameReader(100_000)
  void network.transport().dial('net://1').then((link) => {
    link.attach({
      onData: (chunk) => {
        reader.push(chunk)
        for (let frame = reader.next(); frame; frame = reader.next()) last = new Packing().unpack(frame)
      },
      onDrain: () => undefined,
      onClose: () => { isOver = true },
    })
    for (const chunk of chunks) link.send(chunk)
  })
  assert.ok(await time.run(10_000, () => isOver), 'the link is closed')
  return last
}

test('a stranger with bad frames is told a code, and only its link ends', async () => {
  const { time, network, station } = world(12, 2, 5)
  const stations = [station(1), station(2)]
  for (const { mesh } of stations) await mesh.start()
  await checkFull(time, stations)
  const http = new TextEncoder().encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const cases: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['FrameTooLarge', [http]], ['FrameTooLarge', [Uint8Array.of(0, 1, 0, 1)]], ['BadFrame',
      [makeFrame(new Uint8Array(0))]],
    ['BadFrame', [makeFrame(Uint8Array.of(0xc1))]], ['BadFrame', [makeFrame(new Packing().pack(['hello']))]],
    ['ProtocolVersion', [makeFrame(new Packing().pack(['vivarium-peer', 7, 9]))]],
    ['BadFrame', [makeFrame(new Packing().pack(['vivarium-peer', 1, 1]))]],
  ]
  for (const [code, chunks] of cases) {
    const answer = await probe(time, network, chunks)
    assert.equal((answer as unknown[]).slice(0, 2), ['refuse', code])
  }
  assert.is(await probe(time, network, [Uint8Array.of(0, 0)]), null, 'who says nothing is cut after a while')
  const random = makeRandom(99)
  for (let round = 0; round < 100; round++) {
    const noise = Uint8Array.from({ length: 1 + random.below(200) }, () => random.below(256))
    await probe(time, network, [round % 2 === 0 ? noise : makeFrame(noise)])
  }
  await checkFull(time, stations)
  assert.is(stations[0]!.refusals.length, 0)
  for (const { mesh } of stations) void mesh.close()
})

test('a peer that sends a bad frame later is told a code, and may come back', async () => {
  const { time, network, station } = world(13, 2, 5)
  const one = station(1)
  await one.mesh.start()
  const codec = new PeerCodec()
  for (const bad of [makeFrame(Uint8Array.of(0xc1)), makeFrame(new Packing().pack([[99, 1]])),
    Uint8Array.of(255, 0, 0, 0)]) {
    let link: PeerLink | undefined
    let goodbye: unknown = null
    let isOpen = false
    void network.transport().dial('net://1').then(async (raw) => {
      link = new PeerLink(raw, time)
      const hello = {
        minVersion: 1, maxVersion: 1, peerId: 2, target: 1, ensembleName: 'test', ensembleId: '', secured: false,
        members: '1:voter,2:voter', incarnation: 5, attempt: 1,
      }
      await shakeHands({ role: 'dial', hello: () => hello, commit: () => undefined, dialsMade: () => 1,
        secret: null }, link)
      link.open({
        onFrame: (frame) => { goodbye = codec.decode(frame, []) ?? goodbye },
        onBad: () => undefined,
        onEnd: () => undefined,
      }, 100_000)
      isOpen = true
    })
    assert.ok(await time.run(5_000, () => isOpen && one.up.has(2)))
    link?.send(codec.encode([token(7)]))
    link?.send(bad)
    assert.ok(await time.run(5_000, () => link?.ended === true))
    assert.is(one.heard.at(-1)?.kind, 'ping', 'what came before counts')
    assert.ok(['BadFrame', 'FrameTooLarge'].includes((goodbye as { code: string } | null)?.code ?? 'none'))
    assert.is(one.up.has(2), false)
  }
  void one.mesh.close()
})

test('a link on which nothing is heard is dropped, and one that does not drain too', async () => {
  const { time, network, station } = world(17, 2, 5)
  const stations = [station(1), station(2)]
  for (const { mesh } of stations) await mesh.start()
  await checkFull(time, stations)
  assert.is(await time.run(30_000, () => stations.some(({ up }) => up.size === 0)), false, 'idle links are kept alive')
  network.isMute = true
  assert.ok(await time.run(10_000, () => stations.every(({ up }) => up.size === 0)))
  network.isMute = false
  await checkFull(time, stations)
  network.queuedBytes = DEFAULT_LIMITS.linkQueueBytes + 1
  stations[0]!.mesh.send(stations[0]!.up.get(2)!, [token(3)])
  assert.is(stations[0]!.up.size, 0, 'Overloaded at once')
  network.queuedBytes = 0
  await checkFull(time, stations)
  for (const { mesh } of stations) void mesh.close()
})

test('voters that share no address are refused at the start', () => {
  const tcp = { schemes: ['tcp'] } as unknown as Transport
  const ws = { schemes: ['ws', 'wss'] } as unknown as Transport
  const member = (id: number, ...addresses: string[]): MemberAddresses => ({ id, role: 'voter', addresses })
  const check = (self: number, transports: readonly Transport[], ...members: MemberAddresses[]): void =>
    checkReachability(self, members, transports)
  const refused = (error: unknown): boolean => isZkError(error, 'AddressInvalid')
  check(1, [tcp], member(1, 'tcp://a'), member(2, 'tcp://b'), member(3))
  check(3, [ws], member(1, 'tcp://a', 'ws://a'), member(2, 'tcp://b', 'ws://b'), member(3))
  assert.throws(() => check(3, [ws], member(1, 'tcp://a'), member(2, 'tcp://b', 'ws://b'), member(3)), refused)
  assert.throws(() => check(1, [tcp, ws], member(1, 'tcp://a'), member(2), member(3)), refused)
  assert.throws(() => check(1, [tcp], member(1, 'tcp://a'), member(2, 'ws://b')), refused)
})

test.run()
