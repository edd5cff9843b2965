/** D.6 of the correctness plan: watches, and what of them and of the tree outlasts snapshots and restarts. */
import { strict as assert } from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { CreateRequest, SetWatchesRequest } from '../../../lib/core/tree/request.ts'
import type { Zxid } from '../../../lib/core/zxid.ts'
import { A, B, C, convergeWith, must, started } from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const EPHEMERAL = 1

const create = (path: string, flags = 0): CreateRequest =>
  ({ op: 1, path, data: null, acl: OPEN_ACL, flags, ttlMs: -1 })

function rearm(relativeZxid: Zxid, watches: Partial<SetWatchesRequest>): SetWatchesRequest {
  return { op: 101, relativeZxid, data: [], exist: [], child: [], persistent: [], recursive: [], ...watches }
}

/** A snapshot is taken often, and the txns before it are kept behind it. */
const KEEPING = { snapshotTxns: 4, retainedTxns: 100, retainedBytes: 100_000 } as const

/** What the servers say of a node: all the same. */
function sameEverywhere(script: Script, path: string): void {
  const stats = [A, B, C].map((id) => script.replica(id).tree.stat(path))
  const [first] = stats
  for (const stat of stats) must(isDeepStrictEqual(stat, first), 'A3', `the stats of ${path} differ`)
}

const snapshotBetween: Scenario = {
  name: 'S-3145 delete, create again and close around a snapshot and a restart: the same stats, and watches that fire',
  run: (options) => {
    const script = started(3, { ...options, limits: KEEPING }, A, B, C)
    script.connect(C, 1)
    script.connect(B, 2)
    script.request(C, 1, create('/p'))
    script.request(C, 1, create('/p/a'))
    script.request(B, 2, create('/p/e', EPHEMERAL))
    const before = script.replica(C).tree.zxid
    script.request(C, 1, { op: 2, path: '/p/a', version: -1 })
    script.request(C, 1, create('/p/a'))
    script.request(C, 1, { op: 5, path: '/p/a', data: null, version: 0 })
    script.request(B, 2, { op: -11 })
    script.pass(100)
    const after = script.replica(C).tree.zxid
    script.request(C, 1, create('/last'))
    script.pass(100)
    const { base, log } = script.peer(A).disk
    assert.ok(base !== null && base.zxid > before && log.floor < base.zxid, 'a snapshot, and txns before it')
    script.crash(A, C)
    script.up(A, C)
    script.serve(A, B, C)
    for (const path of ['/p', '/p/a', '/last']) sameEverywhere(script, path)
    must(!script.replica(A).tree.has('/p/e'), 'C11', 'A keeps a node of a closed session')
    script.resume(A, 3, 1, after)
    script.request(A, 3, rearm(after, { child: ['/p'] }))
    assert.equal(script.events.length, 0, 'nothing happened since')
    script.resume(A, 4, 1, after)
    script.request(A, 4, rearm(before, { child: ['/p'] }))
    must(script.events.some(({ conn, path }) => conn === 4 && path === '/p'), 'C14', 'a watch on children is lost')
    convergeWith(script, ['/p', '/p/a', '/last'])
    return script
  },
  mutants: [{ mutant: 'replayTwice', seenBy: ['A1'] }],
}

const order: Scenario = {
  name: 'S-watch-order a change during a read with its watch, at a peer that lags, is told before what comes after it',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(A, 1)
    script.connect(C, 2)
    script.request(C, 2, create('/w'))
    for (const [lagging, writer] of [[A, C], [A, A], [B, C]] as const) {
      const conn = 10 + script.events.length
      script.connect(lagging, conn)
      script.connect(writer, 100 + conn)
      const version = script.replica(lagging).tree.stat('/w')!.version
      script.hold(lagging)
      script.request(writer, 100 + conn, { op: 5, path: '/w', data: null, version: -1 })
      const z = script.peer(C).disk.log.last
      script.request(lagging, conn, { op: 4, path: '/w', watch: true })
      const read = script.replies.at(-1)!
      assert.ok(read.result?.op === 4 && read.result.stat.version === version && read.zxid < z, 'it reads what was')
      // Of its own: their answers wait for the disk of their peer, which has the change before.
      script.request(lagging, conn, create(`/own${conn}`))
      script.request(lagging, conn, { op: 4, path: '/w', watch: false })
      script.release(lagging)
      script.pass(50)
      const told = script.events.filter((event) => event.conn === conn)
      must(told.length === 1 && told[0]!.zxid === z, 'C14', `${told.length} events of one change`)
      const before = script.replies.slice(0, told[0]!.repliesBefore)
      must(before.every((reply) => reply.conn !== conn || reply.zxid < z), 'C13', 'a reply came before its event')
      assert.ok(script.replies.some((reply) => reply.conn === conn && reply.zxid > z))
      script.request(C, 2, { op: 5, path: '/w', data: null, version: -1 })
      must(script.events.filter((event) => event.conn === conn).length === 1, 'C14', 'a watch fires once')
    }
    convergeWith(script, ['/w'])
    return script
  },
  mutants: [],
}

/** The events that a connection got, as `type path`. */
function toldTo(script: Script, conn: number): string[] {
  return script.events.filter((event) => event.conn === conn).map(({ type, path }) => `${type} ${path}`)
}

const rearmed: Scenario = {
  name: 'S-1412 watches armed again elsewhere fire or stay, by what the client had seen and what came since',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    const zxids: Zxid[] = []
    const steps = [
      create('/data'), create('/child'), create('/gone'),
      { op: 5, path: '/data', data: null, version: -1 }, create('/child/a'), { op: 2, path: '/gone', version: -1 },
      create('/exist'), create('/other'),
    ] as const
    for (const step of steps) {
      script.request(C, 1, step)
      zxids.push(script.replica(C).tree.zxid)
    }
    zxids.forEach((relative, at) => {
      const conn = 10 + at
      script.connect(A, 100 + at)
      script.resume(B, conn, 100 + at, relative)
      script.request(B, conn,
        rearm(relative, { data: ['/data', '/gone'], exist: ['/exist', '/none'], child: ['/child'] }))
      // Of data and children what came after; of what is gone or there, that it is so, whatever was seen.
      const due = [...(at < 3 ? ['3 /data'] : []), '2 /gone', '1 /exist', ...(at < 4 ? ['4 /child'] : [])]
      must(isDeepStrictEqual(toldTo(script, conn), due), 'C14', `${toldTo(script, conn).join()} at ${relative}`)
    })
    const last = 10 + zxids.length - 1
    const before = toldTo(script, last).length
    for (const path of ['/child/b', '/none']) script.request(C, 1, create(path))
    script.request(C, 1, { op: 5, path: '/data', data: null, version: -1 })
    const since = toldTo(script, last).slice(before)
    must(isDeepStrictEqual(since, ['4 /child', '1 /none', '3 /data']), 'C14', `what stayed armed: ${since.join()}`)
    convergeWith(script, ['/data', '/child/b', '/none'])
    return script
  },
  mutants: [],
}

const missed: Scenario = {
  name: 'S-exists-miss what was created and deleted while its watcher was away is missed, and nothing else is',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.connect(A, 2)
    for (const path of ['/p', '/again']) script.request(C, 1, create(path))
    script.request(A, 2, { op: 3, path: '/p/none', watch: true })
    script.request(A, 2, { op: 4, path: '/again', watch: true })
    script.request(A, 2, { op: 8, path: '/p', watch: true })
    const seen = script.replica(A).tree.zxid
    script.crash(A)
    script.request(C, 1, create('/p/none'))
    script.request(C, 1, { op: 2, path: '/p/none', version: -1 })
    script.request(C, 1, { op: 2, path: '/again', version: -1 })
    script.request(C, 1, create('/again'))
    script.resume(B, 3, 2, seen)
    script.request(B, 3, rearm(seen, { exist: ['/p/none'], data: ['/again'], child: ['/p'] }))
    // ZooKeeper's own protocol has no more to tell of a node that is not there: its zxids went with it.
    must(isDeepStrictEqual(toldTo(script, 3), ['3 /again', '4 /p']), 'C14', toldTo(script, 3).join())
    script.request(C, 1, create('/p/none'))
    must(toldTo(script, 3).includes('1 /p/none'), 'C14', 'the watch of who missed it is armed')
    convergeWith(script, ['/p/none', '/again'])
    return script
  },
  mutants: [],
}

/** Watches of D.6. */
export const WATCHES: Section = [snapshotBetween, order, rearmed, missed]
