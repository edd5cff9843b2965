import type { Timing } from '../../core/effects.ts'
import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import { logUniform } from '../draws.ts'
import type { Direction } from './client-ways.ts'
import type { SimClient } from './client.ts'
import type { SimWorld } from './world.ts'

/** What is needed of a world. */
export type StruckWorld =
  Pick<SimWorld, 'clients' | 'clientWays' | 'events' | 'input' | 'note' | 'peers' | 'plan' | 'reached'>

const SHAPES = ['clog', 'partition', 'partition', 'halfOpen', 'tail'] as const
const BOTH: readonly Direction[] = ['out', 'in']
const DIRECTIONS: readonly (readonly Direction[])[] = [BOTH, BOTH, ['out'], ['in']]

/**
 * One fault between clients and peers: ways stand still one after another, or many of them at once, in one direction or
 * in both; peers forget connections, and their clients do not learn of it; or messages are late in between. `share` is
 * what is left of every time that belongs to it (see Fault).
 */
export function strikeClients(world: StruckWorld, dice: Random, share: number): void {
  const shape = SHAPES[dice.below(SHAPES.length)]!
  const clients = drawSome(dice, world.clients)
  const forMs = drawMs(dice, world.plan.timing) * share
  world.note(`${shape} of clients ${clients.map(({ id }) => id).join()}`)
  switch (shape) {
    case 'clog': clog(world, clients, dice, share); break
    case 'partition': part(world, clients, dice, forMs); break
    case 'halfOpen': for (const client of clients) forget(world, client, forMs); break
    case 'tail': {
      const meanMs = logUniform(dice, 10, 3_000)
      for (const { id } of clients) world.clientWays.stretch(id, forMs, meanMs, makeRandom(dice.next()))
    }
  }
}

/** Shorter than a session lives without a word, most of the time. */
function drawMs(dice: Random, { syncMs, sessionMaxMs }: Timing): number {
  return dice.below(4) === 0 ? dice.unit() * 1.5 * sessionMaxMs : logUniform(dice, 10, 3 * syncMs)
}

/** One of them, some or all. */
function drawSome<T>(dice: Random, all: readonly T[]): readonly T[] {
  const roll = dice.below(6)
  const at = dice.below(Math.max(all.length, 1))
  return roll < 2 ? all.slice(at, at + 1) : roll === 2 ? all : all.filter(() => dice.below(2) === 0)
}

/** Ways stand still one after another, and go on in another order. */
function clog(
  { clientWays, events, peers }: StruckWorld, clients: readonly SimClient[], dice: Random, share: number,
): void {
  for (const { id } of clients) for (const peer of peers) {
    const [fromMs, forMs] = [dice.unit() * 2_000 * share, dice.unit() * 10_000 * share]
    events.after(fromMs, () => { for (const direction of BOTH) clientWays.hold(id, peer, direction, forMs) })
  }
}

function part({ clientWays, peers }: StruckWorld, clients: readonly SimClient[], dice: Random, forMs: number): void {
  const others = drawSome(dice, peers)
  const directions = DIRECTIONS[dice.below(DIRECTIONS.length)]!
  for (const { id } of clients) for (const peer of others) {
    for (const direction of directions) clientWays.hold(id, peer, direction, forMs)
  }
}

/** The connection is over, and its client believes in it until it is told, or gives up by itself. */
function forget(world: StruckWorld, client: SimClient, forMs: number): void {
  const { id, peer, conn } = client
  if (!client.connected) return
  world.reached.hit('client: half-open')
  world.clientWays.hold(id, peer, 'in', forMs)
  world.input(peer, { kind: 'disconnect', conn })
  client.cut(conn)
}
