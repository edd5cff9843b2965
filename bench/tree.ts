/** The tree alone: apply and prepare of one set. */
import { do_not_optimize } from 'mitata'
import { Preparer } from '../lib/core/tree/prepare.ts'
import { OPEN_ACL } from '../lib/core/tree/request.ts'
import { NO_SESSION } from '../lib/core/tree/stat.ts'
import { Tree } from '../lib/core/tree/tree.ts'
import type { Txn } from '../lib/core/tree/txn.ts'
import { makeZxid } from '../lib/core/zxid.ts'
import { nanoseconds } from './figure.ts'
import type { Figure } from './figure.ts'

const DATA = new Uint8Array(100).fill(120)
const BATCH = 1_000
const NODES = 100
const TIME_MS = 1_760_000_000_000

/** Field by field: to spread a common head took twice the time of what is measured. */
function txn(body: Txn['body']): Txn {
  return { session: NO_SESSION, cxid: 0, origin: 1, tag: 1, time: TIME_MS, body }
}

/** One set of 100 bytes over 100 nodes. */
export async function* tree(): AsyncGenerator<Figure> {
  const grown = Tree.empty()
  let counter = 0
  const paths = Array.from({ length: NODES }, (_, at) => `/node-${at}`)
  for (const [at, path] of paths.entries()) {
    grown.apply(makeZxid(1, ++counter), txn({
      kind: 'create', path, data: DATA, nodeKind: 0, owner: NO_SESSION, ttlMs: 0, acl: OPEN_ACL, parentCreates: at + 1,
      op: 1,
    }), null, false)
  }
  const versions = paths.map(() => 0)
  const apply = await nanoseconds(() => {
    for (let i = 0; i < BATCH; i++) {
      const at = i % NODES
      const set = txn({ kind: 'setData', path: paths[at]!, data: DATA, version: ++versions[at]! })
      do_not_optimize(grown.apply(makeZxid(1, ++counter), set, null, true))
    }
  }, BATCH)
  yield { name: 'tree apply, set of 100 B', unit: 'ns', value: apply, aim: null }
  const options = {
    skipAcl: false, ttlEnabled: true, enforceQuota: false, sessionEphemerals: 1_000, sessionEphemeralBytes: 8_388_608,
    multiOperations: 1_000, containerNeverUsedMs: 0,
  }
  const prepare = await nanoseconds(() => {
    const preparer = new Preparer(grown, options)
    for (let i = 0; i < BATCH; i++) {
      const request = { op: 5, path: paths[i % NODES]!, data: DATA, version: -1 } as const
      do_not_optimize(preparer.prepare(makeZxid(1, counter + 1 + i), request, { session: NO_SESSION, identities: [] }))
    }
  }, BATCH)
  yield { name: 'prepare, set of 100 B', unit: 'ns', value: prepare, aim: null }
}
