import { makeRandom } from '../core/random.ts'
import type { Link, LinkEvents, Transport } from '../ports/transport.ts'

/** Wraps every link of a transport, dialled and accepted. */
export function decorated(transport: Transport, wrap: (link: Link) => Link): Transport {
  return {
    schemes: transport.schemes,
    features: transport.features,
    ...(transport.listen === undefined ? {} : {
      listen: (address: string, onLink: (link: Link) => void) =>
        transport.listen!(address, (link) => onLink(wrap(link))),
    }),
    dial: async (address, options) => wrap(await transport.dial(address, options)),
  }
}

/** Passes everything on; what decorators change they override. */
export class WrappedLink implements Link {
  readonly inner: Link

  constructor(inner: Link) {
    this.inner = inner
  }

  get remote(): string {
    return this.inner.remote
  }

  get queuedBytes(): number {
    return this.inner.queuedBytes
  }

  /** Decorators may keep what they are given. */
  get hasTaken(): boolean {
    return false
  }

  attach(events: LinkEvents): void {
    this.inner.attach(events)
  }

  send(bytes: Uint8Array): boolean {
    return this.inner.send(bytes)
  }

  pause(): void {
    this.inner.pause()
  }

  resume(): void {
    this.inner.resume()
  }

  close(): void {
    this.inner.close()
  }

  abort(reason?: Error): void {
    this.inner.abort(reason)
  }
}

/** The same transport with chunk borders in odd places, on both ways: whoever relies on borders fails on it. */
export function chopped(transport: Transport, seed: number = 1): Transport {
  let links = 0
  return decorated(transport, (link) => new ChoppedLink(link, seed + links++))
}

const MOST_PIECES = 8

class ChoppedLink extends WrappedLink {
  readonly #random: ReturnType<typeof makeRandom>
  #over = false
  #paused = false

  constructor(inner: Link, seed: number) {
    super(inner)
    this.#random = makeRandom(seed)
  }

  * #pieces(bytes: Uint8Array): Generator<Uint8Array, undefined> {
    let at = 0
    for (let left = this.#random.below(MOST_PIECES); left > 0 && at < bytes.length - 1; left--) {
      const size = 1 + this.#random.below(Math.min(bytes.length - at, 1 + Math.floor(2 * bytes.length / MOST_PIECES)))
      yield bytes.subarray(at, at + size)
      at += size
    }
    if (at < bytes.length) yield bytes.subarray(at)
    return undefined
  }

  override attach(events: LinkEvents): void {
    this.inner.attach({
      onData: (chunk) => {
        for (const piece of this.#pieces(chunk)) if (!this.#over) events.onData(piece)
      },
      onDrain: () => events.onDrain(),
      onClose: (error) => events.onClose(error),
    })
  }

  override send(bytes: Uint8Array): boolean {
    let goesOn = this.inner.send(new Uint8Array(0))
    for (const piece of this.#pieces(bytes)) goesOn = this.inner.send(piece)
    return goesOn
  }

  override pause(): void {
    this.#paused = true
    super.pause()
  }

  override resume(): void {
    if (this.#paused) super.resume()
    this.#paused = false
  }

  override close(): void {
    this.#over = true
    super.close()
  }

  override abort(reason?: Error): void {
    this.#over = true
    super.abort(reason)
  }
}

/** The same transport with everything that arrives handed over later, and put together. */
export function coalesced(transport: Transport): Transport {
  return decorated(transport, (link) => new CoalescedLink(link))
}

class CoalescedLink extends WrappedLink {
  #events: LinkEvents | null = null
  #waiting: Uint8Array[] = []
  #end: { readonly error: Error | undefined } | null = null
  #isDue = false
  #over = false
  #paused = false

  override attach(events: LinkEvents): void {
    if (this.#events !== null) throw new TypeError('a link is attached once')
    this.#events = events
    this.inner.attach({
      onData: (chunk) => {
        this.#waiting.push(chunk)
        this.#soon()
      },
      onDrain: () => {
        if (!this.#over) events.onDrain()
      },
      onClose: (error) => {
        this.#end = { error }
        this.#soon()
      },
    })
  }

  #soon(): void {
    if (this.#isDue) return
    this.#isDue = true
    setTimeout(() => {
      this.#isDue = false
      this.#deliver()
    }, 0)
  }

  #deliver(): void {
    const events = this.#events!
    if (this.#over) this.#waiting = []
    if (this.#paused && this.#end === null) return
    if (this.#waiting.length > 0) {
      const whole = new Uint8Array(this.#waiting.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const chunk of this.#waiting.splice(0)) {
        whole.set(chunk, at)
        at += chunk.length
      }
      events.onData(whole)
    }
    const end = this.#end
    if (end === null) return
    this.#end = null
    this.#over = true
    events.onClose(end.error)
  }

  override pause(): void {
    this.#paused = true
    super.pause()
  }

  override resume(): void {
    this.#paused = false
    super.resume()
    if (this.#waiting.length > 0) this.#soon()
  }

  override close(): void {
    this.#over = true
    super.close()
  }

  override abort(reason?: Error): void {
    this.#over = true
    super.abort(reason)
  }
}
