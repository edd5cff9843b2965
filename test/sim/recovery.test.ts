/** D6: a disk whose recovery is no function is seen. P10: so is an epoch that begins without its initial history. */
import { assert, suite } from '../harness.ts'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import type { TxnCodec } from '../../lib/core/tree/txn.ts'
import { Row } from '../../lib/core/tree/view.ts'
import { CHAIN_ZERO } from '../../lib/core/zab/chain.ts'
import { Log } from '../../lib/core/zab/log.ts'
import { ZXID_ZERO, makeZxid } from '../../lib/core/zxid.ts'
import { at, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import type { Watched } from '../../lib/testing/sim/ghost.ts'
import { drawPlan } from '../../lib/testing/sim/plan.ts'
import { Primaries } from '../../lib/testing/sim/primaries.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: recovery')

/** Starts one server of three again that has a snapshot, after `spoil`. */
function restart(codec: TxnCodec, spoil: () => void): void {
  const { world: plan } = drawPlan(1)
  const world = new SimWorld({
    ...plan, voters: 3, observers: 0, drift: 0, diskMs: 1, priorities: null, spoils: null,
    limits: { ...DEFAULT_LIMITS, snapshotTxns: 100 },
    network: { latencyMs: 1, tailMs: 1, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity },
    clientPlan: { ...plan.clientPlan, opsPerSecond: 100 },
  }, codec)
  const server = world.servers.get(1)!
  while (server.disk.base === null) world.events.runUntil(world.events.nowMs + 1_000)
  world.crash(1)
  spoil()
  world.start(1)
}

test('D6: the same disk gives another tree the second time', () => {
  restart(makeTxnCodec(), () => undefined)
  const codec = makeTxnCodec()
  let isSpoilt = false
  let reads = 0
  const alters: TxnCodec = {
    ...codec,
    decodeRows: (bytes) => {
      const rows = codec.decodeRows(bytes)
      return isSpoilt && reads++ > 0 ? rows.map((row) => row[0] === Row.session ? row.with(2, 1) : row) : rows
    },
  }
  try {
    restart(alters, () => { isSpoilt = true })
  } catch (error) {
    assert.is((error as Violation).check, 'D6')
    return
  }
  assert.unreachable('nothing was seen')
})

/** The leader of epoch 2, with the history of the first. */
function leading(primaries: Primaries): void {
  const log = new Log(ZXID_ZERO, CHAIN_ZERO, run(1, 3))
  const replica = {
    leader: { phase: 'synchronization', epoch: 2, active: false }, journal: { log, meta: { currentEpoch: 1 } },
  }
  const server = { id: 1, incarnation: 1, replica } as unknown as Watched
  try {
    primaries.observe(server, undefined)
  } catch (error) {
    // That it is of the epoch is of no interest here.
    if (!(error instanceof Violation) || error.check !== 'P16') throw error
  }
}

test('P10: a txn of an epoch comes, and not all of the history of that epoch before it', () => {
  const primaries = new Primaries({ led: () => undefined, proposed: () => undefined, undone: () => undefined })
  leading(primaries)
  const [, second, third] = run(1, 3)
  const first = makeZxid(2, 1)
  primaries.checkDelivered(first, CHAIN_ZERO, third)
  for (const last of [second, { ...third!, hash1: third!.hash1 ^ 1 }, undefined]) {
    try {
      primaries.checkDelivered(first, CHAIN_ZERO, last)
    } catch (error) {
      assert.is((error as Violation).check, 'P10')
      continue
    }
    assert.unreachable(`${last?.zxid ?? 'nothing'} before ${first}, of ${at(1)}`)
  }
})

test.run()
