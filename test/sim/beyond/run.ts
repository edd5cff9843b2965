import { AssertionError } from '../../../lib/core/assert.ts'
import { makeRandom } from '../../../lib/core/random.ts'
import type { Random } from '../../../lib/core/random.ts'
import type { Replica } from '../../../lib/core/replica.ts'
import type { TxnCodec } from '../../../lib/core/tree/txn.ts'
import { makeTxnCodec } from '../../../lib/wire/txn.ts'
import { Damage } from './damage.ts'
import type { Delivered } from '../../../lib/testing/sim/ghost.ts'
import { MutedGhost } from './muted-ghost.ts'
import { STORM_MS } from '../../../lib/testing/sim/plan.ts'
import { drawRun } from '../../../lib/testing/sim/reduction.ts'
import type { Run } from '../../../lib/testing/sim/reduction.ts'
import { boundMsOf } from '../../../lib/testing/sim/freeze.ts'
import { failureOf, resultOf } from '../../../lib/testing/sim/run.ts'
import type { SeedResult } from '../../../lib/testing/sim/run.ts'
import { Storm } from '../../../lib/testing/sim/storm.ts'
import { Violation } from '../../../lib/testing/sim/violation.ts'
import { SimWorld } from '../../../lib/testing/sim/world.ts'

/** What an operator would be told of. */
const ALARM = 'fatal: StorageDamaged'

/**
 * Runs a seed beyond what is guaranteed: more disks rot, or are put back to an old image, than a quorum can do without.
 * As long as the storage recognises it every check of safety must hold, and the ensemble goes on or stands still. What
 * no storage can see may cost acknowledged writes; then no two peers may go on with different trees for ever: those
 * that have seen what the others forgot must stop and say so.
 */
export function runBeyond(seed: number, codec: TxnCodec = makeTxnCodec(), mutant?: string): SeedResult {
  const run = drawBeyond(seed, mutant)
  const random = makeRandom(seed ^ 0xbe_40d)
  const kind = (['rot', 'seen', 'unseen'] as const)[random.below(3)]!
  const world = new SimWorld(run.plan.world, codec)
  const storm = new Storm(world, run.plan, run.faults)
  const damage = new Damage(world, random, kind, run.plan.stormMs)
  let failure: SeedResult['failure'] = null
  try {
    const isLossy = (): boolean => kind === 'unseen' && damage.strikes > 0
    const outcome = play(world, storm, run, isLossy, random)
    world.reached.hit(`beyond: ${kind}, ${outcome}`)
    if (damage.strikes === 0) world.reached.hit('beyond: no disk was struck')
  } catch (error) {
    failure = failureOf(error, world)
  }
  return resultOf(world, storm, run.plan, failure)
}

/** The budget of what may be lost is not the storm's here. */
function drawBeyond(seed: number, mutant: string | undefined): Run {
  const { plan, faults } = drawRun(seed, mutant)
  const voters = Math.max(plan.world.voters, 3)
  const stormMs = Math.max(plan.stormMs, STORM_MS)
  return {
    plan: {
      ...plan, founding: null, stormMs, finalSilenceMs: 0, ending: 'core heals',
      world: { ...plan.world, voters, spoils: null },
    },
    faults: faults.filter(({ kind }) => kind !== 'wipe' && kind !== 'rot' && kind !== 'promise' && kind !== 'spoil'),
  }
}

function play(world: SimWorld, storm: Storm, { plan }: Run, isLossy: () => boolean, random: Random): string {
  const { events } = world
  const end = (): void => {
    storm.end(new Set(), random)
    events.runUntil(events.nowMs + 2 * boundMsOf(plan))
  }
  try {
    events.runUntil(plan.stormMs)
    end()
  } catch (error) {
    if (!isLossy() || !(error instanceof Violation || error instanceof AssertionError)) throw error
    world.note(error.message)
    const last = world.ghost.G.at(-1)
    mute(world)
    goOn(world, () => { events.runUntil(plan.stormMs) })
    goOn(world, end)
    return verdict(world, last)
  }
  world.ghost.checkAll()
  if (world.leader !== null) return 'nothing was lost'
  if (hasQuorum(world)) throw new Violation('L1', 'a quorum is whole, and nobody leads')
  return 'stands still'
}

/** Whole disks, by their own account, of a quorum. */
function hasQuorum({ servers, plan: { voters } }: SimWorld): boolean {
  const whole = Array.from(servers.values()).filter(({ id, disk, replica }) =>
    id <= voters && replica?.stopped === false && disk.damage === 'none' && disk.meta?.health === 'ok' &&
    disk.meta.currentEpoch > 0)
  return whole.length * 2 > voters
}

/** Something is lost. Nobody but the peers judges from here on. */
function mute(world: SimWorld): void {
  world.ghost = new MutedGhost(world.ghost)
  for (const client of world.clients) client.stop()
  for (const { conns } of world.servers.values()) conns.clear()
  restart(world)
}

/** The turn under way was not carried out to its end: it dies in it. */
function restart(world: SimWorld): void {
  const { stepping, events } = world
  world.crash(stepping)
  events.after(1_000, () => world.start(stepping))
}

/** A peer that runs into what cannot be stops, and says so; clients have nothing to say any more. */
function goOn(world: SimWorld, run: () => void): void {
  for (let times = 0; times < 1_000; times++) {
    try {
      run()
      return
    } catch (error) {
      if (error instanceof AssertionError) {
        world.reached.hit(ALARM)
        restart(world)
      } else if (!(error instanceof Violation)) throw error
    }
  }
}

/** They come to terms, or those that know more than the others stop. */
function verdict(world: SimWorld, last: Delivered | undefined): string {
  const servers = Array.from(world.servers.values())
  const serving = servers.flatMap(({ replica }) => replica?.serving === true ? [replica] : [])
  for (const one of serving) for (const other of serving) {
    if (differ(one, other)) throw new Violation('P2', 'two peers serve different trees, and nobody says so')
  }
  if ((world.reached.counts[ALARM] ?? 0) > 0) return 'writes were lost, and peers stop'
  if (serving.length === 0) return 'stands still'
  const isThere = last === undefined || serving.every(({ journal: { log } }) => {
    const chain = log.chainAt(last.zxid)
    return chain === null ? log.floor >= last.zxid : chain.hash1 === last.hash1 && chain.hash2 === last.hash2
  })
  return isThere ? 'nothing was lost in the end' : 'writes were lost, and nobody can know'
}

function differ(one: Replica, other: Replica): boolean {
  const zxid = one.tree.zxid < other.tree.zxid ? one.tree.zxid : other.tree.zxid
  const here = one.journal.log.chainAt(zxid)
  const there = other.journal.log.chainAt(zxid)
  if (here !== null && there !== null && (here.hash1 !== there.hash1 || here.hash2 !== there.hash2)) return true
  if (one.tree.zxid !== other.tree.zxid) return false
  const [digest, its] = [one.tree.digest(), other.tree.digest()]
  return digest.hash1 !== its.hash1 || digest.hash2 !== its.hash2
}
