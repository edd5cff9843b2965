/**
 * The schedule: at each tick one member runs the job, and in calm weather somebody does. Clocks jump and drift in every
 * other seed: no tick is run twice then either, and every tick after the last that was claimed is run.
 */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { schedule } from '../../../lib/recipes/index.ts'
import type { Run } from '../../../lib/recipes/index.ts'
import { STORM_FAULTS } from '../../../lib/testing/index.ts'
import type { StormCounts, StormFault, World } from '../../../lib/testing/index.ts'
import { check, emptied, play } from '../actors.ts'
import { Failures } from '../failures.ts'
import { Ledger } from '../ledger.ts'

const JOB = '/jobs/job'
const EVERY_MS = 1_000
/** Of those who are there in calm weather. */
const TIMEOUT_MS = 20_000
const CLOCKS: readonly StormFault[] = ['clock jump', 'calendar jump', 'drift']

interface Ghost {
  readonly world: World
  readonly ledger: Ledger
  readonly failures: Failures
  /** Runs of each tick. */
  readonly ran: Map<number, number>
  /** Members that came and went. */
  parts: number
}

export async function scenario(world: World): Promise<StormCounts> {
  const isRough = world.random.below(2) === 0
  // A leader whose clock jumps expires sessions early: only what is fenced is judged then.
  const ledger = await Ledger.begin(world, '/ledger', { isRude: isRough })
  const ghost: Ghost = { world, ledger, failures: new Failures(), ran: new Map(), parts: 0 }
  const missed = world.random.below(2) === 0 ? 'skip' : 'last'
  const counts = await play(world, {
    work: (zk) => takePart(ghost, zk, missed),
    // Who was a day ahead has made the ticks until then nobody's.
    progress: () => (isRough ? ghost.parts : ghost.ran.size),
    faults: isRough ? [...STORM_FAULTS, ...CLOCKS] : STORM_FAULTS,
  })
  await everyTick(ghost)
  await ghost.ledger.verify()
  await emptied(world, `${JOB}/run`)
  return counts
}

async function takePart(ghost: Ghost, zk: Client, missed: 'skip' | 'last'): Promise<void> {
  const { world, failures } = ghost
  const member = await schedule(zk, JOB, { everyMs: EVERY_MS }, (run) => job(ghost, zk, run, 1_500), { missed })
  for (let left = 1 + world.random.below(10); left > 0 && zk.state !== 'expired'; left--) {
    await world.sleep(zk, world.random.below(1_000))
    failures.rethrow()
  }
  await member.close()
  ghost.parts += 1
}

async function job({ world, ledger, failures, ran }: Ghost, zk: Client, run: Run, longestMs: number): Promise<void> {
  const { hold, tick } = run
  failures.keep(() => {
    const times = (ran.get(tick.getTime()) ?? 0) + 1
    ran.set(tick.getTime(), times)
    check(times === 1, 'twice', `${tick.toISOString()} is run for the ${times}. time`)
    ledger.taken(zk, hold)
  })
  try {
    await ledger.write(hold)
    await world.sleep(zk, world.random.below(longestMs))
    if (failures.keep(() => ledger.stillHeld(hold)) === true) await ledger.write(hold)
  } catch (error) {
    if (!isZkError(error)) failures.keep(() => { throw error })
  }
}

/** In calm weather no tick goes by without a run, once the clocks are past the last that was claimed. */
async function everyTick(ghost: Ghost): Promise<void> {
  const { world, failures, ran } = ghost
  // Whoever died as he ran the job has it until his session ends.
  await emptied(world, `${JOB}/run`)
  const clients = await Promise.all([1, 2, 3].map(() => world.connect({ sessionTimeoutMs: TIMEOUT_MS })))
  const aheadMs = await lastClaimed(clients[0]!) - clients[0]!.clock.wall()
  if (aheadMs > 0) {
    for (const zk of clients) world.jumpWall(zk, aheadMs)
    // Such a jump may have been a sleep: it takes some pings until they are known to be alive again.
    await world.advance(TIMEOUT_MS)
  }
  const members = await Promise.all(clients.map((zk) =>
    schedule(zk, JOB, { everyMs: EVERY_MS }, (run) => job(ghost, zk, run, 100))))
  const wall = (): number => clients[0]!.clock.wall()
  const first = (Math.floor(wall() / EVERY_MS) + 1) * EVERY_MS
  const last = first + 4 * EVERY_MS
  await world.until(() => wall() > last + 900)
  failures.rethrow()
  for (let tick = first; tick <= last; tick += EVERY_MS) {
    check(ran.get(tick) === 1, 'missed', `${new Date(tick).toISOString()} was run ${ran.get(tick) ?? 0} times`)
  }
  await Promise.all(members.map((member) => member.close()))
  await Promise.all(clients.map((zk) => zk.close()))
}

async function lastClaimed(zk: Client): Promise<number> {
  const [, node] = await Promise.all([zk.sync('/'), zk.get(`${JOB}/last`)])
  return (node.json() as { readonly tick: number }).tick
}
