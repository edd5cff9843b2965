import { makeRandom } from '../../lib/core/random.ts'
import { ClientOutput } from '../../lib/peer/client-output.ts'
import type { Link } from '../../lib/ports/transport.ts'
import { ConnectionStats, ServerStats } from '../../lib/peer/words/server-stats.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { assert, suite } from '../harness.ts'

const test = suite('client output')

/** A link that keeps what it is sent, or whose system takes it, by turns that the dice say. */
class Keeping implements Partial<Link> {
  readonly queuedBytes = 0
  hasTaken = true
  readonly kept: { readonly bytes: Uint8Array, readonly content: Uint8Array }[] = []
  readonly memories = new Set<ArrayBufferLike>()

  send(bytes: Uint8Array): boolean {
    this.memories.add(bytes.buffer)
    if (!this.hasTaken) this.kept.push({ bytes, content: bytes.slice() })
    return true
  }
}

test('what a link keeps is never written again, and what the system took is', () => {
  const random = makeRandom(6)
  const writer = new JuteWriter()
  const outputs = Array.from({ length: 3 }, () => {
    const link = new Keeping()
    const stats = new ConnectionStats(new ServerStats(), 0)
    const parts = { writer, stats, queueBytes: 1_000_000, onOverflow: () => undefined }
    return { link, output: new ClientOutput(link as unknown as Link, parts) }
  })
  for (let round = 0; round < 40_000; round++) {
    const { link, output } = outputs[random.below(outputs.length)]!
    writer.begin()
    writer.raw(new Uint8Array(1 + random.below(1_000)).fill(random.below(256)))
    writer.end()
    output.added(true)
    if (random.below(4) !== 0) continue
    link.hasTaken = random.below(300) !== 0
    output.flush()
  }
  const all = outputs.map(({ link }) => link)
  const kept = all.flatMap((link) => link.kept)
  assert.ok(kept.length > 20 && kept.every(({ bytes, content }) => Buffer.compare(bytes, content) === 0))
  // 20 MB in pieces of 64 KiB would be 300 of them.
  const memories = new Set(all.flatMap((link) => [...link.memories]).filter((memory) => memory.byteLength === 65_536))
  assert.ok(memories.size < 100, `${memories.size} pieces of memory`)
})

test.run()
