import * as fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { readRequest, readAuth, readSasl, writeAuth, writeRequest, WireOp } from '../../../lib/wire/jute/requests.ts'
import { JuteReader } from '../../../lib/wire/jute/reader.ts'
import { readConnectRequest, writeConnectRequest } from '../../../lib/wire/jute/records.ts'
import { connectRequests, requests, written } from '../../wire/jute-records.ts'
import { must, prefixes, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'

const SEEDS = 120
const KINDS = 4

/** Seeds of a generator; those that are too large to be changed with effect are left out. */
export function sampled<T>(arbitrary: fc.Arbitrary<T>, count: number, pack: (value: T) => Uint8Array): Uint8Array[] {
  return fc.sample(arbitrary, { numRuns: count, seed: 7 }).map(pack).filter(({ length }) => length < 2_000)
}

/** Requests of ZooKeeper's clients as they are decoded: what the first byte says is which record follows. */
export const requestsTarget: Target = {
  name: 'requests', about: 'records of ZooKeeper\'s clients',
  seeds: () => [
    ...sampled(requests, SEEDS, (request) => written((writer) => writeRequest(writer, 7, request)).slice(3)),
    ...sampled(connectRequests, 8, (request) => {
      const bytes = written((writer) => writeConnectRequest(writer, request)).slice(3)
      bytes[0] = 1
      return bytes
    }),
    ...[2, 3].map((kind) => {
      const bytes = written((writer) => writeAuth(writer, -4, 'digest', Uint8Array.of(97, 58, 98))).slice(3)
      bytes[0] = kind
      return bytes
    }),
  ],
  make: () => {
    const reader = new JuteReader()
    /** Cut anywhere, it is not taken, or taken for the same because what is missing says nothing. */
    const whole = (again: Uint8Array, read: () => unknown): void => {
      const complete = (reader.reset(again), read())
      for (const size of prefixes(again)) {
        reader.reset(again.subarray(0, size))
        const cut = refusedWith(['MarshallingError'], read)
        must('code' in cut || isDeepStrictEqual(cut.value, complete) || isOlder(cut.value),
          `the first ${size} of ${again.length} bytes are taken`)
      }
    }
    const connect = (bytes: Uint8Array): string => {
      const hello = refusedWith(['MarshallingError'], () => readConnectRequest(reader.reset(bytes)))
      if ('code' in hello) return hello.code
      if (!Number.isSafeInteger(hello.value.lastZxidSeen)) return 'inexact'
      const again = written((writer) => writeConnectRequest(writer, hello.value)).subarray(4)
      must(isDeepStrictEqual(readConnectRequest(reader.reset(again)), hello.value), 'the hello is another one')
      whole(again, () => readConnectRequest(reader))
      return `hello ${String(hello.value.readOnly)}`
    }
    const request = (bytes: Uint8Array): string => {
      const head = refusedWith(['MarshallingError'], () => {
        reader.reset(bytes).int()
        return reader.int()
      })
      if ('code' in head) return 'no head'
      const op = head.value
      if (op === WireOp.auth || op === WireOp.sasl) return 'other'
      const read = refusedWith(['MarshallingError'], () => readRequest(op, reader))
      if ('code' in read) return `${read.code} ${op > 0 && op < 110 ? op : ''}`
      if (read.value === null) return 'unknown'
      const { value } = read
      const again = written((writer) => writeRequest(writer, 7, value)).subarray(4)
      reader.reset(again).long()
      const twice = readRequest(op, reader)
      if (!isExact(value)) return `inexact ${op}`
      must(isDeepStrictEqual(twice, value), `request ${op} is another one when sent again`)
      whole(again, () => {
        reader.long()
        return readRequest(op, reader)
      })
      return `request ${op} ${'ops' in value ? value.ops.map((each) => each.op).slice(0, 3).join(',') : ''}`
    }
    return {
      run(input) {
        const kind = (input[0] ?? 0) % KINDS
        const bytes = input.subarray(1)
        if (kind === 0) return request(bytes)
        if (kind === 1) return connect(bytes)
        reader.reset(bytes)
        const read = refusedWith(['MarshallingError'], () => kind === 2 ? readAuth(reader) : readSasl(reader))
        return 'code' in read ? read.code : `read ${kind}`
      },
    }
  },
}

/** Only hellos may end early: older clients say nothing of reading only. */
function isOlder(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { readOnly?: unknown }).readOnly === null
}

/** False when a number of 64 bits is beyond those that are exact. */
function isExact(value: object): boolean {
  return Object.values(value).every((each) => typeof each !== 'number' || Number.isSafeInteger(each))
}
