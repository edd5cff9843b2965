import type { Message } from '../../../lib/core/zab/messages.ts'
import { PeerCodec } from '../../../lib/wire/peer-protocol.ts'
import { messages } from '../../wire/peer-messages.ts'
import { packedMutated } from '../structure.ts'
import { must, prefixes, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'
import { PACKED_TOKENS } from './packed-tokens.ts'

/** Every message between peers. */
export const peerMessagesTarget: Target = {
  name: 'peer-messages', about: 'frames of the peer protocol',
  tokens: PACKED_TOKENS,
  seeds() {
    const codec = new PeerCodec()
    return [
      ...messages.map((message) => codec.encode([message]).slice(4)),
      codec.encode([]).slice(4), codec.encode(messages.slice(0, 8)).slice(4),
      codec.encodeGoodbye({ code: 'Overloaded', reason: 'slow' }).slice(4),
    ]
  },
  mutate: packedMutated,
  make: () => {
    const codec = new PeerCodec()
    const decode = (frame: Uint8Array): ReturnType<typeof refusedWith<readonly Message[]>> =>
      refusedWith(['BadFrame'], () => {
        const into: Message[] = []
        const goodbye = codec.decode(frame, into)
        return goodbye === null ? into : [...into, { kind: 'refuse', join: 0, ...goodbye }]
      })
    return {
      run(input) {
        const decoded = decode(input)
        if ('code' in decoded) return decoded.code
        const again = codec.encode(decoded.value).slice(4)
        const twice = decode(again)
        // Compared as bytes: -0 becomes 0 on the way, and they mean the same.
        must('value' in twice && Buffer.compare(codec.encode(twice.value).subarray(4), again) === 0,
          'it is another one when sent again')
        for (const size of prefixes(again)) {
          must('code' in decode(again.subarray(0, size)), `the first ${size} of ${again.length} bytes are taken`)
        }
        return decoded.value.slice(0, 3).map(({ kind }) => kind).join(' ')
      },
    }
  },
}
