import type { Txn, TxnCodec } from '../../core/tree/txn.ts'
import { Violation } from './violation.ts'

/** So many of the txns decoded last are kept, and as many of those before them. */
const KEPT = 512
/** Of so many look-ups one is decoded all the same (correctness plan, E.1). */
const SAMPLED = 64

/**
 * A codec for servers in one process: what the leader encoded goes from log to log as the same bytes, and to decode
 * them once is enough. Nobody may alter what is shared; the sampled ones are compared with it.
 */
export function sharedCodec(codec: TxnCodec): TxnCodec {
  let fresh = new Map<Uint8Array, Txn>()
  let old = new Map<Uint8Array, Txn>()
  let lookups = 0
  const decode = (encoded: Uint8Array): Txn => {
    const txn = codec.decodeTxn(encoded)
    if (fresh.size === KEPT) {
      old = fresh
      fresh = new Map()
    }
    fresh.set(encoded, txn)
    return txn
  }
  return {
    encodeTxn: (txn) => codec.encodeTxn(txn),
    decodeTxn(encoded) {
      const known = fresh.get(encoded) ?? old.get(encoded)
      if (known === undefined) return decode(encoded)
      if (++lookups % SAMPLED === 0) check(known, codec.decodeTxn(encoded))
      return known
    },
    encodeRows: (rows) => codec.encodeRows(rows),
    decodeRows: (encoded) => codec.decodeRows(encoded),
  }
}

function check(shared: Txn, decoded: Txn): void {
  const [is, was] = [JSON.stringify(shared), JSON.stringify(decoded)]
  if (is !== was) throw new Violation('A1', `a txn was altered after it was decoded: ${was} to ${is}`)
}
