import type { ForwardedRequest } from '../zab/messages.ts'
import type { MultiOp, WriteRequest } from '../tree/request.ts'

const REQUEST_BYTES = 64
const NOTHING: readonly ForwardedRequest[] = []

/** Stands where a request was that its peer took back. */
interface Withdrawn {
  readonly tag: number
  readonly body: null
}

/**
 * Requests on their way to the leader: so many bytes may be unanswered, the rest waits here. Without a bound, one
 * client that writes faster than the ensemble would fill the link until it is dropped, and with it every other client.
 */
export class ForwardWindow {
  readonly #windowBytes: number
  /** In the order of their tags. */
  #waiting: (ForwardedRequest | Withdrawn)[] = []
  #head = 0
  /** Of those that wait. */
  #withdrawn = 0
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

  /**
   * Takes back what was not sent yet, by its tags in ascending order. Very many connections may end at once with a long
   * line of all their writes behind them, so each finds its own, and the line moves up when it is mostly gaps.
   */
  withdraw(tags: readonly number[]): void {
    for (const tag of tags) {
      const at = this.#placeOf(tag)
      const request = this.#waiting[at]
      if (request?.tag !== tag || request.body === null) continue
      this.#waiting[at] = { tag, body: null }
      this.#withdrawn++
    }
    if (this.#withdrawn * 2 <= this.#waiting.length - this.#head) return
    this.#waiting = this.#waiting.filter(({ body }, at) => at >= this.#head && body !== null)
    this.#head = 0
    this.#withdrawn = 0
  }

  /** Where the first one stands that waits and has this tag or a later one. */
  #placeOf(tag: number): number {
    let [from, to] = [this.#head, this.#waiting.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#waiting[middle]!.tag < tag) from = middle + 1
      else to = middle
    }
    return from
  }

  /** What may be sent now; a request larger than the window goes alone. */
  take(): readonly ForwardedRequest[] {
    if (this.#head === this.#waiting.length) return NOTHING
    const taken: ForwardedRequest[] = []
    while (this.#head < this.#waiting.length && this.#sentBytes < this.#windowBytes) {
      const request = this.#waiting[this.#head++]!
      if (request.body === null) {
        this.#withdrawn--
        continue
      }
      taken.push(request)
      const bytes = forwardedBytes(request)
      this.#sent.push({ tag: request.tag, bytes })
      this.#sentBytes += bytes
    }
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
    this.#withdrawn = 0
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
