/** Encode and decode of one txn and of one frame of proposals; see bench/run.ts for how benches are run. */
import { do_not_optimize } from 'mitata'
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
const create: Txn = {
  ...setData,
  body: {
    kind: 'create', path: '/bench/node-000017', data: new Uint8Array(100), nodeKind: 0, owner: NO_SESSION, ttlMs: 0,
    acl: [{ perms: 31, scheme: 'world', id: 'anyone' }], parentCreates: 12, op: 1,
  },
}

/** Times of both directions, 100 B of data each. */
export async function* codec(): AsyncGenerator<Figure> {
  for (const [name, txn] of Object.entries({ 'setData 100 B': setData, 'create 100 B': create })) {
    const bytes = txns.encodeTxn(txn)
    const encode = await nanoseconds(() => do_not_optimize(txns.encodeTxn(txn)))
    yield { name: `encode txn ${name}`, unit: 'ns', value: encode, aim: null }
    const decode = await nanoseconds(() => do_not_optimize(txns.decodeTxn(bytes)))
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
