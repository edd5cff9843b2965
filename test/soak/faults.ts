import type { Random } from '../../lib/core/random.ts'
import { SESSION_TIMEOUT_MS } from './customer.ts'
import type { Network } from './network.ts'
import { IDS } from './network.ts'
import type { Peers } from './peers.ts'
import { WELL } from './protocol.ts'
import type { DiskMode } from './protocol.ts'

/** Where faults happen. */
export interface Stage {
  readonly network: Network
  readonly peers: Peers
  readonly random: Random
  /** A peer whose process is to live on; null: none is spared. */
  readonly spared: () => number | null
  /** How long a fault lasts at most, in ms. */
  readonly mostMs: number
  /** Rejects at once when the run ends meanwhile, whatever was done to it. */
  readonly pause: (ms: number) => Promise<void>
}

/** Begins; resolves when it is undone. Null: not possible now, and nothing was done. */
type Fault = (stage: Stage) => Promise<void> | null

/** A full disk stops its peer within this time, as there is always something to write. */
const FILL_MS = 20_000
/** One client connection in so many is cut. */
const CUT_ONE_IN = 3

/** From a quarter of the longest time on. */
function lasting({ random, mostMs, pause }: Stage): Promise<void> {
  return pause(mostMs / 4 + random.unit() * mostMs * 3 / 4)
}

function leaderOf({ peers, random }: Stage): number {
  return peers.leader ?? IDS[random.below(IDS.length)]!
}

function followerOf({ peers, random }: Stage): number {
  const followers = IDS.filter((id) => id !== peers.leader)
  return followers[random.below(followers.length)]!
}

/** Null when there is none but the one that is spared. */
function victimOf(stage: Stage): number | null {
  const followers = IDS.filter((id) => id !== stage.peers.leader && id !== stage.spared())
  return followers[stage.random.below(Math.max(1, followers.length))] ?? null
}

function kill(stage: Stage, ids: readonly (number | null)[]): Promise<void> | null {
  const known = ids.filter((id) => id !== null)
  if (known.length === 0 || known.some((id) => id === stage.spared())) return null
  const done = async (): Promise<void> => {
    await stage.peers.kill(...known)
    for (const id of known) {
      await stage.pause(stage.random.unit() * stage.mostMs / 2)
      stage.peers.start(id)
    }
  }
  return done()
}

async function stop(stage: Stage, id: number): Promise<void> {
  stage.peers.freeze(id)
  await lasting(stage)
  stage.peers.thaw(id)
}

async function disk(stage: Stage, id: number, mode: Partial<DiskMode>): Promise<void> {
  stage.peers.setDisk(id, { ...WELL, ...mode })
  await lasting(stage)
  stage.peers.setDisk(id, WELL)
}

/** Started again while there is still no space, it may only fail; then there is. */
function fill(stage: Stage, id: number | null): Promise<void> | null {
  if (id === null || id === stage.spared()) return null
  const done = async (): Promise<void> => {
    stage.peers.fill(id)
    await stage.peers.failed(id, FILL_MS)
    await stage.pause(stage.random.unit() * stage.mostMs / 4)
    if (stage.random.below(2) === 0) {
      stage.peers.start(id)
      await stage.peers.failed(id, FILL_MS)
    }
    stage.peers.free(id)
    stage.peers.start(id)
  }
  return done()
}

async function disturb(stage: Stage, begin: (network: Network) => void): Promise<void> {
  begin(stage.network)
  await lasting(stage)
  stage.network.heal()
}

function otherOf({ network, random }: Stage, id: number): number {
  return network.others(id)[random.below(2)]!
}

/** Kinds of faults that leave the network alone. */
const OF_PEERS: Readonly<Record<string, Fault>> = {
  'kill a follower': (stage) => kill(stage, [victimOf(stage)]),
  'kill the leader': (stage) => kill(stage, [leaderOf(stage)]),
  'kill two': (stage) => {
    const order = IDS.filter((id) => id !== stage.spared())
    const first = order[stage.random.below(order.length)]!
    const others = order.filter((id) => id !== first)
    return kill(stage, [first, others[stage.random.below(others.length)]!])
  },
  'kill all': (stage) => kill(stage, stage.spared() === null ? IDS : []),
  'stop a follower': (stage) => stop(stage, followerOf(stage)),
  'stop the leader': (stage) => stop(stage, leaderOf(stage)),
  'disk of a follower stalls': (stage) => disk(stage, followerOf(stage), { isHeld: true }),
  'disk of the leader stalls': (stage) => disk(stage, leaderOf(stage), { isHeld: true }),
  'disk of the leader is slow': (stage) => disk(stage, leaderOf(stage), { delayMs: 50 }),
  'disk of a follower is full': (stage) => fill(stage, victimOf(stage)),
  'disk of the leader is full': (stage) => fill(stage, leaderOf(stage)),
}

const OF_NETWORK: Readonly<Record<string, Fault>> = {
  'isolate a follower': (stage) => disturb(stage, (network) => network.isolate(followerOf(stage))),
  'isolate the leader': (stage) => disturb(stage, (network) => network.isolate(leaderOf(stage))),
  'nobody hears the leader': (stage) => disturb(stage, (network) => {
    const leader = leaderOf(stage)
    for (const other of network.others(leader)) network.hold(leader, other)
  }),
  'the leader hears nobody': (stage) => disturb(stage, (network) => {
    const leader = leaderOf(stage)
    for (const other of network.others(leader)) network.hold(other, leader)
  }),
  'one way between two': (stage) => disturb(stage, (network) => {
    const from = IDS[stage.random.below(IDS.length)]!
    network.hold(from, otherOf(stage, from))
  }),
  'cut between leader and follower': (stage) => disturb(stage, (network) => {
    const leader = leaderOf(stage)
    network.cut(leader, otherOf(stage, leader))
  }),
  'silence between two': (stage) => disturb(stage, (network) => {
    const one = IDS[stage.random.below(IDS.length)]!
    network.holdBoth(one, otherOf(stage, one))
  }),
  'slow links of the leader': (stage) => disturb(stage, (network) => network.slow(leaderOf(stage), 100)),
  'links between peers reset': (stage) => disturb(stage, (network) => network.resetPeers()),
  'clients reset': (stage) => disturb(stage, (network) =>
    network.resetClients(() => stage.random.below(CUT_ONE_IN) === 0)),
  'clients of one peer in silence': (stage) => disturb(stage, (network) =>
    network.holdClients(IDS[stage.random.below(IDS.length)]!)),
  'all clients in silence, for longer than sessions live': async (stage) => {
    for (const id of IDS) stage.network.holdClients(id)
    await stage.pause(SESSION_TIMEOUT_MS * 3 / 2)
    stage.network.heal()
  },
}

/** Kinds that leave no majority, or no way to it. Meanwhile all others, somebody writes. */
export const STOPPING: ReadonlySet<string> = new Set([
  'kill two', 'kill all', 'all clients in silence, for longer than sessions live', 'two at once',
])

function oneOf(faults: Readonly<Record<string, Fault>>, random: Random): Fault {
  const all = Object.values(faults)
  return all[random.below(all.length)]!
}

/** All kinds of faults, by their names. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  ...OF_PEERS, ...OF_NETWORK,
  'two at once': async (stage) => {
    await Promise.all([oneOf(OF_PEERS, stage.random)(stage), oneOf(OF_NETWORK, stage.random)(stage)])
  },
}

/** Kinds in an order drawn from the seed, each as often as any other; one that is not possible now comes next. */
export class Deck {
  readonly #random: Random
  readonly #kinds: readonly string[]
  #left: string[] = []

  constructor(random: Random, kinds: readonly string[]) {
    this.#random = random
    this.#kinds = kinds
  }

  /** Begins one fault, and calls back with its name. It is undone when this resolves. */
  async deal(stage: Stage, onBegin: (kind: string) => void): Promise<void> {
    const refused: string[] = []
    for (;;) {
      if (this.#left.length === 0) this.#left = shuffled(this.#kinds, this.#random)
      const kind = this.#left.shift()!
      const fault = FAULTS[kind]!(stage)
      if (fault === null) {
        refused.push(kind)
        // The same peer leads as before, say, and is spared: perhaps no more in a while.
        if (refused.length >= this.#kinds.length) await stage.pause(stage.mostMs)
        continue
      }
      this.#left.unshift(...refused)
      onBegin(kind)
      return await fault
    }
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = items.slice()
  return items.map(() => left.splice(random.below(left.length), 1)[0]!)
}
