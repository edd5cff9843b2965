import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import type { Message } from '../../core/zab/messages.ts'
import { untilNext } from '../draws.ts'
import type { EventQueue } from './events.ts'
import type { Priorities } from './priorities.ts'
import { Scatter } from './scatter.ts'
import { Violation } from './violation.ts'
import { WireTrips } from './wire-trips.ts'

/** Notifications of one turn on one link; more of them are peers that answer each other for ever. */
const NOTIFICATIONS_MAX = 1_000

/** A notification that comes once more does so within this. */
const REPLAY_MS = 60_000

/** What priorities may still cost when everything else is well. */
const CALM_WINDOW_MS = 10

/** How bad the network is; drawn once per seed. */
export interface NetworkFaults {
  readonly latencyMs: number
  /** Mean of the exponential tail on top. */
  readonly tailMs: number
  /** Of notifications only: they are datagrams. */
  readonly loss: number
  readonly duplication: number
  /** Of notifications so many come once more, up to a minute later. */
  readonly replay: number
  /** Notifications have no order: mean time that each takes besides. In order with all else when left out. */
  readonly scatterMs?: number
  /** Of every link; Infinity for as many as there are. */
  readonly bytesPerMs: number
}

/** Who hears what arrives. */
export interface NetworkEnds {
  isUp(peer: number): boolean
  linkUp(peer: number, link: number, other: number): void
  linkDown(peer: number, link: number): void
  receive(peer: number, link: number, messages: readonly Message[]): void
}

interface End {
  readonly peer: number
  readonly link: number
  /** Frames to this end arrive in order: no earlier than this. */
  arrivesMs: number
  knowsItIsUp: boolean
  knowsItIsDown: boolean
  /** Nothing arrives any more, and nobody says so. */
  isDeaf: boolean
}

interface Pair {
  readonly ends: readonly [End, End]
  open: boolean
  /** Frames sent while the way was blocked, per receiving end. */
  readonly stalled: readonly [(readonly Message[])[], (readonly Message[])[]]
}

/** An end that believes in a link that is over: until its way is clear again, or until it is told. */
interface Unaware {
  readonly pair: Pair
  readonly end: End
  readonly isBlocked: boolean
}

/**
 * Ordered links between peers over a network that delays, stalls, partitions and breaks. Each end learns of the end
 * of a link at its own time, an arbitrary suffix of what was under way is lost, and bytes of an old link may still
 * arrive after a new one is up.
 */
export class Network {
  readonly #events: EventQueue
  readonly #random: Random
  readonly #faults: NetworkFaults
  readonly #ends: NetworkEnds
  readonly #byLink = new Map<number, { readonly pair: Pair, readonly side: 0 | 1 }>()
  readonly #current = new Map<number, Pair>()
  readonly #dialling = new Set<number>()
  /** Directed ways on which nothing gets through. */
  readonly #blocked = new Set<number>()
  /** Links on which nothing moves, by pair. */
  readonly #clogged = new Set<number>()
  /** Ends that believe in a link that is over. */
  readonly #unaware = new Set<Unaware>()
  #nextLink = 1
  /** Those that stay away for ever. */
  #outside: ReadonlySet<number> = new Set()
  /** Apart from pieces of snapshots to those that stay away, and their acks: who starts anew is sent one each time. */
  frames = 0
  breaks = 0
  halfOpens = 0
  replays = 0
  readonly trips: WireTrips = new WireTrips()
  readonly #scatter: Scatter | null
  #isCalm = false
  /** Set while some ways are kept slower than others. */
  priorities: Priorities | null = null

  constructor(events: EventQueue, random: Random, faults: NetworkFaults, ends: NetworkEnds) {
    this.#events = events
    this.#random = random
    this.#faults = faultsOf(faults)
    this.#ends = ends
    const { scatterMs } = faults
    this.#scatter = scatterMs === undefined ? null : new Scatter(makeRandom(random.next()), scatterMs)
  }

  /** Notifications that came after one that was sent later. */
  get overtaken(): number {
    return this.#scatter?.overtaken ?? 0
  }

  #latency(): number {
    const { latencyMs, tailMs } = this.#faults
    return latencyMs * (0.5 + this.#random.unit()) + untilNext(this.#random, tailMs)
  }

  /** Sees to it that the two have a link as soon as both are up and can reach each other. */
  dial(a: number, b: number): void {
    const key = keyOf(a, b)
    if (this.#dialling.has(key) || this.#current.has(key)) return
    this.#dialling.add(key)
    this.#events.after(5 + this.#random.below(200), () => {
      this.#dialling.delete(key)
      if (!this.#ends.isUp(a) || !this.#ends.isUp(b) || this.#current.has(key)) return
      if (this.#isBlocked(a, b) || this.#isBlocked(b, a)) this.dial(a, b)
      else this.#open(a, b)
    })
  }

  #isBlocked(from: number, to: number): boolean {
    return (this.#blocked.size > 0 && this.#blocked.has(wayOf(from, to))) ||
      (this.#clogged.size > 0 && this.#clogged.has(keyOf(from, to)))
  }

  #open(a: number, b: number): void {
    const end = (peer: number): End => ({
      peer, link: this.#nextLink++, arrivesMs: this.#events.nowMs, knowsItIsUp: false, knowsItIsDown: false,
      isDeaf: false,
    })
    const pair: Pair = { ends: [end(a), end(b)], open: true, stalled: [[], []] }
    this.#current.set(keyOf(a, b), pair)
    for (const side of [0, 1] as const) {
      const mine = pair.ends[side]
      this.#byLink.set(mine.link, { pair, side })
      mine.arrivesMs = this.#events.nowMs + this.#latency()
      this.#events.at(mine.arrivesMs, () => {
        if (mine.knowsItIsDown) return
        mine.knowsItIsUp = true
        this.#replace(pair, mine)
        this.#ends.linkUp(mine.peer, mine.link, pair.ends[side === 0 ? 1 : 0].peer)
      })
    }
  }

  /**
   * A link that is heard of late takes the place of a newer one, as with real ones: whoever has both closes that. (Here
   * it may be one of the process before, too.)
   */
  #replace(pair: Pair, { peer }: End): void {
    const [a, b] = pair.ends
    const newer = this.#current.get(keyOf(a.peer, b.peer))
    if (newer === undefined || newer === pair) return
    const end = newer.ends.find((one) => one.peer === peer)!
    if (end.knowsItIsUp) this.break(end.link, peer)
  }

  /** A frame of one turn: all that the sender had for the link. */
  send(link: number, said: readonly Message[]): void {
    const found = this.#byLink.get(link)
    if (found === undefined || !found.pair.open) return
    const { pair, side } = found
    const other = side === 0 ? 1 : 0
    const isBlocked = this.#isBlocked(pair.ends[side].peer, pair.ends[other].peer)
    const { loss, duplication, replay } = this.#faults
    const messages = this.trips.carry(said)
    if (replay > 0 && !this.#isCalm) this.#replays(pair.ends[side].peer, pair.ends[other].peer, messages)
    const kept = loss === 0 && duplication === 0 && !isBlocked ? messages : this.#datagrams(messages, isBlocked)
    if (kept.length === 0) return
    if (isBlocked) {
      pair.stalled[other].push(kept)
      return
    }
    const ordered = this.#scattered(pair, other, kept)
    if (ordered.length > 0) this.#deliver(pair, other, ordered)
  }

  /** Where notifications have no order each leaves by itself: what is left of the frame has one. */
  #scattered(pair: Pair, other: 0 | 1, messages: readonly Message[]): readonly Message[] {
    const scatter = this.#scatter
    if (scatter === null || this.#isCalm) return messages
    const rest: Message[] = []
    for (const message of messages) {
      if (message.kind === 'notify') this.#wander(scatter, pair, other, message)
      else rest.push(message)
    }
    return rest
  }

  /** It is lost with its link: who starts again is told nothing that was said to the process before it. */
  #wander(scatter: Scatter, pair: Pair, other: 0 | 1, message: Message): void {
    const end = pair.ends[other]
    const [from, to] = [pair.ends[other === 0 ? 1 : 0].peer, end.peer]
    const way = wayOf(from, to)
    const place = scatter.send()
    const heldMs = this.priorities?.delayMs(way) ?? 0
    this.frames++
    this.#events.after(heldMs + this.#latency() + scatter.delayMs(), () => {
      if (this.#current.get(keyOf(from, to)) !== pair || this.#isCalm || this.#isBlocked(from, to)) return
      if (!end.knowsItIsUp || !this.#ends.isUp(to)) return
      scatter.arrives(way, place)
      this.#ends.receive(to, end.link, [message])
    })
  }

  #datagrams(messages: readonly Message[], isBlocked: boolean): Message[] {
    const kept: Message[] = []
    let notifications = 0
    for (const message of messages) {
      if (message.kind === 'notify') {
        if (++notifications > NOTIFICATIONS_MAX) throw new Violation('L8', 'a storm of notifications')
        if (isBlocked || this.#random.unit() < this.#faults.loss) continue
        if (this.#random.unit() < this.#faults.duplication) kept.push(message)
      }
      kept.push(message)
    }
    return kept
  }

  /** Datagrams wander: whoever sent it may have died meanwhile and be another one now. */
  #replays(from: number, to: number, messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind !== 'notify' || this.#random.unit() >= this.#faults.replay) continue
      this.#events.after(this.#random.unit() * REPLAY_MS, () => {
        const pair = this.#current.get(keyOf(from, to))
        if (pair === undefined || this.#isCalm || this.#isBlocked(from, to)) return
        this.replays++
        this.#deliver(pair, pair.ends[0].peer === to ? 0 : 1, [message])
      })
    }
  }

  #deliver(pair: Pair, side: 0 | 1, messages: readonly Message[]): void {
    const end = pair.ends[side]
    const other = pair.ends[side === 0 ? 1 : 0].peer
    const isOutside = this.#outside.size > 0 && (this.#outside.has(end.peer) || this.#outside.has(other))
    if (!isOutside || !messages.every(isOfSnapshot)) this.frames++
    const heldMs = this.priorities?.delayMs(wayOf(other, end.peer)) ?? 0
    const atMs = this.#events.nowMs + heldMs + this.#transferMs(messages) + this.#latency()
    end.arrivesMs = atMs > end.arrivesMs ? atMs : end.arrivesMs
    this.#events.at(end.arrivesMs, () => {
      if (end.isDeaf) return
      // After the break some bytes still arrive, others do not; those of a replaced link may come late.
      if (!pair.open && (end.knowsItIsDown ? this.#random.below(2) === 0 : this.#random.below(3) === 0)) {
        end.knowsItIsDown = true
        this.#tellDown(end)
        return
      }
      if (end.knowsItIsUp && this.#ends.isUp(end.peer)) this.#ends.receive(end.peer, end.link, messages)
    })
  }

  #transferMs(messages: readonly Message[]): number {
    const { bytesPerMs } = this.#faults
    if (bytesPerMs === Infinity) return 0
    let bytes = 0
    for (const message of messages) {
      if (message.kind === 'snapChunk') bytes += message.bytes.length
      else if (message.kind === 'proposal' || message.kind === 'inform') {
        for (const entry of message.entries) bytes += entry.bytes.length
      }
    }
    return bytes / bytesPerMs
  }

  #tellDown(end: End): void {
    if (end.knowsItIsUp && this.#ends.isUp(end.peer)) this.#ends.linkDown(end.peer, end.link)
  }

  /** Breaks a link; `by` learns it at once (it did it), the others within a while. */
  break(link: number, by: number | null): void {
    const found = this.#byLink.get(link)
    if (found === undefined) return
    const { pair } = found
    const [a, b] = pair.ends
    if (!pair.open) {
      // One that believed in it gives up by itself.
      for (const end of pair.ends) if (end.peer === by && !end.knowsItIsDown) this.#learns(pair, end, false)
      return
    }
    this.#end(pair)
    for (const end of pair.ends) {
      if (end.peer === by) {
        end.knowsItIsDown = true
        continue
      }
      if (by !== null && this.#isBlocked(by, end.peer)) {
        // Nothing gets through, the end of the link no more than anything else.
        this.halfOpens++
        end.isDeaf = true
        this.#unaware.add({ pair, end, isBlocked: true })
        continue
      }
      this.#events.after(this.#latency() + this.#random.below(50), () => {
        if (end.knowsItIsDown) return
        end.knowsItIsDown = true
        this.#tellDown(end)
      })
    }
    this.#forgetLater(pair)
    this.dial(a.peer, b.peer)
  }

  #end(pair: Pair): void {
    pair.open = false
    this.breaks++
    const [a, b] = pair.ends
    const key = keyOf(a.peer, b.peer)
    if (this.#current.get(key) === pair) this.#current.delete(key)
  }

  #forgetLater(pair: Pair): void {
    this.#events.after(20_000, () => {
      for (const end of pair.ends) this.#byLink.delete(end.link)
    })
  }

  /**
   * A random link ends and only one side is told: the other believes in it until it gives up by itself, is told after
   * `forMs`, or is dialled anew.
   */
  halfOpenAny(dice: Random, forMs: number): void {
    const pairs = [...this.#current.values()]
    const pair = pairs[dice.below(Math.max(pairs.length, 1))]
    if (pair === undefined) return
    this.#halfOpen(pair, pair.ends[dice.below(2)]!, forMs, dice.below(2) === 0)
  }

  #halfOpen(pair: Pair, told: End, forMs: number, isDialled: boolean): void {
    const [a, b] = pair.ends
    const end = told === a ? b : a
    this.#end(pair)
    this.halfOpens++
    told.knowsItIsDown = true
    end.isDeaf = true
    this.#tellDown(told)
    const unaware: Unaware = { pair, end, isBlocked: false }
    this.#unaware.add(unaware)
    if (isDialled) this.dial(a.peer, b.peer)
    this.#events.after(forMs, () => {
      if (this.#unaware.has(unaware)) this.#learns(pair, end, true)
    })
  }

  /** The end that believed in a link that is over knows it now, `isTold` or by its own doing. */
  #learns(pair: Pair, end: End, isTold: boolean): void {
    for (const one of this.#unaware) if (one.end === end) this.#unaware.delete(one)
    end.knowsItIsDown = true
    if (isTold) this.#tellDown(end)
    this.#forgetLater(pair)
    this.dial(pair.ends[0].peer, pair.ends[1].peer)
  }

  /** Breaks every link of a peer: it crashed, or was stopped. */
  breakAll(peer: number): void {
    for (const pair of Array.from(this.#current.values())) {
      if (pair.ends.some((end) => end.peer === peer)) this.break(pair.ends[0].link, peer)
    }
  }

  block(from: number, to: number): void {
    this.#blocked.add(wayOf(from, to))
  }

  /** Nothing moves between the two until `unclog`, and nothing is lost but datagrams. */
  clog(a: number, b: number): void {
    this.#clogged.add(keyOf(a, b))
  }

  unclog(a: number, b: number): void {
    if (this.#clogged.delete(keyOf(a, b))) this.#flow()
  }

  /** Nothing is blocked any more: what was stalled goes on, or breaks. */
  heal(): void {
    this.#blocked.clear()
    this.#flow()
  }

  /** Nothing is wrong any more but with those in `outside`. */
  calm(outside: ReadonlySet<number>): void {
    this.#isCalm = true
    this.#outside = outside
    this.#clogged.clear()
    this.priorities?.calm(CALM_WINDOW_MS)
    this.heal()
    for (const { pair, end } of Array.from(this.#unaware)) this.#learns(pair, end, true)
  }

  #flow(): void {
    for (const pair of Array.from(this.#current.values())) {
      for (const side of [0, 1] as const) {
        if (this.#isBlocked(pair.ends[side === 0 ? 1 : 0].peer, pair.ends[side].peer)) continue
        const stalled = pair.stalled[side].splice(0)
        for (const messages of stalled) this.#deliver(pair, side, messages)
      }
    }
    for (const unaware of Array.from(this.#unaware)) {
      const { pair, end, isBlocked } = unaware
      const [a, b] = pair.ends
      if (!isBlocked || this.#isBlocked(end === a ? b.peer : a.peer, end.peer)) continue
      this.#events.after(this.#latency(), () => {
        if (this.#unaware.has(unaware)) this.#learns(pair, end, true)
      })
    }
  }

  /** A stalled link is given up by the system after a while: half of those that are blocked break now. */
  breakBlocked(dice: Random): void {
    for (const pair of Array.from(this.#current.values())) {
      const [a, b] = pair.ends
      if ((this.#isBlocked(a.peer, b.peer) || this.#isBlocked(b.peer, a.peer)) && dice.below(2) === 0) {
        this.break(a.link, null)
      }
    }
  }

  /** Breaks a random link. */
  breakAny(dice: Random): void {
    const pairs = [...this.#current.values()]
    const pair = pairs[dice.below(Math.max(pairs.length, 1))]
    if (pair !== undefined) this.break(pair.ends[0].link, null)
  }
}

/**
 * Of one shape in every run, in however many ways a plan was put together: otherwise each seed sends what is compiled
 * for the seeds before it back to where it was.
 */
function faultsOf({ latencyMs, tailMs, loss, duplication, replay, bytesPerMs }: NetworkFaults): NetworkFaults {
  return { latencyMs, tailMs, loss, duplication, replay, bytesPerMs }
}

function isOfSnapshot({ kind }: Message): boolean {
  return kind === 'snapChunk' || kind === 'syncAck'
}

/** Peers have small numbers; 0 is none, and stands for a disk. */
const PEERS = 1_024

/** Names the way from one peer to another; from 0, that to its disk. */
export function wayOf(from: number, to: number): number {
  return from * PEERS + to
}

function keyOf(a: number, b: number): number {
  return a < b ? wayOf(a, b) : wayOf(b, a)
}
