/** The core alone: what one set costs a single voter, from request to reply, with a disk that answers at once. */
import { DEFAULT_LIMITS } from '../lib/core/limits.ts'
import { Replica } from '../lib/core/replica.ts'
import type { Request } from '../lib/core/tree/request.ts'
import { OPEN_ACL } from '../lib/core/tree/request.ts'
import { Tree } from '../lib/core/tree/tree.ts'
import { ZXID_ZERO } from '../lib/core/zxid.ts'
import { makeTxnCodec } from '../lib/wire/txn.ts'
import { nanoseconds } from './figure.ts'
import type { Figure } from './figure.ts'

const DATA = new Uint8Array(100).fill(120)
const BATCH = 100
let now = { ms: 1_000, wallMs: 1_760_000_000_000 }

function single(): Replica {
  return new Replica({
    peerId: 1, ensembleName: 'bench', members: [{ id: 1, role: 'voter' }], bootstrap: true,
    timing: {
      tickMs: 100, initMs: 3_000, syncMs: 1_000, pingMs: 200, finalizeMs: 50, resendMs: 50, resendMaxMs: 400,
      sessionMinMs: 200, sessionMaxMs: 40_000, reapMs: 1_000,
    },
    limits: DEFAULT_LIMITS,
    tree: {
      skipAcl: false, ttlEnabled: true, enforceQuota: false, sessionEphemerals: 1_000, sessionEphemeralBytes: 8_388_608,
      multiOperations: 1_000, containerNeverUsedMs: 0,
    },
    seed: 1, newEnsembleId: '1'.repeat(32), codec: makeTxnCodec(), configData: new Uint8Array(0),
  }, { meta: null, base: null, entries: [], damage: 'none', tree: Tree.empty() }, now)
}

/** Carries effects out until there are none; answers how many requests succeeded. */
function settle(replica: Replica): number {
  let succeeded = 0
  for (;;) {
    const effects = replica.take()
    if (effects.length === 0) return succeeded
    for (const effect of effects) {
      if (effect.kind === 'persist') replica.step(now, { kind: 'persisted', ticket: effect.ticket })
      else if (effect.kind === 'reply' && effect.outcome.code === 'Ok') succeeded++
    }
  }
}

/** Sets of 100 bytes over 100 nodes, 100 to a turn. */
export async function* step(): AsyncGenerator<Figure> {
  const replica = single()
  settle(replica)
  for (let turn = 0; turn < 100 && !replica.serving; turn++) {
    now = { ms: now.ms + 50, wallMs: now.wallMs + 50 }
    replica.step(now, { kind: 'tick' })
    settle(replica)
  }
  replica.step(now, {
    kind: 'connect', conn: 1, session: null, password: new Uint8Array(16), timeoutMs: 40_000, lastZxidSeen: ZXID_ZERO,
    identities: [], inProcess: true,
  })
  settle(replica)
  let xid = 0
  const turn = (request: (at: number) => Request): void => {
    for (let at = 0; at < BATCH; at++) replica.step(now, { kind: 'request', conn: 1, xid: ++xid, request: request(at) })
    const succeeded = settle(replica)
    if (succeeded !== BATCH) throw new Error(`${succeeded} of ${BATCH} writes succeeded`)
  }
  turn((at) => ({ op: 1, path: `/node-${at}`, data: DATA, acl: OPEN_ACL, flags: 0, ttlMs: -1 }))
  const paths = Array.from({ length: BATCH }, (_, at) => `/node-${at}`)
  const value = await nanoseconds(() => turn((at) => ({ op: 5, path: paths[at]!, data: DATA, version: -1 })), BATCH)
  yield { name: 'core step, one set of 100 B', unit: 'us', value: value / 1_000, aim: null }
}
