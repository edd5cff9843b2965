/** Encode and decode of one txn and of one frame of proposals; see bench/run.ts for how benches are run. */
import { do_not_optimize } from 'mitata'
import { OPEN_ACL } from '../lib/core/tree/request.ts'
import { NO_SESSION } from '../lib/core/tree/stat.ts'
import type { SessionId } from '../lib/core/tree/stat.ts'
import type { Txn } from '../lib/core/tree/txn.ts'
import { makeZxid } from '../lib/core/zxid.ts'
import { makeTxnCodec } from '../lib/wire/txn.ts'
import { PeerCodec } from '../lib/wire/peer-protocol.ts'
import { nanoseconds } from './figure.ts'
import type { Figure } from './figure.ts'

const txns = makeTxnCodec()
const peerCodec = new PeerCodec()

const setData: Txn = {
  session: '0x100000001' as SessionId, cxid: 71, origin: 1, tag: 9_001, time: 1_760_000_000_000,
  body: { kind: 'setData', path: '/bench/node-000017', data: new Uint8Array(100).fill(120), version: 12 },
}
/** So many paths that none is known any more when it comes again. */
const CREATES = 20_000

function createOf(at: number): Txn {
  return {
    ...setData,
    body: {
      kind: 'create', path: `/bench/node-${String(at).padStart(6, '0')}`, data: new Uint8Array(100), nodeKind: 0,
      owner: NO_SESSION, ttlMs: 0, acl: OPEN_ACL, parentCreates: at, op: 1,
    },
  }
}

/** Times of both directions, 100 B of data each. */
export async function* codec(): AsyncGenerator<Figure> {
  const creates = Array.from({ length: CREATES }, (_, at) => createOf(at))
  for (const [name, kinds] of Object.entries({ 'setData 100 B': [setData], 'create 100 B': creates })) {
    const encoded = kinds.map((txn) => txns.encodeTxn(txn))
    let at = 0
    const next = (): number => at = at + 1 < kinds.length ? at + 1 : 0
    const encode = await nanoseconds(() => do_not_optimize(txns.encodeTxn(kinds[next()]!)))
    yield { name: `encode txn ${name}`, unit: 'ns', value: encode, aim: null }
    const decode = await nanoseconds(() => do_not_optimize(txns.decodeTxn(encoded[next()]!)))
    yield { name: `decode txn ${name}`, unit: 'ns', value: decode, aim: null }
  }
  const bytes = txns.encodeTxn(setData)
  const entries = Array.from({ length: 100 }, (_, index) => ({
    zxid: makeZxid(1, index + 1), prevZxid: makeZxid(1, index), hash1: 0xfedcba98 - index, hash2: 0x89abcdef + index,
    bytes,
  }))
  const messages = [{ kind: 'proposal', join: 5, epoch: 1, entries }] as const
  const frame = peerCodec.encode(messages).subarray(4)
  const encode = await nanoseconds(() => do_not_optimize(peerCodec.encode(messages)))
  yield { name: 'encode frame of 100 proposals', unit: 'us', value: encode / 1_000, aim: null }
  const decode = await nanoseconds(() => do_not_optimize(peerCodec.decode(frame, [])))
  yield { name: 'decode frame of 100 proposals', unit: 'us', value: decode / 1_000, aim: null }
}
