import { makeRandom } from '../../lib/core/random.ts'
import { KnownTexts } from '../../lib/wire/known-texts.ts'
import { assert, suite } from '../harness.ts'

const test = suite('known texts')
const LONGEST_KNOWN = 96
const AT = 3

/** The bytes of the text, with others before and behind it. */
function within(text: string): { readonly bytes: Uint8Array, readonly length: number } {
  const own = new TextEncoder().encode(text)
  const bytes = new Uint8Array(own.length + 2 * AT).fill(0xc3)
  bytes.set(own, AT)
  return { bytes, length: own.length }
}

test('a text of any length is read as it is, new or not, the first time and again', () => {
  const texts = new KnownTexts()
  for (let length = 0; length <= LONGEST_KNOWN + 4; length++) {
    const slashes = '/'.repeat(length)
    for (const text of [slashes, slashes.replace(/\/$/, 'n'), `${slashes}ä\u{1f98b}`]) {
      const { bytes, length: count } = within(text)
      const isShort = text.length <= LONGEST_KNOWN && text.length === count
      for (let time = 0; time < 2; time++) {
        assert.is(texts.newText(bytes, AT, count), text)
        assert.is(texts.text(bytes, AT, count), text)
        assert.is(texts.newAscii(bytes, AT, count), isShort ? text : null)
        assert.is(texts.ascii(bytes, AT, count), isShort ? text : null)
      }
    }
  }
})

test('one text is never taken for another', () => {
  const texts = new KnownTexts()
  const random = makeRandom(7)
  const drawn = Array.from({ length: 20_000 }, () => {
    const codes = Array.from({ length: random.below(5) }, () => random.below(128))
    return String.fromCharCode(...codes)
  })
  for (const [index, text] of drawn.entries()) {
    const { bytes, length } = within(text)
    assert.is(index % 2 === 0 ? texts.ascii(bytes, AT, length) : texts.newAscii(bytes, AT, length), text)
  }
})

test('bytes that are not UTF-8 become replacement characters, and a byte order mark stays', () => {
  const texts = new KnownTexts()
  for (const read of [texts.text.bind(texts), texts.newText.bind(texts)]) {
    assert.is(read(Uint8Array.of(0x2f, 0xff, 0x61), 0, 3), '/\ufffda')
    assert.is(read(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), 0, 4), '\ufeffa')
  }
})

test.run()
