/**
 * Known bugs of ZooKeeper as hand-written schedules (correctness plan, D): each holds on the real core and is seen by
 * the checkers when the bug is switched on. Peers A, B, C are 1, 2, 3: of equal logs the highest id leads.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { assert, suite } from '../harness.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Limits } from '../../lib/core/limits.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { Script } from '../../lib/testing/sim/script.ts'
import type { ScriptOptions } from '../../lib/testing/sim/script.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: scenarios')
const codec = makeTxnCodec()
const [A, B, C, D, E] = [1, 2, 3, 4, 5] as const
const CORE = new URL('../../lib/core/', import.meta.url)

type Scenario = (options: Partial<ScriptOptions>) => Script

interface Mutant {
  readonly mutant: string
  readonly ignore?: readonly string[]
  /** Checks of which one must see it. */
  readonly seenBy: readonly string[]
}

/** Mutants that some scenario kills. */
const killed = new Set<string>()

/** The scenario holds as it is, and one of the named checks sees each mutant. */
function scenario(name: string, run: Scenario, mutants: readonly Mutant[]): void {
  test(`${name} holds`, () => {
    const script = run({})
    assert.ok(script.leader > 0)
  })
  for (const { mutant, ignore, seenBy } of mutants) {
    killed.add(mutant)
    const without = ignore === undefined ? '' : ` without ${ignore.join()}`
    test(`${name}: ${mutant}${without} is seen by ${seenBy.join(' or ')}`, () => {
      try {
        run({ mutant, ...(ignore === undefined ? {} : { ignore }) })
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        assert.ok(seenBy.includes(error.check), error.message)
        return
      }
      assert.unreachable('the mutant was not seen')
    })
  }
}

function started(voters: number, options: Partial<ScriptOptions>, ...ids: number[]): Script {
  const script = new Script(codec, { voters, ...options })
  script.up(...ids)
  script.lead(Math.max(...ids))
  return script
}

/** Everything comes back, agrees, and still knows every path that was acknowledged. */
function convergeWith(script: Script, paths: readonly string[]): void {
  script.heal()
  script.release(...script.peers.keys())
  for (const { id, replica } of script.peers.values()) if (replica === null) script.up(id)
  script.serve(...script.peers.keys())
  script.connect(script.leader, 900)
  script.write(script.leader, 900, `/last-${script.ms}`)
  script.pass(1_000)
  for (const { id } of script.peers.values()) {
    for (const path of paths) {
      if (!script.replica(id).tree.has(path)) throw new Violation('C6', `peer ${id} has lost ${path}`)
    }
    if (script.replica(id).tree.zxid !== script.replica(script.leader).tree.zxid) {
      throw new Violation('L6', `peer ${id} lags`)
    }
  }
}

/** The leader logs a write, and its links break before anybody gets it: it is on this one disk alone. */
function loseWrite(script: Script, leader: number, conn: number, path: string): void {
  const before = script.peer(leader).disk.log.last
  script.tap = (_from, _to, message) => message.kind === 'proposal' ? [] : [message]
  script.write(leader, conn, path)
  script.isolate(leader)
  script.tap = (_from, _to, message) => [message]
  const holders = [...script.peers.values()].filter(({ disk }) => disk.log.last > before).map(({ id }) => id)
  assert.equal(holders, [leader])
}

scenario('S-4643 epoch before history', (options) => {
  const script = started(3, options, A, B, C)
  script.connect(C, 1)
  script.isolate(A)
  script.pass(2_000)
  script.write(C, 1, '/w1')
  assert.ok(script.replica(B).tree.has('/w1'), 'w1 is committed on B and C')
  script.crash(C)
  script.heal()
  script.hold(A)
  const w1 = script.replica(B).journal.log.last
  const halfDone = (): boolean => {
    const { log, meta } = script.peer(A).disk
    return (log.entryAt(w1) !== undefined) !== (meta?.currentEpoch === 2)
  }
  for (let i = 0; !halfDone() && i < 4_000; i++) {
    if (!script.complete(A)) script.pass(1)
  }
  assert.ok(halfDone(), 'exactly one of the two records is durable')
  script.crash(A, B)
  script.up(A, C)
  script.pass(5_000)
  convergeWith(script, ['/w1'])
  return script
}, [
  { mutant: 'epochBeforeHistory', seenBy: ['P15'] },
  { mutant: 'epochBeforeHistory', ignore: ['P15'], seenBy: ['P12', 'D3', 'P13', 'C6'] },
])

scenario('S-3911 ack before durable', (options) => {
  const script = started(3, options, A, B, C)
  script.connect(C, 1)
  script.cut(A, B)
  loseWrite(script, C, 1, '/w1')
  script.pass(3_000)
  assert.is(script.leader, 0, 'everybody looks for a leader')
  let asked = 0
  script.tap = (_from, to, message) => {
    if (message.kind === 'ackEpoch') asked++
    // Their disks stall once they have promised.
    if (message.kind === 'diff') script.hold(to)
    return [message]
  }
  script.heal()
  script.pass(1_000)
  assert.ok(asked >= 2, 'both promised')
  const early = script.leader === C
  if (early) script.connect(C, 2)
  if (early && options.mutant === undefined) throw new Violation('D2', 'C leads without a second durable copy')
  script.tap = (_from, _to, message) => [message]
  script.crash(A, B, C)
  script.up(A, B)
  script.pass(5_000)
  convergeWith(script, [])
  return script
}, [
  { mutant: 'ackNewLeaderEarly', seenBy: ['D2'] },
  { mutant: 'ackNewLeaderEarly', ignore: ['D2'], seenBy: ['D3', 'P12', 'C6'] },
])

scenario('S-2845 a vote from the tree', (options) => {
  const script = started(3, options, A, B, C)
  script.connect(C, 1)
  loseWrite(script, C, 1, '/w1')
  assert.ok(!script.replica(C).tree.has('/w1'), 'w1 is committed nowhere')
  script.lead(B)
  script.connect(B, 2)
  script.write(B, 2, '/w2')
  script.heal()
  script.pass(3_000)
  script.serve(A, B, C)
  script.crash(C)
  script.up(C)
  convergeWith(script, ['/w2'])
  assert.ok(!script.replica(C).tree.has('/w1'), 'w1 was truncated')
  return script
}, [{ mutant: 'voteFromTree', seenBy: ['D4', 'P2', 'L3'] }])

scenario('S-1154 a diff where a truncation is due', (options) => {
  const script = started(3, options, A, B, C)
  script.connect(C, 1)
  for (const path of ['/w1', '/w2', '/w3']) script.write(C, 1, path)
  script.hold(A, B)
  script.write(C, 1, '/w4')
  script.crash(A, B, C)
  script.up(A, B)
  script.lead(B)
  script.connect(B, 2)
  script.write(B, 2, '/w5')
  script.up(C)
  script.serve(A, B, C)
  convergeWith(script, ['/w1', '/w2', '/w3', '/w5'])
  assert.ok(!script.replica(C).tree.has('/w4'), 'w4, and only w4, was truncated')
  return script
}, [{ mutant: 'diffWithoutTrunc', seenBy: ['P2', 'D4', 'D5', 'P13', 'A1'] }])

scenario('S-4712 a vote before the storage queue has drained', (options) => {
  const script = started(3, options, A, B, C)
  script.connect(C, 1)
  script.hold(A)
  script.cut(C, B)
  script.pass(100)
  script.write(C, 1, '/w1')
  script.crash(C)
  assert.ok(script.peer(A).writes.length > 0, 'w1 waits for the disk of A')
  script.pass(2_000)
  script.release(A)
  script.pass(2_000)
  script.serve(A, B)
  script.connect(script.leader, 2)
  script.write(script.leader, 2, '/w2')
  script.crash(A)
  script.up(A)
  convergeWith(script, ['/w2'])
  return script
}, [
  { mutant: 'readTailBeforeDrain', seenBy: ['P16'] },
  { mutant: 'readTailBeforeDrain', ignore: ['P16'], seenBy: ['D5', 'D4', 'P15', 'P2'] },
])

scenario('S-4394 a commit between NEWLEADER and UPTODATE', (options) => {
  const script = started(3, options, B, C)
  script.connect(C, 1)
  script.hold(B)
  script.write(C, 1, '/w1')
  script.hold(A)
  script.up(A)
  // A gets w1 as an outstanding proposal, then NEWLEADER; w1 commits before A is told that it is up to date.
  for (let i = 0; i < 2_000 && script.peer(A).replica?.learner?.stage !== 'synced'; i++) {
    if (script.peer(A).replica?.learner?.stage === 'syncing' || !script.complete(A)) script.pass(1)
  }
  assert.is(script.replica(A).learner?.stage, 'synced')
  script.release(B)
  assert.ok(script.replica(C).tree.has('/w1'), 'w1 is committed by B and C')
  script.release(A)
  script.serve(A)
  convergeWith(script, ['/w1'])
  return script
}, [{ mutant: 'commitNeedsPostNewleaderProposal', seenBy: ['L1', 'L3'] }])

scenario('S-4685 an ack that overtakes the ack of NEWLEADER', (options) => {
  const script = new Script(codec, { voters: 3, ...options })
  const overtaken = new Set<number>()
  script.tap = (from, _to, message): readonly Message[] => {
    if (message.kind !== 'ack' || !message.newLeader || overtaken.has(from)) return [message]
    overtaken.add(from)
    return [{ ...message, newLeader: false }, message]
  }
  script.up(A, B, C)
  script.lead(C)
  assert.is(script.replica(C).journal.meta.currentEpoch, 1, 'the first election is the last')
  assert.ok(overtaken.size === 2)
  convergeWith(script, [])
  return script
}, [{ mutant: 'rejectEarlyAck', seenBy: ['L1', 'L3'] }])

scenario('S-3023 serving before the commit point of UPTODATE is applied', (options) => {
  const script = started(3, options, B, C)
  script.connect(C, 1)
  script.write(C, 1, '/w1')
  let lastAck: Message | null = null
  // The ack of NEWLEADER stays under way until w2 is committed by B and C; the disk of A stalls on w2.
  script.tap = (from, _to, message) => {
    if (from !== A || message.kind !== 'ack' || lastAck !== null) return [message]
    lastAck = message
    script.hold(A)
    return []
  }
  script.up(A)
  for (let i = 0; i < 2_000 && lastAck === null; i++) script.pass(1)
  assert.ok(lastAck !== null)
  script.write(C, 1, '/w2')
  assert.ok(script.replica(C).tree.has('/w2'))
  assert.ok(script.replica(A).journal.log.last > script.replica(A).journal.durableZxid)
  script.tap = (from, _to, message) => from === A && message.kind === 'pong' ? [lastAck!, message] : [message]
  script.pass(500)
  assert.ok(script.replica(A).learner?.stage === 'upToDate', 'UPTODATE has come')
  if (script.replica(A).serving) throw new Violation('C16', 'A serves although w2 is not applied')
  script.tap = (_from, _to, message) => [message]
  script.release(A)
  script.serve(A)
  assert.ok(script.replica(A).tree.has('/w2'))
  convergeWith(script, ['/w1', '/w2'])
  return script
}, [{ mutant: 'serveBeforeApply', seenBy: ['C16'] }])

test('S-261: a wiped voter helps no quorum to forget', () => {
  const script = started(3, {}, A, B, C)
  script.isolate(A)
  script.pass(2_000)
  script.connect(C, 1)
  script.write(C, 1, '/w1')
  script.crash(A, B, C)
  script.heal()
  script.wipe(B)
  script.up(A, B)
  script.pass(20_000)
  assert.is(script.leader, 0, 'A and an empty B must not lead without C')
  script.up(C)
  script.pass(5_000)
  convergeWith(script, ['/w1'])
})

test('two voters that were never up when the ensemble was founded join it later', () => {
  const script = started(5, {}, A, B, C)
  script.connect(C, 1)
  script.write(C, 1, '/w1')
  script.crash(A, B, C)
  script.up(A, B, C)
  script.lead(C)
  script.up(D, E)
  script.serve(D, E)
  convergeWith(script, ['/w1'])
})

test('two voters without a history do not answer each other for ever', () => {
  const script = started(5, {}, B, C, E)
  script.connect(E, 1)
  script.write(E, 1, '/w1')
  script.crash(B, C, E)
  script.up(A, D, E)
  script.pass(5_000)
  assert.is(script.leader, 0, 'one of five that has a history leads nobody')
  script.up(B, C)
  convergeWith(script, ['/w1'])
})

test('a write keeps its session alive, even when the report of who was heard does not come', () => {
  const script = started(3, {}, A, B, C)
  script.connect(A, 1, 1_000)
  script.tap = (_from, _to, message) => message.kind === 'pong' ? [{ ...message, touches: [] }] : [message]
  for (let i = 0; i < 10; i++) {
    script.pass(400)
    script.write(A, 1, `/w${i}`)
  }
  assert.is(script.connected.size, 1)
  assert.is(script.replies.filter(({ code }) => code === 'Ok').length, 10)
  script.pass(1_500)
  assert.is(script.connected.size, 0, 'silence ends it')
})

/** A write through the connection at `id` that its session left before; the session has come back by another. */
function comeBack(id: number, limits: Partial<Limits>): void {
  const script = started(3, { limits }, A, B, C)
  script.connect(id, 1)
  script.hold(A, B, C)
  script.write(id, 1, '/first')
  script.resume(B, 2, 1)
  script.write(id, 1, '/stale')
  script.resume(id, 3, 1)
  script.write(id, 3, '/last')
  script.release(A, B, C)
  script.pass(100)
  const { tree } = script.replica(id)
  assert.equal(['/first', '/stale', '/last'].map((path) => tree.has(path)), [true, false, true])
}

test('a write through a connection that was left stays refused when the session comes back to the leader', () => {
  comeBack(C, { outstandingTxns: 1 })
})

test('a write through a connection that was left is not sent when the session comes back to a follower', () => {
  comeBack(A, { outstandingBytes: 1 })
})

test('every mutant of the core is killed by a scenario', () => {
  const files = readdirSync(CORE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const source = files.map((name) => readFileSync(new URL(name, CORE), 'utf8')).join('\n')
  const names = new Set(Array.from(source.matchAll(/mutant(?:\(| === )'(\w+)'/g), ([, name]) => name!))
  assert.equal(Array.from(names).sort(), Array.from(killed).sort())
})

test('the checkers of a script see what they check', () => {
  const script = started(3, {}, A, B, C)
  script.connect(C, 1)
  script.request(C, 1, { op: 1, path: '/a', data: null, acl: OPEN_ACL, flags: 0, ttlMs: -1 })
  assert.is(script.replies.at(-1)?.code, 'Ok')
  assert.throws(() => script.serve(D), /no peer 4/)
})

test.run()
