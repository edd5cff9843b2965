import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import type { Ghost } from './ghost.ts'
import type { Reached } from './reached.ts'
import type { Server } from './server.ts'

/** Who is told of what becomes of writes. */
export interface LandingWorld {
  readonly ghost: Pick<Ghost, 'excused'>
  readonly reached: Reached
  note(text: string): void
}

/** One of some writes that lands elsewhere, and the dice for where. */
interface Astray {
  readonly at: number
  readonly dice: Random
}

/** These writes come to the disk of a server, in order. Returns how many: none from one on that finds no room. */
export function land(world: LandingWorld, server: Server, writes: Server['writes']): number {
  return landAll(world, server, writes, null)
}

/** The same of writes that the disk completes: one of them lands elsewhere where that is due. */
export function complete(world: LandingWorld, server: Server, writes: Server['writes']): number {
  if (server.strayDice === null) return land(world, server, writes)
  const dice = makeRandom(server.strayDice)
  return landAll(world, server, writes, { at: dice.below(writes.length), dice })
}

function landAll(world: LandingWorld, server: Server, writes: Server['writes'], astray: Astray | null): number {
  const { id, disk } = server
  for (let at = 0; at < writes.length; at++) {
    const { batch } = writes[at]!
    const { leftOut } = disk
    const isAstray = astray !== null && at === astray.at
    const hasRoom = isAstray ? disk.misdirect(batch, astray.dice) : disk.apply(batch)
    if (!hasRoom) return at
    if (isAstray) goAstray(world, server)
    if (disk.leftOut <= leftOut) continue
    world.note(`a snapshot of ${id} is left out`)
    world.reached.hit('disk: a snapshot is left out')
  }
  return writes.length
}

function goAstray(world: LandingWorld, server: Server): void {
  server.strayDice = null
  world.note(`a write of ${server.id} lands elsewhere`)
  world.reached.hit('disk: a write lands elsewhere')
  world.ghost.excused.add(server.id)
}
