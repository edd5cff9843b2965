/** What peers believe of their links, and which frames are counted. */
import { assert, suite } from '../harness.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { EventQueue } from '../../lib/testing/sim/events.ts'
import { Network } from '../../lib/testing/sim/network.ts'

const test = suite('sim: network')

/** Peers 1 and 2; who is down hears nothing, and dials anew when it starts. Frames may take long. */
class Two {
  readonly events = new EventQueue()
  readonly network: Network
  readonly #down = new Set<number>()
  /** The link of each, as it was told. */
  readonly links = new Map<number, number>()
  /** How often a link came up in place of a newer one. */
  late = 0

  constructor(seed: number) {
    const faults = { latencyMs: 5, tailMs: 40, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity }
    this.network = new Network(this.events, makeRandom(seed), faults, {
      isUp: (peer) => !this.#down.has(peer),
      linkUp: (peer, link) => {
        if (this.#down.has(peer)) return
        if ((this.links.get(peer) ?? 0) > link) this.late++
        this.links.set(peer, link)
      },
      linkDown: (peer, link) => { if (this.links.get(peer) === link) this.links.delete(peer) },
      receive: () => undefined,
    })
    this.network.dial(1, 2)
  }

  pass(ms: number): void {
    this.events.runUntil(this.events.nowMs + ms)
  }

  restart(peer: number, downMs: number): void {
    this.network.breakAll(peer)
    this.#down.add(peer)
    this.links.delete(peer)
    this.pass(downMs)
    this.#down.delete(peer)
    this.network.dial(1, 2)
  }
}

test('two that start again at any moment have a link in the end, and both know of it', () => {
  let late = 0
  for (let seed = 1; seed <= 400; seed++) {
    const random = makeRandom(seed)
    const two = new Two(seed)
    for (let times = 0; times < 20; times++) {
      two.pass(random.below(250))
      two.restart(1 + random.below(2), random.below(20))
    }
    two.pass(10_000)
    assert.equal([...two.links.keys()].sort((one, other) => one - other), [1, 2], `seed ${seed}`)
    late += two.late
  }
  assert.ok(late > 3, `${late} were heard of late`)
})

test('pieces of snapshots to who stays away are no talk, all else is, and so are those to others', () => {
  const chunk = { kind: 'snapChunk', join: 1, bytes: new Uint8Array(1) } as Message
  const ack = { kind: 'syncAck', join: 1 } as Message
  const ping = { kind: 'ping', join: 1 } as Message
  for (const [outside, frames] of [[[], 3], [[2], 1], [[3], 3]] as const) {
    const two = new Two(1)
    two.pass(1_000)
    two.network.calm(new Set(outside))
    two.network.send(two.links.get(1)!, [chunk])
    two.network.send(two.links.get(2)!, [ack])
    two.network.send(two.links.get(1)!, [chunk, ping])
    assert.is(two.network.frames, frames)
  }
})

test.run()
