import type { ForwardedRequest } from '../zab/messages.ts'
import type { MultiOp, WriteRequest } from '../tree/request.ts'

const REQUEST_BYTES = 64
const NOTHING: readonly ForwardedRequest[] = []

/**
 * Requests on their way to the leader: so many bytes may be unanswered, the rest waits here. Without a bound, one
 * client that writes faster than the ensemble would fill the link until it is dropped, and with it every other client.
 */
export class ForwardWindow {
  readonly #windowBytes: number
  #waiting: ForwardedRequest[] = []
  #head = 0
  /** Sizes of what is unanswered, in the order of the tags, which is the order of the answers. */
  #sent: { readonly tag: number, readonly bytes: number }[] = []
  #sentHead = 0
  #sentBytes = 0

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes
  }

  add(request: ForwardedRequest): void {
    this.#waiting.push(request)
  }

  /** Takes back what was not sent yet. */
  withdraw(tags: ReadonlySet<number>): void {
    if (this.#head === this.#waiting.length) return
    this.#waiting = this.#waiting.slice(this.#head).filter(({ tag }) => !tags.has(tag))
    this.#head = 0
  }

  /** What may be sent now; a request larger than the window goes alone. */
  take(): readonly ForwardedRequest[] {
    if (this.#head === this.#waiting.length) return NOTHING
    const first = this.#head
    while (this.#head < this.#waiting.length && this.#sentBytes < this.#windowBytes) {
      const request = this.#waiting[this.#head++]!
      const bytes = forwardedBytes(request)
      this.#sent.push({ tag: request.tag, bytes })
      this.#sentBytes += bytes
    }
    const taken = this.#waiting.slice(first, this.#head)
    if (this.#head === this.#waiting.length) {
      this.#waiting = []
      this.#head = 0
    } else if (this.#head > 4_096) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return taken
  }

  /** Everything up to this tag was answered. */
  answered(tag: number): void {
    for (;;) {
      const next = this.#sent[this.#sentHead]
      if (next === undefined || next.tag > tag) break
      this.#sentBytes -= next.bytes
      this.#sentHead++
    }
    if (this.#sentHead === this.#sent.length) {
      this.#sent = []
      this.#sentHead = 0
    } else if (this.#sentHead > 4_096 && this.#sentHead * 2 > this.#sent.length) {
      this.#sent = this.#sent.slice(this.#sentHead)
      this.#sentHead = 0
    }
  }

  /** The leader is another one or none: nothing is on its way. */
  clear(): void {
    this.#waiting = []
    this.#sent = []
    this.#head = 0
    this.#sentHead = 0
    this.#sentBytes = 0
  }
}

/** About how many bytes a request takes on its way; never much less than it does. */
export function forwardedBytes({ body }: ForwardedRequest): number {
  if (body.kind !== 'write') return REQUEST_BYTES
  let total = REQUEST_BYTES
  for (const { scheme, id } of body.identities) total += identityBytes(scheme, id)
  return total + writeBytes(body.request)
}

function identityBytes(scheme: string, id: string): number {
  return 16 + 3 * (scheme.length + id.length)
}

function writeBytes(request: WriteRequest | MultiOp): number {
  if (request.op === 14) return request.ops.reduce((sum, op) => sum + writeBytes(op), 16)
  let total = 48 + 3 * request.path.length
  if ('data' in request && request.data !== null) total += request.data.length
  if ('acl' in request && request.acl !== null) {
    for (const { scheme, id } of request.acl) total += identityBytes(scheme, id)
  }
  return total
}
