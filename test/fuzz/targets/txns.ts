import { NO_SESSION } from '../../../lib/core/tree/stat.ts'
import { Packing } from '../../../lib/wire/pack.ts'
import { makeTxnCodec } from '../../../lib/wire/txn.ts'
import { txns } from '../../wire/txns.ts'
import { packedMutated } from '../structure.ts'
import { must, prefixes, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'
import { PACKED_TOKENS } from './packed-tokens.ts'

/** Txns as they are logged and replicated. */
export const txnsTarget: Target = {
  name: 'txns', about: 'txns on the wire and on disk',
  tokens: PACKED_TOKENS,
  seeds() {
    const codec = makeTxnCodec()
    return txns.map((txn) => codec.encodeTxn(txn).slice())
  },
  mutate: packedMutated,
  make: () => {
    const codec = makeTxnCodec()
    const packing = new Packing()
    return {
      run(input) {
        const decoded = refusedWith(['BadFrame'], () => codec.decodeTxn(input))
        if ('code' in decoded) return decoded.code
        // However it was read, it is MessagePack with these fields.
        const [, session, cxid] = packing.unpack(input) as readonly unknown[]
        must((session === 0 ? NO_SESSION : session) === decoded.value.session && cxid === decoded.value.cxid,
          'other fields are read')
        const again = codec.encodeTxn(decoded.value)
        // Compared as bytes: -0 becomes 0 on the way, and they mean the same.
        must(Buffer.compare(codec.encodeTxn(codec.decodeTxn(again)), again) === 0,
          'it is another one when packed again')
        for (const size of prefixes(again)) {
          const cut = refusedWith(['BadFrame'], () => codec.decodeTxn(again.subarray(0, size)))
          must('code' in cut, `the first ${size} of ${again.length} bytes are taken`)
        }
        return decoded.value.body.kind
      },
    }
  },
}
