import { Op } from '../core/tree/request.ts'
import type { Effect } from '../core/effects.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { LogBatch } from '../ports/storage.ts'
import { MessageSizes } from './words/server-stats.ts'

const PROBE_MS = 250
/** How fast the mean forgets: about the last 16 probes. */
const MEAN_SHARE = 1 / 16
/** Probes over which the largest delay is shown. */
const WINDOW_PROBES = 40

/** Counts of one peer since its start; plain fields, since they rise on the hottest paths. */
export class Metrics {
  turns = 0
  inputs = 0
  replies = 0
  events = 0
  connects = 0
  disconnects = 0
  persists = 0
  persistEntries = 0
  persistBytes = 0
  persistEntriesMax = 0
  persistMsSum = 0
  persistMsMax = 0
  messagesIn = 0
  messagesOut = 0
  elections = 0
  syncsDiff = 0
  syncsTrunc = 0
  syncsSnap = 0
  linkDrops = 0
  authFailures = 0
  /** Sizes of the txns that were logged here. */
  readonly txns: MessageSizes = new MessageSizes()
  /** Requests by opcode plus 11, closeSession being -11. */
  readonly requests: Float64Array = new Float64Array(128)

  countRequest(op: number): void {
    const at = op + 11
    if (at >= 0 && at < 128) this.requests[at] = (this.requests[at] ?? 0) + 1
  }

  countBatch(batch: LogBatch): void {
    this.persists += 1
    const { entries } = batch
    if (!entries) return
    this.persistEntries += entries.length
    if (entries.length > this.persistEntriesMax) this.persistEntriesMax = entries.length
    for (const entry of entries) {
      this.persistBytes += entry.bytes.length
      this.txns.add(entry.bytes.length)
    }
  }

  countPersisted(elapsedMs: number): void {
    this.persistMsSum += elapsedMs
    if (elapsedMs > this.persistMsMax) this.persistMsMax = elapsedMs
  }

  countSend(effect: Extract<Effect, { kind: 'send' }>): void {
    this.messagesOut += 1
    switch (effect.message.kind) {
      case 'diff': this.syncsDiff += 1; break
      case 'trunc': this.syncsTrunc += 1; break
      case 'snap': this.syncsSnap += 1; break
      default: break
    }
  }

  /** Everything as one flat record. */
  record(): Record<string, number> {
    const { requests } = this
    const record: Record<string, number> = {}
    for (const [name, value] of Object.entries(this)) if (typeof value === 'number') record[name] = value
    let total = 0
    for (const [name, op] of Object.entries(Op)) {
      const count = requests[op + 11] ?? 0
      total += count
      if (count > 0) record[`requests.${name}`] = count
    }
    record['requests'] = total
    return record
  }
}

/** Measures how late the event loop runs its timers. */
export class LoopDelay {
  meanMs = 0
  readonly #clock: Clock
  readonly #recent: number[] = []
  #timer: Timer | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  start(): void {
    const due = this.#clock.now() + PROBE_MS
    this.#timer = this.#clock.setTimer(PROBE_MS, () => {
      this.#sample(Math.max(0, this.#clock.now() - due))
      this.start()
    }, true)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** The largest delay of the last 10 s. */
  get maxMs(): number {
    return Math.max(0, ...this.#recent)
  }

  #sample(delayMs: number): void {
    this.meanMs += (delayMs - this.meanMs) * MEAN_SHARE
    this.#recent.push(delayMs)
    if (this.#recent.length > WINDOW_PROBES) this.#recent.shift()
  }
}
