import type { Message } from '../../core/zab/messages.ts'
import { FRAME_HEAD_BYTES } from '../../wire/frame.ts'
import { PeerCodec } from '../../wire/peer-protocol.ts'
import { sameBytes } from './reference.ts'
import { Violation } from './violation.ts'

/** One in so many frames, when nothing else is said (correctness plan, E.1). */
const SAMPLED = 100

/**
 * Takes every so many-th frame through the peer protocol: what arrives is what was decoded from its bytes, which must
 * say the same. No dice: a run is the same however many of its frames go that way.
 */
export class WireTrips {
  /** Of so many frames one goes as bytes; 1 for all. */
  every: number = SAMPLED
  readonly #codec = new PeerCodec()
  #frames = 0

  /** These messages, or what came back from their bytes. */
  carry(messages: readonly Message[]): readonly Message[] {
    if (++this.#frames % this.every !== 0) return messages
    const decoded: Message[] = []
    this.#codec.decode(this.#codec.encode(messages).subarray(FRAME_HEAD_BYTES), decoded)
    if (!saySame(messages, decoded)) {
      throw new Violation('A1', `the peer protocol makes ${textOf(decoded)} of ${textOf(messages)}`)
    }
    return decoded
  }
}

/** In whatever order the fields of a record are; who sends an entry of a log has it decoded beside its bytes. */
function saySame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b)
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b)
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, at) => saySame(one, b[at]))
  }
  let fields = 0
  for (const [name, value] of said(a)) {
    if (!saySame(value, (b as Readonly<Record<string, unknown>>)[name])) return false
    fields++
  }
  return fields === said(b).length
}

function said(record: object): readonly (readonly [name: string, value: unknown])[] {
  const isSaid = (name: string): boolean => name !== 'txn' || !('bytes' in record)
  return Object.entries(record).filter(([name, value]) => value !== undefined && isSaid(name))
}

function textOf(messages: readonly Message[]): string {
  return JSON.stringify(messages, (_key, value: unknown) => value instanceof Uint8Array ? String(value) : value)
}
