/**
 * A server that reads no request and answers each with the same bytes: what is measured against it is the generator.
 * Run as a process of its own; prints its port.
 */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { PASSWORD_BYTES, writeConnectResponse } from '../../lib/wire/jute/records.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { FrameReader } from '../../lib/wire/frame.ts'

const FRAME_LIMIT = 16 * 1024 * 1024
/** A getData's reply: head, 100 bytes, stat. */
const REPLY_BYTES = 16 + 104 + 68

function hello(): Uint8Array {
  const writer = new JuteWriter()
  writeConnectResponse(writer, {
    timeoutMs: 30_000, session: '0x1' as SessionId, password: new Uint8Array(PASSWORD_BYTES), readOnly: false,
  })
  return writer.frame().slice()
}

const server = createServer({ noDelay: true }, (socket) => {
  const frames = new FrameReader(FRAME_LIMIT)
  let isOpen = false
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    frames.push(chunk)
    const replies = Buffer.alloc((4 + REPLY_BYTES) * (Math.ceil(chunk.length / 12) + 1))
    let at = 0
    for (let frame = frames.next(); frame !== null; frame = frames.next()) {
      if (!isOpen) {
        isOpen = true
        socket.write(hello())
        continue
      }
      replies[at + 3] = REPLY_BYTES
      replies.set(frame.subarray(0, 4), at + 4)
      at += 4 + REPLY_BYTES
    }
    if (at > 0) socket.write(replies.subarray(0, at))
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
