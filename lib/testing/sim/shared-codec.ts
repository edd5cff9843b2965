import { hashBytes } from '../../core/tree/hash.ts'
import { Words } from '../../core/words.ts'
import type { Txn, TxnCodec } from '../../core/tree/txn.ts'
import { sameBytes } from './reference.ts'
import { Violation } from './violation.ts'

/** So many of the txns decoded last are kept, and as many of those before them: all, in most runs. */
const KEPT = 2_048
/** Of so many look-ups one is decoded all the same (correctness plan, E.1). */
const SAMPLED = 64

interface Decoded {
  readonly encoded: Uint8Array
  readonly txn: Txn
}

/**
 * A codec for servers in one process: what the leader encoded goes from log to log, as the same bytes or as a copy of
 * them where a log has packed it, and to decode it once is enough: bytes that differ in nothing say the same. Nobody
 * may alter what is shared; the sampled ones are compared with it.
 */
export function sharedCodec(codec: TxnCodec): TxnCodec {
  let fresh = new Map<number, Decoded>()
  let old = new Map<number, Decoded>()
  let lookups = 0
  const words = new Words()
  const keep = (hash: number, decoded: Decoded): Txn => {
    if (fresh.size === KEPT) {
      old = fresh
      fresh = new Map()
    }
    fresh.set(hash, decoded)
    return decoded.txn
  }
  return {
    encodeTxn: (txn) => codec.encodeTxn(txn),
    decodeTxn(encoded) {
      const hash = hashBytes(encoded, words)
      const known = fresh.get(hash) ?? old.get(hash)
      if (known === undefined || !sameBytes(known.encoded, encoded)) {
        return keep(hash, { encoded, txn: codec.decodeTxn(encoded) })
      }
      if (++lookups % SAMPLED === 0) check(known.txn, codec.decodeTxn(encoded))
      return known.txn
    },
    encodeRows: (rows) => codec.encodeRows(rows),
    decodeRows: (encoded) => codec.decodeRows(encoded),
  }
}

function check(shared: Txn, decoded: Txn): void {
  const [is, was] = [JSON.stringify(shared), JSON.stringify(decoded)]
  if (is !== was) throw new Violation('A1', `a txn was altered after it was decoded: ${was} to ${is}`)
}
