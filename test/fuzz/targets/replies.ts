import { isDeepStrictEqual } from 'node:util'
import { JuteReader } from '../../../lib/wire/jute/reader.ts'
import { readConnectResponse, writeConnectResponse } from '../../../lib/wire/jute/records.ts'
import { readOutcome, writeReply } from '../../../lib/wire/jute/replies.ts'
import { connectResponses, replies, requestOf, written } from '../../wire/jute-records.ts'
import { joined } from '../mutate.ts'
import { must, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'
import { sampled } from './requests.ts'

const SEEDS = 120
/** First byte of a hello's answer; that of a reply is its request's opcode, as a signed byte. */
const HELLO = 90

/** Replies of servers, behind one byte that says to which request. */
export const repliesTarget: Target = {
  name: 'replies', about: 'replies of ZooKeeper servers',
  seeds: () => [
    ...sampled(replies, SEEDS, ({ op, outcome }) =>
      joined(Uint8Array.of(op), written((writer) => writeReply(writer, 1, 1, outcome)).subarray(4))),
    ...sampled(connectResponses, 8, (response) =>
      joined(Uint8Array.of(HELLO), written((writer) => writeConnectResponse(writer, response)).subarray(4))),
  ],
  make: () => {
    const reader = new JuteReader()
    return {
      run(input) {
        const [first = 0] = input
        const op = (first << 24) >> 24
        reader.reset(input.subarray(1))
        if (op === HELLO) {
          const hello = refusedWith(['MarshallingError'], () => readConnectResponse(reader))
          if ('code' in hello) return hello.code
          const again = written((writer) => writeConnectResponse(writer, hello.value)).subarray(4)
          must(isDeepStrictEqual(readConnectResponse(reader.reset(again)), hello.value), 'the hello is another one')
          return 'hello'
        }
        const read = refusedWith(['MarshallingError'], () => {
          reader.int()
          reader.long()
          return readOutcome(reader.int(), requestOf(op), reader)
        })
        if ('code' in read) return `${read.code} ${op}`
        const { value } = read
        if (value.code !== 'Ok') return value.code
        const again = written((writer) => writeReply(writer, 1, 1, value)).subarray(4)
        reader.reset(again).long()
        reader.int()
        const twice = refusedWith(['MarshallingError'], () => readOutcome(reader.int(), requestOf(op), reader))
        must('value' in twice, 'it cannot be read again')
        const third = written((writer) => writeReply(writer, 1, 1, twice.value)).subarray(4)
        must(Buffer.compare(third, again) === 0, `a reply to ${op} is another one when sent again`)
        return `reply ${op}`
      },
    }
  },
}
