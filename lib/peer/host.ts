import type { ConnId, ConnectedEffect, Effect, Input, LinkId, RoleEffect } from '../core/effects.ts'
import type { ErrorCode } from '../core/errors.ts'
import { ZkError } from '../core/errors.ts'
import type { Replica } from '../core/replica.ts'
import type { Outcome, WatchEvent } from '../core/tree/request.ts'
import type { Message } from '../core/zab/messages.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { LogBatch, Storage } from '../ports/storage.ts'
import type { Metrics } from './metrics.ts'
import type { NextTurn } from './system-clock.ts'

/** Timers of the platform hold 31 bits of milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/**
 * A turn ends where its inputs come to so many requests or txns, and the next one goes on: some 20 ms of work. Counted,
 * not timed, so that simulated peers have the same turns each time.
 */
const TURN_WEIGHT = 4_096
/** What is committed by it was prepared in one turn of the leader. */
const COMMIT_WEIGHT = 512
/** Beyond that, one write instead of two saves nothing. */
const JOINED_BYTES = 1024 * 1024

/** Who is told what a replica says to one client connection; calls come in the replica's order and must not throw. */
export interface ConnectionEvents {
  onConnected(effect: ConnectedEffect): void
  onReply(xid: number, zxid: Zxid, outcome: Outcome): void
  onEvent(event: WatchEvent): void
  /** Last call. */
  onClose(code: ErrorCode): void
}

/** What a host drives and whom it tells. */
export interface HostParts {
  readonly replica: Pick<Replica, 'step' | 'take' | 'deadline'>
  readonly storage: Pick<Storage, 'write'>
  readonly clock: Clock
  readonly nextTurn: NextTurn
  readonly logger: Logger
  readonly metrics: Metrics
  readonly unref: boolean
  /** One frame per call: all that one turn has for a link. The array is reused. */
  send(link: LinkId, messages: readonly Message[]): void
  drop(link: LinkId, code: ErrorCode, reason: string): void
  /** Everything that a turn has for clients was told. */
  onTurnEnd?(): void
  onRole(effect: RoleEffect): void
  /** The replica stopped for good; called once. */
  onFatal(error: ZkError): void
}

/**
 * The driver of effects.ts. What arrives in one turn of the event loop is stepped together, and its effects go out
 * together: one write, one frame per link. Turns go on while writes are in flight.
 */
export class Host {
  readonly #parts: HostParts
  readonly #replica: HostParts['replica']
  readonly #connections = new Map<ConnId, ConnectionEvents>()
  readonly #outgoing = new Map<LinkId, Message[]>()
  #inputs: Input[] = []
  #spare: Input[] = []
  #lastConn = 0
  #turns = 0
  #isScheduled = false
  /** A completed write is worth a turn of its own at once, but only one per turn of the event loop: see #persisted. */
  #isUrgentSpent = false
  /** The turn that is scheduled was taken before. */
  #isTaken = false
  #timer: Timer | null = null
  #timerAtMs = Infinity
  #isOver = false
  #isTelling = false
  #hasFailed = false
  /** Why the first write failed. */
  #storageError: unknown
  #writes = 0
  /** Txns in the writes under way, by ticket. */
  readonly #written = new Map<number, number>()
  #onIdle: (() => void) | null = null

  constructor(parts: HostParts) {
    this.#parts = parts
    this.#replica = parts.replica
  }

  /** True once no input is taken any more. */
  get over(): boolean {
    return this.#isOver
  }

  /** How many turns there were: what was pushed since the last one is not stepped. */
  get turns(): number {
    return this.#turns
  }

  /** True while clients are told what a turn has for them: the tree has all of it, some have not heard of it yet. */
  get telling(): boolean {
    return this.#isTelling
  }

  /** Adds an input to the coming turn. */
  push(input: Input): void {
    if (this.#isOver) return
    this.#inputs.push(input)
    if (!this.#isScheduled) this.#schedule()
  }

  /**
   * Takes the turn that is due now, if one is: what it has for the disk is on its way while clients are told what they
   * asked for. With 1,000 of them, a tenth of which write, their writes took a turn of the event loop less.
   */
  due(): void {
    if (this.#inputs.length === 0 || this.#isTaken) return
    this.#isTaken = true
    this.#turn()
  }

  /** The first turn: carries out what the replica wanted at its birth. */
  start(): void {
    this.push({ kind: 'tick' })
  }

  /** Names a new connection. */
  connect(events: ConnectionEvents): ConnId {
    this.#lastConn += 1
    this.#connections.set(this.#lastConn, events)
    return this.#lastConn
  }

  /** Its owner left: nothing more is told. */
  disconnect(conn: ConnId): void {
    if (this.#connections.delete(conn)) this.push({ kind: 'disconnect', conn })
  }

  /** Steps `stop` at once, carries out what follows, and waits for the writes in flight. */
  async stop(): Promise<void> {
    if (!this.#isOver) {
      this.#inputs.push({ kind: 'stop' })
      this.#turn(Infinity)
      this.#end('PeerStopped')
    }
    if (this.#writes > 0) await new Promise<void>((resolve) => { this.#onIdle = resolve })
  }

  #schedule(): void {
    this.#isScheduled = true
    this.#parts.nextTurn(() => {
      this.#isScheduled = false
      this.#isUrgentSpent = false
      if (!this.#isTaken) this.#turn()
      else if (this.#inputs.length > 0) this.#schedule()
      this.#isTaken = false
    })
  }

  /** Takes the inputs out, as many as make a turn. */
  #arrived(weight: number): Input[] {
    const inputs = this.#inputs
    let count = 0
    for (let left = weight; count < inputs.length && left > 0; count++) left -= this.#weightOf(inputs[count]!)
    if (count < inputs.length) {
      this.#inputs = inputs.slice(count)
      inputs.length = count
      if (!this.#isScheduled) this.#schedule()
    } else {
      this.#inputs = this.#spare
      this.#spare = inputs
    }
    return inputs
  }

  #weightOf(input: Input): number {
    if (input.kind === 'persisted') {
      const txns = this.#written.get(input.ticket) ?? 0
      this.#written.delete(input.ticket)
      return Math.max(1, txns)
    }
    if (input.kind === 'reads') return input.reads.left
    if (input.kind !== 'receive') return 1
    const { message } = input
    switch (message.kind) {
      case 'proposal': case 'inform': return Math.max(1, message.entries.length)
      case 'forward': return Math.max(1, message.requests.length)
      case 'commit': return COMMIT_WEIGHT
      default: return 1
    }
  }

  /** Does nothing where nothing arrived: a completed write has had its turn before the one that was scheduled then. */
  #turn(weight = TURN_WEIGHT): void {
    if (this.#isOver || this.#inputs.length === 0) return
    const inputs = this.#arrived(weight)
    const { clock, metrics } = this.#parts
    this.#turns += 1
    metrics.turns += 1
    metrics.inputs += inputs.length
    try {
      const now = { ms: clock.now(), wallMs: clock.wall() }
      for (const input of inputs) this.#replica.step(now, input)
      inputs.length = 0
      this.#carryOut(this.#replica.take())
    } catch (error) {
      // An invariant broke: the replica must not limp on, and the process it lives in must not notice.
      this.#fail(new ZkError('PeerStopped', `the peer stopped itself: ${String(error)}`, { cause: error }))
      return
    }
    this.#arm()
  }

  /** What others wait for goes first; then clients, in the order of the effects. */
  #carryOut(effects: readonly Effect[]): void {
    let batch: LogBatch | null = null
    let ticket = 0
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send': this.#collect(effect); break
        case 'persist': {
          const merged: LogBatch | null = batch ? merge(batch, effect.batch) : effect.batch
          if (batch && !merged) this.#write(batch, ticket)
          batch = merged ?? effect.batch
          ticket = effect.ticket
          break
        }
        case 'dropLink':
          this.#flush(effect.link)
          this.#parts.metrics.linkDrops += 1
          this.#parts.drop(effect.link, effect.code, effect.reason)
          break
        default: break
      }
    }
    // Before the write: no message waits for that of its own turn, and who gets it has a disk to write to as well.
    for (const link of this.#outgoing.keys()) this.#flush(link)
    if (batch) this.#write(batch, ticket)
    this.#isTelling = true
    for (const effect of effects) this.#tell(effect)
    this.#isTelling = false
    this.#parts.onTurnEnd?.()
  }

  #collect(effect: Extract<Effect, { kind: 'send' }>): void {
    this.#parts.metrics.countSend(effect)
    const messages = this.#outgoing.get(effect.link)
    if (messages) messages.push(effect.message)
    else this.#outgoing.set(effect.link, [effect.message])
  }

  #flush(link: LinkId): void {
    const messages = this.#outgoing.get(link)
    if (!messages) return
    this.#outgoing.delete(link)
    this.#parts.send(link, messages)
  }

  #write(batch: LogBatch, ticket: number): void {
    const { storage, clock, metrics } = this.#parts
    metrics.countBatch(batch)
    this.#writes += 1
    this.#written.set(ticket, batch.entries?.length ?? 0)
    const startedMs = clock.now()
    let written: Promise<void>
    try {
      written = storage.write(batch)
    } catch (error) {
      written = Promise.reject(error as Error)
    }
    written.then(() => {
      metrics.countPersisted(clock.now() - startedMs)
      this.#persisted({ kind: 'persisted', ticket })
    }, (error: unknown) => {
      this.#storageError ??= error
      this.#persisted({ kind: 'persistFailed', ticket, reason: error instanceof Error ? error.message : String(error) })
    })
  }

  /**
   * Runs the turn for a completed write without waiting for the event loop to come round, so that storage in memory
   * costs no latency. Once per round only: such turns can feed each other through microtasks for ever.
   */
  #persisted(input: Input): void {
    this.#writes -= 1
    if (this.#writes === 0) this.#onIdle?.()
    if (this.#isOver) return
    if (this.#isUrgentSpent) {
      this.push(input)
      return
    }
    this.#isUrgentSpent = true
    this.#inputs.push(input)
    if (!this.#isScheduled) this.#schedule()
    queueMicrotask(() => this.#turn())
  }

  #tell(effect: Effect): void {
    const { metrics, logger } = this.#parts
    switch (effect.kind) {
      case 'reply': case 'event': case 'connected': this.#call(effect); break
      case 'closeConn': this.#closeConnection(effect.conn, effect.code); break
      case 'role':
        if (effect.role === 'looking') metrics.elections += 1
        logger.info(effect.serving ? 'serving' : effect.role, {
          epoch: effect.epoch, leader: effect.leader, reason: effect.reason,
        })
        this.#parts.onRole(effect)
        break
      case 'log': logger[effect.level](effect.text, effect.fields); break
      case 'fatal': {
        const isStorage = effect.code === 'StorageFailed' && this.#storageError !== undefined
        this.#fail(new ZkError(effect.code, effect.reason, isStorage ? { cause: this.#storageError } : {}))
        break
      }
      default: break
    }
  }

  /** A callback that throws breaks its own client alone. */
  #call(effect: Extract<Effect, { kind: 'reply' | 'event' | 'connected' }>): void {
    const { metrics } = this.#parts
    if (effect.kind === 'reply') metrics.replies += 1
    else if (effect.kind === 'event') metrics.events += 1
    const events = this.#connections.get(effect.conn)
    if (!events) return
    try {
      if (effect.kind === 'reply') events.onReply(effect.xid, effect.zxid, effect.outcome)
      else if (effect.kind === 'event') events.onEvent(effect.event)
      else events.onConnected(effect)
    } catch (error) {
      this.#parts.logger.error('a client callback threw', { error })
    }
  }

  #closeConnection(conn: ConnId, code: ErrorCode): void {
    const events = this.#connections.get(conn)
    this.#connections.delete(conn)
    if (!events) return
    this.#parts.metrics.disconnects += 1
    try {
      events.onClose(code)
    } catch (error) {
      this.#parts.logger.error('a client callback threw', { error })
    }
  }

  #fail(error: ZkError): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#end('PeerStopped')
    this.#parts.onFatal(error)
  }

  /** Takes no more inputs; every connection hears its end. */
  #end(code: ErrorCode): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#timer = null
    this.#inputs.length = 0
    this.#outgoing.clear()
    // A copy: clients that open a new connection at once must not keep this going.
    for (const conn of Array.from(this.#connections.keys())) this.#closeConnection(conn, code)
  }

  /** A timer that fires early costs one idle turn; one that is moved at every message costs far more. */
  #arm(): void {
    if (this.#isOver) return
    const deadline = this.#replica.deadline()
    if (deadline >= this.#timerAtMs || deadline === Infinity) return
    this.#timer?.cancel()
    this.#timerAtMs = deadline
    const { clock, unref } = this.#parts
    const delayMs = Math.min(LONGEST_TIMER_MS, Math.max(0, deadline - clock.now()))
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timer = null
      this.#timerAtMs = Infinity
      this.push({ kind: 'tick' })
    }, unref)
  }
}

/**
 * Two batches as one when that is the same: appends, and promises of which the later ones hold. Not what the journal
 * has divided: its tickets are to complete one by one.
 */
function merge(first: LogBatch, second: LogBatch): LogBatch | null {
  if (!isPlain(first) || !isPlain(second) || bytesOf(first) + bytesOf(second) > JOINED_BYTES) return null
  const entries = first.entries && second.entries
    ? [...first.entries, ...second.entries] : first.entries ?? second.entries
  const meta = second.meta ?? first.meta
  return { ...(entries ? { entries } : {}), ...(meta ? { meta } : {}) }
}

function bytesOf({ entries = [] }: LogBatch): number {
  let total = 0
  for (const { bytes } of entries) total += bytes.length
  return total
}

function isPlain(batch: LogBatch): boolean {
  return batch.truncateAfter === undefined && batch.chunks === undefined && batch.install === undefined &&
    batch.resetLog === undefined && batch.purgeThrough === undefined
}
