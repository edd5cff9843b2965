import type { WatchableRead } from '../../lib/core/tree/request.ts'
import { Unread } from '../../lib/peer/unread.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { assert, suite } from '../harness.ts'

const test = suite('reads that wait')

type Read = readonly [xid: number, op: WatchableRead['op'], path: string, watch: boolean]

function stage(reads: readonly Read[]): Unread {
  const reader = new JuteReader()
  const unread = new Unread(reader, 0)
  for (const [xid, op, path, watch] of reads) {
    const writer = new JuteWriter()
    writer.begin()
    writer.text(path)
    const frame = writer.frame()
    reader.reset(frame, 4, frame.length)
    reader.passTextOf('path')
    unread.push(xid, op, watch)
    // What it came in is used again.
    frame.fill(0)
  }
  return unread
}

test('each is asked for by its bytes, then by its text; what leaves a watch, or asks for children, by its text', () => {
  const reads: readonly Read[] = [
    [1, 3, '/a', false], [2, 4, '/none', false], [3, 4, '/a', true], [4, 8, '/a', false], [5, 12, '/a', true],
    [6, 4, '/日本', false], [-7, 4, '', false], [8, 4, `/${'x'.repeat(5_000)}`, false],
  ]
  const unread = stage(reads)
  const asked: unknown[] = []
  for (let left = reads.length; left > 0; left--) {
    assert.is(unread.left, left)
    unread.answer({
      byNode(xid, op, bytes, at, length) {
        const path = new TextDecoder().decode(bytes.subarray(at, at + length))
        asked.push([xid, op, path])
        return path === '/a'
      },
      read: (xid, { op, path, watch }) => asked.push([xid, op, path, watch]),
    })
  }
  assert.is(unread.left, 0)
  assert.equal(asked, reads.flatMap(([xid, op, path, watch]) => {
    const byText = [[xid, op, path, watch]]
    if (watch || op === 8 || op === 12) return byText
    return path === '/a' ? [[xid, op, path]] : [[xid, op, path], ...byText]
  }))
})

test.run()
