/** L3 to the millisecond: a learner whose synchronization stands still is given up after the limit, and not before. */
import { assert, suite } from '../harness.ts'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import type { Leader } from '../../lib/core/zab/leader.ts'
import { drawPlan } from '../../lib/testing/sim/plan.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: conduct')

const [A, B, C] = [1, 2, 3]
const DROPPED = 'dropped: silent or behind'

function newWorld(seed: number, mutant?: string): SimWorld {
  const { world } = drawPlan(1)
  return new SimWorld({
    ...world, seed, voters: 3, observers: 0, clients: 2, drift: 0.1, diskMs: 5, priorities: null, spoils: null,
    limits: { ...DEFAULT_LIMITS, syncChunkBytes: 300, syncChunksInFlight: 1 },
    network: { latencyMs: 3, tailMs: 1, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity },
    clientPlan: { ...world.clientPlan, opsPerSecond: 50 },
    ...(mutant === undefined ? {} : { mutant }),
  }, makeTxnCodec())
}

function until(world: SimWorld, done: () => boolean, what: string): void {
  const limitMs = world.events.nowMs + 60_000
  while (!done()) {
    assert.ok(world.events.nowMs < limitMs, what)
    world.events.runUntil(world.events.nowMs + 1)
  }
}

/** B leads and is not established: all that it has is A, which is brought up and falls silent after `pieces` pieces. */
function standsStill(world: SimWorld, pieces: number): void {
  const leader = (): Leader | null => world.servers.get(B)!.replica!.leader
  until(world, () => [A, B, C].every((id) => world.servers.get(id)!.replica!.serving), 'all serve')
  world.crash(A)
  const { commits } = world.ghost
  until(world, () => world.ghost.commits > commits + 100, 'A is far behind')
  world.crash(C)
  world.crash(B)
  world.start(B)
  world.start(A)
  until(world, () => (leader()?.learners.get(A)?.piecesAcked ?? -1) >= pieces, 'a synchronization that moves')
  assert.not(leader()!.active)
  world.pause(A, 60_000)
  assert.is(world.reached.counts[DROPPED] ?? 0, 0)
  until(world, () => world.reached.counts[DROPPED] === 1, 'A is given up')
}

test('a leader that sees whole milliseconds gives up after its limit by those, whatever part of one it was', () => {
  for (let seed = 1; seed <= 10; seed++) standsStill(newWorld(seed), 1 + seed)
})

test('a leader that counts from the beginning of a synchronization, however far it is since, is seen', () => {
  assert.throws(() => standsStill(newWorld(1, 'fixedInitLimit'), 4), /L3: server 2 gives up peer 1/)
})

test.run()
