import { assert, suite } from '../harness.ts'
import type { Limits } from '../../lib/core/limits.ts'
import { Log } from '../../lib/core/zab/log.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { ZXID_ZERO, makeZxid } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { base, chunks } from '../../lib/testing/conformance/storage-fixtures.ts'
import { SimDisk } from '../../lib/testing/sim/disk.ts'
import type { Watched } from '../../lib/testing/sim/ghost.ts'
import { Primaries } from '../../lib/testing/sim/primaries.ts'
import { Script } from '../../lib/testing/sim/script.ts'
import { Soundness } from '../../lib/testing/sim/soundness.ts'
import { checkTypes } from '../../lib/testing/sim/type-ok.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

/** Checks of the ghost that no switched-on bug reaches, on states and histories that are made up. */
const test = suite('sim: invariants')

function isSeen(check: string, run: () => unknown): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    assert.is(error.check, check, error.message)
    return
  }
  assert.unreachable(`${check} was not seen`)
}

/** Three peers, led by the third, that have delivered some writes. */
function written(): Script {
  const script = new Script(makeTxnCodec(), { voters: 3 })
  script.up(1, 2, 3)
  script.lead(3)
  script.connect(3, 1)
  for (const path of ['/a', '/b', '/c']) script.write(3, 1, path)
  script.pass(1_000)
  return script
}

type Fields = Readonly<Record<string, unknown>>

/** The replica of a peer with something else in some of its fields. */
function distorted(script: Script, id: number, fields: Fields, journal: Fields = {}, meta: Fields = {}): Watched {
  const { replica, incarnation, disk } = script.peer(id) as Watched
  const { log, durableZxid, baseZxid, base } = replica.journal
  const seen: Fields = {
    tree: replica.tree,
    journal: { log, durableZxid, baseZxid, base, meta: { ...replica.journal.meta, ...meta }, ...journal },
    ...fields,
  }
  const values = Object.entries(seen).map(([name, value]) => [name, { value }] as const)
  return { id, incarnation, disk, replica: Object.create(replica, Object.fromEntries(values)) as Watched['replica'] }
}

const script = written()
const { last } = script.replica(3).journal.log
const later = (last + 1) as Zxid

function isIllTyped(name: string, id: number, fields: Fields, journal: Fields = {}, meta: Fields = {}): void {
  test(`P16: ${name}`, () => {
    checkTypes(distorted(script, id, {}))
    isSeen('P16', () => { checkTypes(distorted(script, id, fields, journal, meta)) })
  })
}

isIllTyped('a role that is none', 3, { role: 'resting' })
isIllTyped('a leader that has no leadership', 3, { leader: null })
isIllTyped('a follower that looks for a leader as well', 1, { election: {} })
isIllTyped('a voter that observes', 1, { role: 'observing' })
isIllTyped('service before UPTODATE', 1, { learner: { stage: 'synced', epoch: 1, committed: ZXID_ZERO } })
isIllTyped('sessions that are timed by a follower', 1, { route: { intake: {} } })
isIllTyped('sessions that are timed by who looks', 1, {
  role: 'looking', election: {}, learner: null, serving: false, route: { intake: {} },
})
isIllTyped('an established leader that times no sessions', 3, { route: { intake: null } })
isIllTyped('a mark above the promise', 3, {}, {}, { acceptedEpoch: 0 })
isIllTyped('half an epoch', 3, {}, {}, { currentEpoch: 0.5 })
isIllTyped('health that nobody knows', 3, {}, {}, { health: 'fine' })
isIllTyped('the promises of somebody else', 3, {}, {}, { peerId: 2 })
isIllTyped('a log above the promise', 3, {}, { log: { floor: 0, last: makeZxid(9, 1) } })
isIllTyped('applied before it is on disk', 3, {}, { durableZxid: ZXID_ZERO })
isIllTyped('applied before it is committed', 3, { committed: ZXID_ZERO })
isIllTyped('committed and not logged', 3, { committed: later })
isIllTyped('a zxid that is none', 3, { committed: -1 })
isIllTyped('a snapshot of what is not applied', 3, {}, { baseZxid: later, durableZxid: last })
isIllTyped('a leader of an epoch that it did not promise', 3, {
  leader: { epoch: 7, committed: last, active: true, learners: new Map() },
})
isIllTyped('a learner that acked what it was not sent', 3, {
  leader: {
    epoch: 1, committed: last, active: true, learners: new Map([[2, {
      peer: 2, stage: 'live', piecesSent: 0, piecesAcked: 0, acked: last, cursor: ZXID_ZERO, newLeaderAcked: true,
      sentCommit: ZXID_ZERO,
    }]]),
  },
})
isIllTyped('a learner of an epoch that it did not promise', 1, {
  learner: { stage: 'upToDate', epoch: 7, committed: ZXID_ZERO },
})

test('P7: an older txn is delivered after a newer one', () => {
  const own = written()
  const server = own.peer(3) as Watched
  const { journal, tree } = server.replica
  const first = own.ghost.G[0]!.zxid
  const { log } = journal
  const replayed = {
    floor: log.floor, last: log.last, entryAt: () => log.entryAt(first), zxidAfter: () => first,
  }
  Object.defineProperty(tree, 'zxid', { value: first })
  isSeen('P7', () => {
    own.ghost.observe(distorted(own, 3, {}, { log: replayed }))
  })
})

/** As if a peer said that now. */
function says(own: Script, id: number, message: Message): void {
  own.ghost.emitted(own.peer(id) as Watched, { kind: 'send', link: 0, message })
}

/** The first peer has been sent all that the others have written without it, and has written nothing of that yet. */
function broughtUp(limits: Partial<Limits>): { readonly own: Script, readonly told: () => number } {
  const own = new Script(makeTxnCodec(), { voters: 3, limits: { ...limits, syncChunkBytes: 300 } })
  own.up(1, 2, 3)
  own.lead(3)
  own.connect(3, 1)
  own.crash(1)
  for (let i = 0; i < 20; i++) own.write(3, 1, `/n${i}`)
  let told = 0
  own.tap = (from, to, message) => {
    if (to === 1 && (message.kind === 'diff' || message.kind === 'snap')) own.hold(1)
    if (from === 1 && message.kind === 'syncAck') told = message.pieces
    return [message]
  }
  own.up(1)
  for (let i = 0; i < 100 && own.replica(1).learner?.stage !== 'synced'; i++) own.pass(10)
  return { own, told: () => told }
}

for (const [what, limits] of [
  ['a diff', {}], ['a snapshot', { snapshotTxns: 5, retainedTxns: 1, retainedBytes: 1 }],
] as const) {
  test(`D2: a piece of ${what} is said to be on disk before it is`, () => {
    const { own, told } = broughtUp({ ...limits, syncChunksInFlight: 100 })
    const { join } = own.replica(1).learner!
    assert.is(own.replica(1).journal.base !== null, what === 'a snapshot')
    // The last piece of a snapshot is said behind one write more.
    const asked = new Set<number>()
    do {
      const pieces = told() + 1
      if (!asked.has(pieces)) isSeen('D2', () => { says(own, 1, { kind: 'syncAck', join, pieces }) })
      asked.add(pieces)
    } while (own.complete(1))
    assert.ok(asked.has(1))
    assert.ok(told() > 3, 'each of them was said once it was there')
    isSeen('D2', () => { says(own, 1, { kind: 'syncAck', join: join + 1, pieces: 1 }) })
  })
}

test('D2: an ack, and what is on disk is less, more or something else', () => {
  const own = written()
  const { disk } = own.peer(1)
  const ack: Message = {
    kind: 'ack', join: own.replica(1).learner!.join, epoch: 1, zxid: own.replica(1).journal.log.last, newLeader: true,
  }
  says(own, 1, ack)
  const { log } = disk
  const entries = disk.entries()
  const end = entries.at(-1)!
  const more = { ...end, zxid: (end.zxid + 1) as Zxid, prevZxid: end.zxid }
  const other = { ...end, hash1: end.hash1 ^ 1 }
  const before = entries.slice(0, -1)
  for (const wrong of [before, [...entries, more], [...before, other]]) {
    disk.log = new Log(log.floor, log.chainAt(log.floor), wrong)
    isSeen('D2', () => { says(own, 1, ack) })
  }
  disk.log = log
  says(own, 1, ack)
})

test('D3: a delivered txn that no quorum has any more, at whatever write comes next', () => {
  const own = written()
  const before = own.ghost.G.at(-2)!
  own.ghost.durable(own.peer(3) as Watched)
  own.peer(1).disk.log.truncate(before.zxid)
  own.ghost.durable(own.peer(3) as Watched)
  own.peer(2).disk.log.truncate(before.zxid)
  isSeen('D3', () => { own.ghost.durable(own.peer(3) as Watched) })
})

test('D3: an old txn is missing in the midst of what a quorum has', () => {
  const own = written()
  own.ghost.checkAll()
  const before = own.ghost.G.at(-2)!
  for (const id of [1, 2]) {
    const { disk } = own.peer(id)
    disk.log = new Log(before.zxid, before, disk.log.slice(before.zxid, last, Infinity))
  }
  own.ghost.checkDurability()
  isSeen('D3', () => { own.ghost.checkAll() })
})

/** Three disks of voters that have marked these epochs. */
function marked(...epochs: readonly number[]): { readonly disks: readonly SimDisk[], readonly soundness: Soundness } {
  const { meta } = script.peer(3).disk
  const disks = epochs.map((currentEpoch) => {
    const disk = new SimDisk()
    disk.meta = { ...meta!, acceptedEpoch: 2, currentEpoch }
    return disk
  })
  const soundness = new Soundness({ voters: [1, 2, 3], disk: (voter) => disks[voter - 1]!, excused: new Set() })
  return { disks, soundness }
}

const JOIN: Message = { kind: 'followerInfo', join: 1, role: 'voter', acceptedEpoch: 2, health: 'ok' }

test('D4, D6: what comes late of a snapshot, when another one has begun', () => {
  const disk = new SimDisk()
  disk.apply({ chunks: chunks(1, 2), install: base(1, ZXID_ZERO, 2) })
  for (const late of [{ chunks: chunks(7, 1, 2) }, { install: base(7, ZXID_ZERO, 2) }]) {
    disk.apply({ chunks: chunks(7, 2) })
    disk.apply({ chunks: chunks(8, 1) })
    isSeen('chunks' in late ? 'D4' : 'D6', () => { disk.apply(late) })
  }
  assert.equal(disk.chunks(), chunks(1, 2).map(({ bytes }) => bytes))
})

test('D9: an epoch that a majority has not marked', () => {
  marked(2, 2, 1).soundness.led(2)
  isSeen('D9', () => { marked(2, 1, 1).soundness.led(2) })
})

test('D9: a damaged voter is one of those that established an epoch', () => {
  const { disks, soundness } = marked(2, 2, 1)
  disks[1]!.meta = { ...disks[1]!.meta!, health: 'log' }
  isSeen('D9', () => { soundness.led(2) })
})

test('D9: a commit that one of its majority has not marked the epoch for', () => {
  const { disks, soundness } = marked(2, 2, 1)
  const { log } = script.peer(3).disk
  const place = { zxid: last, ...log.chainAt(last)! }
  for (const disk of disks) disk.log = log
  soundness.committed(2, place)
  disks[1]!.log = new Log(ZXID_ZERO, null, [])
  isSeen('D9', () => { soundness.committed(2, place) })
})

test('D9: a voter whose disk was emptied says that all is well, before it is rebuilt', () => {
  const { disks, soundness } = marked(0, 0, 0)
  soundness.emitted(1, JOIN)
  soundness.lose(1)
  // Nobody else had marked an epoch: none was ever established.
  soundness.emitted(1, JOIN)
  disks[1]!.meta = { ...disks[1]!.meta!, currentEpoch: 1 }
  soundness.lose(1)
  isSeen('D9', () => { soundness.emitted(1, JOIN) })
  disks[0]!.meta = { ...disks[0]!.meta!, currentEpoch: 2 }
  soundness.emitted(1, JOIN)
})

test('D9: a voter whose disk was emptied founds with the others once no disk knows of an epoch', () => {
  const { disks, soundness } = marked(0, 1, 0)
  soundness.lose(1)
  isSeen('D9', () => { soundness.emitted(1, JOIN) })
  soundness.lose(2)
  disks[1]!.meta = { ...disks[1]!.meta!, currentEpoch: 0 }
  soundness.emitted(1, JOIN)
  soundness.emitted(2, JOIN)
})

test('P1: an epoch that nobody knows of any more, and that was not established, may be led again', () => {
  const journal = { log: new Log(ZXID_ZERO, null, []) }
  const leads = (active: boolean): Watched => {
    const leader = { epoch: 7, phase: 'synchronization', active }
    return { ...distorted(script, 3, { leader }, journal, { currentEpoch: 7 }), disk: new SimDisk() }
  }
  const follows = (currentEpoch: number): Watched =>
    ({ ...distorted(script, 1, { leader: null }, journal, { currentEpoch }), disk: new SimDisk() })
  const led = (active: boolean, isGone: boolean, known: number): (() => void) => {
    const undone: number[] = []
    const primaries = new Primaries({
      led: () => undefined, proposed: () => undefined, undone: (epoch) => void undone.push(epoch),
    })
    const first = leads(active)
    primaries.observe(first, undefined)
    primaries.observe(follows(known), undefined)
    if (isGone) Object.assign(first, { replica: null })
    return () => {
      primaries.observe({ ...leads(false), incarnation: 99 }, undefined)
      assert.equal(undone, [7])
    }
  }
  led(false, true, 0)()
  isSeen('P1', led(true, true, 0))
  isSeen('P1', led(false, false, 0))
  isSeen('P1', led(false, true, 7))
})

test.run()
