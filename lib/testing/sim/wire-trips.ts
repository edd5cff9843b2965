import type { Message } from '../../core/zab/messages.ts'
import { FRAME_HEAD_BYTES } from '../../wire/frame.ts'
import { PeerCodec } from '../../wire/peer-protocol.ts'
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
    const [was, is] = [textOf(messages), textOf(decoded)]
    if (was !== is) throw new Violation('A1', `the peer protocol makes ${is} of ${was}`)
    return decoded
  }
}

/** In whatever order the fields of a record are; who sends an entry of a log has it decoded beside its bytes. */
function textOf(messages: readonly Message[]): string {
  return JSON.stringify(messages, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    if (value instanceof Uint8Array) return String(value)
    return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'txn' || !('bytes' in value))
      .sort(([a], [b]) => a < b ? -1 : 1))
  })
}
