import { Copies } from '../../lib/client/copies.ts'
import { assert, suite } from '../harness.ts'

const test = suite('client: copies of what requests store')

test('no copy touches another one, small or large, of bytes or of text', () => {
  const copies = new Copies()
  const made: { readonly copy: Uint8Array, readonly wanted: Uint8Array }[] = []
  for (let i = 0; i < 3_000; i++) {
    const bytes = new Uint8Array((i * 37) % (i % 100 === 0 ? 9_000 : 300)).fill(i)
    const copy = copies.bytes(bytes)
    made.push({ copy, wanted: bytes.slice() })
    bytes.fill(255)
    const text = 'aé漢\u{1f600}'.repeat(i % (i % 100 === 0 ? 900 : 30))
    made.push({ copy: copies.text(text), wanted: new TextEncoder().encode(text) })
  }
  for (const { copy, wanted } of made) assert.equal(copy, wanted)
})

test('what stands for a few requests is small', () => {
  const copy = new Copies().bytes(new Uint8Array(10))
  assert.ok(copy.buffer.byteLength <= 1_024)
})

test.run()
