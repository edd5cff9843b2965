import { isZkError, ZkError } from '../../lib/core/errors.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { FrameReader, makeFrame } from '../../lib/wire/frame.ts'
import { makeSecret, RefusedError, shakeHands } from '../../lib/wire/handshake.ts'
import type { FrameStream, HandshakeResult, HandshakeSide, Hello } from '../../lib/wire/handshake.ts'
import { Packing } from '../../lib/wire/pack.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('handshake')

/** One end of a pair of frame streams; what it sends can be looked at and changed on its way. */
class End implements FrameStream {
  readonly sent: Uint8Array[] = []
  readonly #arrived: Uint8Array[] = []
  #waiting: ((frame: Uint8Array) => void) | null = null
  other: End | null = null

  send(sealed: Uint8Array): void {
    const reader = new FrameReader(1_000_000)
    reader.push(sealed)
    const frame = reader.next()
    assert.ok(frame)
    this.sent.push(frame!)
    this.other?.deliver(frame!)
  }

  deliver(frame: Uint8Array): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting) waiting(frame)
    else this.#arrived.push(frame)
  }

  next(): Promise<Uint8Array> {
    const frame = this.#arrived.shift()
    return frame ? Promise.resolve(frame) : new Promise((resolve) => { this.#waiting = resolve })
  }
}

function ends(): [End, End] {
  const [one, two] = [new End(), new End()]
  one.other = two
  two.other = one
  return [one, two]
}

const base: Hello = {
  minVersion: 1, maxVersion: 1, peerId: 1, target: 2, ensembleName: 'test', ensembleId: '', members: '1:voter,2:voter',
  incarnation: 77, attempt: 3, secured: false,
}

async function side(role: 'dial' | 'accept', changes: Partial<Hello> = {}, secret?: string): Promise<HandshakeSide> {
  const self = role === 'dial' ? { peerId: 1, target: 2 } : { peerId: 2, target: 1 }
  return {
    role, secret: secret === undefined ? null : await makeSecret(secret),
    hello: () => ({ ...base, ...self, secured: secret !== undefined, ...changes }),
    commit: () => undefined,
    dialsMade: () => 41,
  }
}

type Settled = PromiseSettledResult<HandshakeResult>

async function meet(dialer: HandshakeSide, acceptor: HandshakeSide): Promise<{ results: [Settled, Settled],
  ends: [End, End] }> {
  const [one, two] = ends()
  const results = await Promise.allSettled([shakeHands(dialer, one), shakeHands(acceptor, two)])
  return { results, ends: [one, two] }
}

function errorOf(settled: Settled): ZkError {
  assert.is(settled.status, 'rejected')
  return (settled as PromiseRejectedResult).reason as ZkError
}

test('two peers learn each other', async () => {
  for (const secret of [undefined, 'shared']) {
    const { results: [dialed, accepted], ends: [one, two] } = await meet(
      await side('dial', { ensembleId: 'abc' }, secret), await side('accept', {}, secret))
    assert.ok(dialed.status === 'fulfilled' && accepted.status === 'fulfilled')
    assert.is(dialed.value.other.peerId, 2)
    assert.is(dialed.value.voidThrough, 41)
    assert.is(accepted.value.other.ensembleId, 'abc')
    assert.is(accepted.value.voidThrough, 3)
    const bytes = Buffer.concat([...one.sent, ...two.sent])
    assert.is(bytes.includes('shared'), false, 'the secret does not travel')
  }
})

test('what does not belong together is refused with one code on both sides', async () => {
  const cases: readonly (readonly [string, Partial<Hello>, (string | undefined)?, (string | undefined)?])[] = [
    ['ForeignEnsemble', { ensembleName: 'another' }], ['MembershipMismatch', { members: '1:voter' }],
    ['ProtocolVersion', { minVersion: 2, maxVersion: 5 }], ['ProtocolVersion', { minVersion: 0, maxVersion: 0 }],
    ['HandshakeFailed', {}, 'one', 'two'], ['HandshakeFailed', {}, 'one'], ['HandshakeFailed', {}, undefined, 'two'],
    ['HandshakeFailed', { target: 3 }], ['HandshakeFailed', { peerId: 2 }],
  ]
  for (const [code, changes, first, second] of cases) {
    const { results } = await meet(await side('dial', changes, first), await side('accept', {}, second))
    const errors = results.map(errorOf)
    assert.equal(errors.map((error) => error.code), [code, code])
    assert.is(errors.filter((error) => error instanceof RefusedError).length, 1, 'one side decides, the other is told')
  }
  const ids = await meet(await side('dial', { ensembleId: 'a' }), await side('accept', { ensembleId: 'b' }))
  assert.equal(ids.results.map((result) => errorOf(result).code), ['ForeignEnsemble', 'ForeignEnsemble'])
})

test('another peer than the wanted one is refused by the dialer', async () => {
  const { results } = await meet(await side('dial'), await side('accept', { peerId: 3 }))
  assert.ok(results.every((result) => errorOf(result).code === 'HandshakeFailed'))
})

test('later versions may change everything but the first three fields', async () => {
  const [one, two] = ends()
  const accepted = shakeHands(await side('accept'), two)
  one.send(makeFrame(new Packing().pack(['vivarium-peer', 2, 3, { a: 'new form' }])))
  assert.is((await rejects(accepted)).code, 'ProtocolVersion')
  assert.equal((new Packing().unpack(two.sent[0]!) as unknown[]).slice(0, 2), ['refuse', 'ProtocolVersion'])
})

test('a proof serves only the handshake it was made for', async () => {
  const first = await meet(await side('dial', {}, 'key'), await side('accept', {}, 'key'))
  const [recorded] = first.ends
  assert.is(recorded.sent.length, 2)
  const [thief, victim] = ends()
  const again = shakeHands(await side('accept', {}, 'key'), victim)
  for (const frame of recorded.sent) thief.send(makeFrame(frame))
  assert.is((await rejects(again)).code, 'HandshakeFailed')
})

test('a proof cannot be reflected to its maker', async () => {
  // The attacker has no secret. It dials the victim as peer 1, while the victim (peer 2) dials peer 1 and gets
  // the attacker.
  const [attackerIn, victimAccepting] = ends()
  const [victimDialling, attackerOut] = ends()
  const accepting = shakeHands(await side('accept', {}, 'key'), victimAccepting)
  const dialling = shakeHands({
    ...await side('dial', {}, 'key'), hello: () => ({ ...base, peerId: 2, target: 1, secured: true }),
  }, victimDialling)
  const dialHello = await attackerOut.next()
  const swapped = new Packing().unpack(dialHello) as unknown[]
  swapped[3] = 1
  swapped[4] = 2
  attackerIn.send(makeFrame(new Packing().pack(swapped)))
  const acceptHello = new Packing().unpack(await attackerIn.next()) as unknown[]
  const proof = await attackerIn.next()
  acceptHello[3] = 1
  acceptHello[4] = 2
  attackerOut.send(makeFrame(new Packing().pack(acceptHello)))
  attackerOut.send(makeFrame(proof))
  assert.is((await rejects(dialling)).code, 'HandshakeFailed')
  attackerIn.send(makeFrame(proof))
  assert.is((await rejects(accepting)).code, 'HandshakeFailed')
})

test('a refusal by the owner reaches the other side', async () => {
  const acceptor = await side('accept')
  const { results } = await meet(await side('dial'), {
    ...acceptor, commit: () => { throw new ZkError('Aborted', 'another link of this pair is open') },
  })
  assert.equal(results.map((result) => errorOf(result).code), ['Aborted', 'Aborted'])
})

test('frames that are no handshake are refused as such', async () => {
  const random = makeRandom(5)
  const [probe, idle] = ends()
  void shakeHands(await side('dial'), probe)
  const hello = await idle.next()
  const frames = [new Uint8Array(0), Uint8Array.of(0xc1), new Packing().pack(['GET / HTTP/1.1']),
    new Packing().pack([]),
    ...Array.from({ length: 500 }, () => {
      const changed = hello.slice(0, random.below(3) === 0 ? random.below(hello.length) : hello.length)
      for (let flips = 1 + random.below(3); flips > 0; flips--) {
        changed[random.below(changed.length || 1)] = random.below(256)
      }
      return changed
    })]
  let refused = 0
  for (const frame of frames) {
    const [one, two] = ends()
    const accepted = shakeHands(await side('accept'), two)
    one.send(makeFrame(frame))
    one.send(makeFrame(new Packing().pack(['proof', new Uint8Array(0)])))
    await accepted.catch((error: unknown) => {
      assert.ok(isZkError(error), String(error))
      assert.is((new Packing().unpack(two.sent.at(-1)!) as unknown[])[0], 'refuse')
      refused += 1
    })
  }
  assert.ok(refused > 100)
})

test.run()
