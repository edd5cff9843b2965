import type { Random } from '../../core/random.ts'
import type { Link, LinkEvents } from '../../ports/transport.ts'
import type { VirtualNetwork } from './network.ts'
import type { Program } from './program.ts'
import type { VirtualTime } from './time.ts'

/** What the two ends of a link share. */
export interface LinkParts {
  readonly network: VirtualNetwork
  readonly time: VirtualTime
  readonly random: Random
  /** How long bytes are under way at least. */
  readonly baseMs: number
}

/** Null: the link is over. */
interface Flight {
  readonly atMs: number
  readonly bytes: Uint8Array | null
}

const HIGH_WATER_BYTES = 1024 * 1024
const LOW_WATER_BYTES = 256 * 1024

/** One end of a link, and what is under way to it from the other. */
export class LinkEnd implements Link {
  readonly remote: string
  readonly program: Program
  /** The other side dialled. */
  isAccepted = false
  readonly #parts: LinkParts
  #other!: LinkEnd
  #events: LinkEvents | null = null
  /** On the way to this end, in order. */
  readonly #flights: Flight[] = []
  #isUnderWay = false
  #lastMs = 0
  /** Arrived, and not taken: nobody has attached, or he paused. */
  readonly #arrived: (Uint8Array | null)[] = []
  #isAttached = false
  #isPaused = false
  #inFlightBytes = 0
  #needsDrain = false
  /** Neither sends nor hears anything any more. */
  #isOver = false
  /** The network has broken the link: what is sent is lost. */
  #isBroken = false
  #isDeaf = false

  static join(near: LinkEnd, far: LinkEnd): void {
    near.#other = far
    far.#other = near
    far.isAccepted = true
  }

  constructor(parts: LinkParts, program: Program, remote: string) {
    this.#parts = parts
    this.program = program
    this.remote = remote
  }

  // --- what its owner does -----------------------------------------------------------------------------------------

  get queuedBytes(): number {
    return this.#other.#inFlightBytes
  }

  attach(events: LinkEvents): void {
    this.#events = events
    this.#parts.time.soon(() => this.program.post(() => {
      this.#isAttached = true
      this.#hand()
    }))
  }

  send(bytes: Uint8Array): boolean {
    const other = this.#other
    if (this.#isOver) return false
    if (this.#isBroken) return true
    other.#expect(bytes)
    if (other.#inFlightBytes < HIGH_WATER_BYTES) return true
    this.#needsDrain = true
    return false
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#parts.time.soon(() => this.program.post(() => this.#hand()))
  }

  close(): void {
    if (this.#isOver) return
    if (!this.#isBroken) this.#other.#expect(null)
    this.#finish()
  }

  abort(): void {
    if (this.#isOver) return
    if (!this.#isBroken) this.#other.#lose()
    this.#finish()
  }

  #finish(): void {
    this.#isOver = true
    this.#parts.network.forget(this)
    this.#flights.length = 0
    this.#arrived.length = 0
    const events = this.#events
    this.#parts.time.soon(() => this.program.post(() => events?.onClose()))
  }

  // --- what is under way to it -------------------------------------------------------------------------------------

  #expect(bytes: Uint8Array | null): void {
    if (this.#isOver || this.#isDeaf) return
    const { time, random, baseMs } = this.#parts
    this.#lastMs = Math.max(this.#lastMs, time.nowMs + baseMs * (1 + random.unit()))
    this.#flights.push({ atMs: this.#lastMs, bytes })
    this.#inFlightBytes += bytes?.length ?? 0
    this.#fly()
  }

  /** One event at a time: of the first one that is under way. */
  #fly(): void {
    const first = this.#flights[0]
    if (this.#isUnderWay || first === undefined) return
    this.#isUnderWay = true
    this.#parts.time.at(first.atMs, () => this.#land())
  }

  #land(): void {
    const { network } = this.#parts
    if (!network.isFree(this.#other.program.place, this.program.place)) {
      network.whenFree(() => this.#parts.time.at(this.#parts.time.nowMs + this.#parts.baseMs, () => this.#land()))
      return
    }
    this.#isUnderWay = false
    const flight = this.#flights.shift()
    if (flight === undefined) return
    this.#fly()
    this.#inFlightBytes -= flight.bytes?.length ?? 0
    this.#other.#drained()
    this.program.post(() => {
      if (this.#isOver) return
      this.#arrived.push(flight.bytes)
      this.#hand()
    })
  }

  #drained(): void {
    if (!this.#needsDrain || this.#isOver || this.queuedBytes > LOW_WATER_BYTES) return
    this.#needsDrain = false
    this.#parts.time.soon(() => this.program.post(() => {
      if (!this.#isOver) this.#events?.onDrain()
    }))
  }

  #hand(): void {
    while (this.#isAttached && !this.#isPaused && !this.#isOver && this.#arrived.length > 0) {
      const bytes = this.#arrived.shift()
      if (bytes !== undefined && bytes !== null) {
        this.#events?.onData(bytes)
        continue
      }
      this.#isOver = true
      this.#parts.network.forget(this)
      // What was sent meanwhile goes to nobody.
      this.#events?.onClose()
    }
  }

  // --- faults ------------------------------------------------------------------------------------------------------

  /** Some of what is under way is lost, from some point on, and then the link is over here. */
  #lose(): void {
    if (this.#isOver) return
    const kept = this.#isDeaf ? 0 : this.#parts.random.below(this.#flights.length + 1)
    for (const { bytes } of this.#flights.splice(kept)) this.#inFlightBytes -= bytes?.length ?? 0
    this.#isDeaf = false
    this.#expect(null)
    this.#isDeaf = true
  }

  /** The network breaks the link: each end learns it in its own time. */
  breakLink(): void {
    if (this.#isBroken || this.#isOver) return
    for (const end of [this, this.#other]) {
      end.#isBroken = true
      end.#lose()
    }
  }

  /** All that is sent to this end from now on, or is under way, is lost. */
  deafen(): void {
    this.#isDeaf = true
    this.#inFlightBytes = 0
    this.#flights.length = 0
  }

  /** Its program was killed. */
  die(): void {
    if (this.#isOver) return
    if (!this.#isBroken) this.#other.#lose()
    this.#isOver = true
    this.#parts.network.forget(this)
  }
}
