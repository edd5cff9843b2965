/** Notifications of elections without an order, and all else with one. */
import { assert, suite } from '../harness.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Message, Notification } from '../../lib/core/zab/messages.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { EventQueue } from '../../lib/testing/sim/events.ts'
import { Network } from '../../lib/testing/sim/network.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'

const test = suite('sim: scatter')

/** Sent one after the other, half a millisecond apart. */
const SENT = 60
const PLACES: readonly number[] = Array.from({ length: SENT }, (_, at) => at)

function notification(round: number): Notification {
  return {
    kind: 'notify', state: 'looking', round, vote: { leader: 1, zxid: ZXID_ZERO, peerEpoch: 0 }, health: 'ok', epoch: 0,
    joins: 0, isWide: true,
  }
}

/** Peers 1 and 2 with a link between them that is up, and what 2 hears. */
class Linked {
  readonly events = new EventQueue()
  readonly network: Network
  readonly heard: Message[] = []
  /** Peer 1's end of the link. */
  #link = 0

  constructor(scatterMs?: number) {
    const faults = { latencyMs: 1, tailMs: 0.01, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity }
    const ways = scatterMs === undefined ? faults : { ...faults, scatterMs }
    this.network = new Network(this.events, makeRandom(5), ways, {
      isUp: () => true,
      linkUp: (peer, link) => { if (peer === 1) this.#link = link },
      linkDown: () => undefined,
      receive: (_peer, _link, messages) => { this.heard.push(...messages) },
    })
    this.network.dial(1, 2)
    this.pass(1_000)
    assert.ok(this.#link > 0)
  }

  pass(ms: number): void {
    this.events.runUntil(this.events.nowMs + ms)
  }

  /** As many frames of a notification and a ping. */
  say(): void {
    for (const at of PLACES) {
      const ping: Message = { kind: 'ping', join: 1, seq: at, commit: ZXID_ZERO, through: ZXID_ZERO }
      this.network.send(this.#link, [notification(at), ping])
      this.pass(0.5)
    }
  }

  /** Of the notifications that came, in their order. */
  get rounds(): number[] {
    return this.heard.flatMap((message) => message.kind === 'notify' ? [message.round] : [])
  }

  /** Of the pings. */
  get seqs(): number[] {
    return this.heard.flatMap((message) => message.kind === 'ping' ? [message.seq] : [])
  }
}

function isInOrder(places: readonly number[]): boolean {
  return places.every((place, at) => at === 0 || place >= places[at - 1]!)
}

test('notifications overtake each other and are all there, and everything else comes as it was sent', () => {
  const linked = new Linked(20)
  linked.say()
  linked.pass(10_000)
  const came = linked.rounds
  assert.not.ok(isInOrder(came))
  assert.equal(came.sort((a, b) => a - b), PLACES)
  assert.equal(linked.seqs, PLACES)
  assert.ok(linked.network.overtaken > SENT / 4, `${linked.network.overtaken} were overtaken`)
})

test('where they have an order they keep it', () => {
  const linked = new Linked()
  linked.say()
  linked.pass(10_000)
  assert.equal(linked.rounds, PLACES)
  assert.is(linked.network.overtaken, 0)
})

test('in a calm they have one, and nothing comes late from before it', () => {
  const linked = new Linked(2_000)
  linked.say()
  linked.network.calm(new Set())
  const before = linked.heard.length
  linked.say()
  linked.pass(60_000)
  const after = linked.heard.slice(before).filter(({ kind }) => kind === 'notify')
  assert.equal(after, PLACES.map(notification))
})

test('one that comes to a way that is blocked meanwhile, or whose link has been replaced, is lost', () => {
  const linked = new Linked(2_000)
  linked.say()
  const before = linked.rounds.length
  assert.ok(before < SENT / 2, `${before} came at once`)
  linked.network.block(1, 2)
  linked.pass(60_000)
  assert.is(linked.rounds.length, before)
  linked.network.heal()
  linked.say()
  const { length } = linked.rounds
  linked.network.breakAny(makeRandom(1))
  linked.pass(60_000)
  assert.is(linked.rounds.length, length, 'who has begun anew hears what was said before')
  linked.say()
  linked.pass(60_000)
  assert.ok(linked.rounds.length > length, 'there is a link again')
})

test('a run is reduced to one with an order', () => {
  let seed = 1
  while (drawRun(seed).plan.world.network.scatterMs === undefined) seed++
  assert.is(drawRun(seed, undefined, { plain: ['loss'] }).plan.world.network.scatterMs, undefined)
})

test.run()
