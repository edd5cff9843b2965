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

/** Watches of D.6. */
export const WATCHES: Section = [snapshotBetween]
