import { CHAIN_ZERO, chainNext } from '../../lib/core/zab/chain.ts'
import type { Chain } from '../../lib/core/zab/chain.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { hashBytes } from '../../lib/core/tree/hash.ts'
import { Words } from '../../lib/core/words.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'

const test = suite('words')

/** Lengths about every edge: of a pair, of what is loaded at once, and beyond. */
const LENGTHS: readonly number[] = [
  ...Array.from({ length: 40 }, (_, at) => at), 2_040, 2_047, 2_048, 2_049, 2_055, 2_056, 4_095, 4_096, 4_104, 9_999,
]

/** Bytes in the midst of others. */
function someBytes(length: number): Uint8Array {
  const random = makeRandom(length)
  return Uint8Array.from({ length: length + 7 }, () => random.below(256)).subarray(3, 3 + length)
}

test('bytes are loaded as numbers, lowest first, in pairs', () => {
  for (const length of LENGTHS) {
    const bytes = someBytes(length)
    const view = new DataView(bytes.buffer, bytes.byteOffset, length)
    const words = new Words()
    let at = 0
    for (let count = words.load(bytes, 0); count > 0; count = words.load(bytes, at)) {
      assert.is(count % 8, 0)
      for (let i = 0; i < count; i += 4) assert.is(words.ints[i >> 2], view.getInt32(at + i, true))
      at += count
    }
    assert.is(at, length - length % 8)
  }
})

test('a machine that has the highest byte first hashes as others do', () => {
  for (const length of LENGTHS) {
    const bytes = someBytes(length)
    // Such a machine sees other numbers where this one has put the bytes: it must put each together itself.
    assert.is(hashBytes(bytes, new Words(false)), hashBytes(bytes, new Words(true)), String(length))
  }
})

/** Of logs on disks: they must not change. */
const GOLDEN: readonly string[] = [
  'fee1b4a2 1b1d493b', '6886749a 469cac18', 'f83f2b0e f146efd1', '96fd26a7 3ef7e149', 'bd964447 3c33c654',
  '8fd9e3e6 46773ccf', 'eb3a9f2 52d61db', '48eff3af 8f2b10ed', '4b5dc6cd b5545777',
]

test('the chain hash of a txn is what it always was', () => {
  const seen: string[] = []
  for (const length of [0, 1, 7, 8, 9, 150, 2_048, 2_053, 5_000]) {
    const chain: Chain = { ...CHAIN_ZERO }
    chainNext(chain, makeZxid(3, length), someBytes(length), chain, new Words())
    chainNext(chain, makeZxid(3, length + 1), someBytes(length), chain, new Words())
    seen.push(`${chain.hash1.toString(16)} ${chain.hash2.toString(16)}`)
  }
  assert.equal(seen, GOLDEN)
})

test.run()
