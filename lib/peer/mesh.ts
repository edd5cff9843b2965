import type { LinkId } from '../core/effects.ts'
import type { ErrorCode } from '../core/errors.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { memberText } from '../core/identity.ts'
import { makeRandom } from '../core/random.ts'
import type { Limits } from '../core/limits.ts'
import type { Message } from '../core/zab/messages.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Link, Listener, Transport } from '../ports/transport.ts'
import type { HandshakeSecret, Hello } from '../wire/handshake.ts'
import { makeSecret, PEER_VERSIONS, RefusedError, shakeHands } from '../wire/handshake.ts'
import { PeerCodec } from '../wire/peer-protocol.ts'
import type { MemberAddresses } from './members.ts'
import { checkReachability, diallingTransport, listeningTransport } from './members.ts'
import type { PairContext, Refusal } from './pair.ts'
import { Pair } from './pair.ts'
import { isRefusal, PeerLink } from './peer-link.ts'

/** Links that have not finished their handshake, per member: more are cut at once. */
const STRANGERS_PER_MEMBER = 16
/** A handshake that was accepted must end within this time. */
const HANDSHAKE_MS = 2_000
/** Beat of the keepalive, and how many silent ones end a link: beats, not time, so that a frozen process drops none. */
const LOOK_MS = 500
const SILENT_LOOKS = 6
/** Closing waits so long for goodbyes to leave and addresses to become free. */
const CLOSE_MS = 2_000

/** What a mesh is made of. */
export interface MeshOptions {
  readonly self: number
  readonly ensembleName: string
  /** The replica's, as soon as it is known. */
  ensembleId(): string
  readonly members: readonly MemberAddresses[]
  readonly transports: readonly Transport[]
  /** Where to listen; this member's own addresses when absent. */
  readonly listen?: readonly string[] | undefined
  readonly secret?: string | Uint8Array | undefined
  readonly limits: Limits
  /** A random integer of 52 bits: tells this start of the peer from all others, and seeds its jitter. */
  readonly incarnation: number
  readonly clock: Clock
  readonly logger: Logger
  readonly unref: boolean
}

/** What the owner of a mesh hears, always in a turn of its own. */
export interface MeshEvents {
  onLinkUp(link: LinkId, peer: number): void
  onMessages(link: LinkId, messages: Message[]): void
  /** Not called for links that the owner dropped. */
  onLinkDown(link: LinkId): void
  /** Two peers do not belong together; called once per cause. */
  onRefused(refusal: Refusal): void
}

/** One link as `status()` shows it. */
export interface LinkStatus {
  readonly peer: number
  readonly connected: boolean
  readonly remote: string | null
  readonly queuedBytes: number
  readonly lastError: Refusal | null
}

/** Traffic since the start. */
export interface Traffic {
  bytesIn: number
  bytesOut: number
  framesIn: number
  framesOut: number
  links: number
  refusals: number
}

/** The links between this peer and all others: one per pair, kept up over whatever transports they share. */
export class Mesh {
  readonly #options: MeshOptions
  readonly #events: MeshEvents
  readonly #codec = new PeerCodec()
  readonly #pairs = new Map<number, Pair>()
  readonly #open = new Map<LinkId, Pair>()
  readonly #strangers = new Set<PeerLink>()
  readonly #incarnation: number
  readonly #past: Traffic = { bytesIn: 0, bytesOut: 0, framesIn: 0, framesOut: 0, links: 0, refusals: 0 }
  #listeners: Listener[] = []
  #secret: HandshakeSecret | null = null
  #dials = 0
  #links = 0
  #beat: Timer | null = null
  #closed = false

  /** Throws AddressInvalid when two voters share no address, or no transport takes one of ours. */
  constructor(options: MeshOptions, events: MeshEvents) {
    this.#options = options
    this.#events = events
    const { self, members, transports, incarnation } = options
    this.#incarnation = incarnation
    checkReachability(self, members, transports)
    for (const address of this.#bound()) listeningTransport(transports, address)
    const context = this.#context(makeRandom(incarnation))
    const canListen = this.#bound().length > 0
    for (const member of members) {
      if (member.id === self) continue
      const routes: { transport: Transport, address: string }[] = []
      for (const address of member.addresses) {
        const transport = diallingTransport(transports, address)
        if (transport) routes.push({ transport, address })
      }
      this.#pairs.set(member.id, new Pair(context, member.id, routes, canListen))
    }
  }

  /** Binds every address, then dials. Errors: AddressInUse, AddressInvalid; nothing stays bound then. */
  async start(): Promise<void> {
    const { transports, secret, clock, unref } = this.#options
    if (secret !== undefined) this.#secret = await makeSecret(secret)
    try {
      for (const address of this.#bound()) {
        const transport = listeningTransport(transports, address)
        const listener = await transport.listen(address, (link) => this.#accept(link))
        this.#listeners.push(listener)
        if (this.#closed) throw new ZkError('Aborted', 'the peer was stopped while it started')
      }
    } catch (error) {
      await this.close()
      throw error
    }
    for (const pair of this.#pairs.values()) pair.start()
    if (this.#pairs.size > 0) {
      const beat = (): void => {
        for (const pair of this.#pairs.values()) pair.look(SILENT_LOOKS)
        this.#beat = clock.setTimer(LOOK_MS, beat, unref)
      }
      this.#beat = clock.setTimer(LOOK_MS, beat, unref)
    }
  }

  /** Sends messages, in order, in one frame if they fit. */
  send(link: LinkId, messages: readonly Message[]): void {
    const pair = this.#open.get(link)
    if (!pair) return
    pair.send(this.#codec.encodeBounded(messages, this.#options.limits.frameBytes))
  }

  /** Ends a link, telling the other side why. */
  drop(link: LinkId, code: ErrorCode, reason: string): void {
    const pair = this.#open.get(link)
    // Deleted first: the owner asked for it and needs no `onLinkDown`.
    this.#open.delete(link)
    pair?.close(code, reason)
  }

  /** The addresses that are bound, as they can be dialled. */
  addresses(): string[] {
    return this.#listeners.map((listener) => listener.address)
  }

  links(): LinkStatus[] {
    return [...this.#pairs.values()].map((pair) => ({
      peer: pair.peer, connected: pair.link !== null, remote: pair.link?.remote ?? null,
      queuedBytes: pair.link?.queuedBytes ?? 0, lastError: pair.lastError,
    }))
  }

  traffic(): Traffic {
    const total = { ...this.#past }
    for (const { link } of this.#pairs.values()) if (link) addTraffic(total, link)
    return total
  }

  /** Ends every link and listener within a bounded time. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#beat?.cancel()
    this.#beat = null
    this.#open.clear()
    for (const pair of this.#pairs.values()) pair.stop()
    for (const link of this.#strangers) link.abort(new ZkError('Closed'))
    this.#strangers.clear()
    const listeners = this.#listeners
    this.#listeners = []
    if (listeners.length === 0) return
    await new Promise<void>((resolve) => {
      const limit = this.#options.clock.setTimer(CLOSE_MS, resolve)
      void Promise.allSettled(listeners.map((listener) => listener.close())).then(() => {
        limit.cancel()
        resolve()
      })
    })
  }

  #bound(): readonly string[] {
    const { listen, members, self } = this.#options
    return listen ?? members.find((member) => member.id === self)?.addresses ?? []
  }

  #context(random: PairContext['random']): PairContext {
    const { self, clock, logger, limits, unref } = this.#options
    return {
      self, clock, logger, random, unref, codec: this.#codec,
      frameBytes: limits.frameBytes, linkQueueBytes: limits.linkQueueBytes,
      secret: () => this.#secret,
      hello: (target, attempt) => this.#hello(target, attempt),
      dialsMade: () => this.#dials,
      nextDial: () => this.#dials += 1,
      nextLink: () => this.#links += 1,
      onUp: (link, peer, pair) => {
        this.#past.links += 1
        this.#open.set(link, pair)
        this.#events.onLinkUp(link, peer)
      },
      onMessages: (link, messages) => this.#events.onMessages(link, messages),
      onDown: (link, peer, error) => {
        logger.debug('link down', { peer, code: error.code, reason: error.message })
        if (this.#open.delete(link)) this.#events.onLinkDown(link)
      },
      onRefused: (refusal) => this.#refused(refusal),
      onTraffic: (link) => addTraffic(this.#past, link),
    }
  }

  #hello(target: number, attempt: number): Hello {
    const { self, ensembleName, members } = this.#options
    return {
      minVersion: PEER_VERSIONS.min, maxVersion: PEER_VERSIONS.max, peerId: self, target, ensembleName,
      ensembleId: this.#options.ensembleId(), members: memberText(members), incarnation: this.#incarnation,
      attempt, secured: this.#options.secret !== undefined,
    }
  }

  #refused(refusal: Refusal): void {
    this.#past.refusals += 1
    this.#options.logger.warn('refused', { ...refusal })
    this.#events.onRefused(refusal)
  }

  #accept(link: Link): void {
    const stranger = new PeerLink(link, this.#options.clock)
    const isFull = this.#strangers.size >= STRANGERS_PER_MEMBER * this.#options.members.length
    if (this.#closed || isFull) return stranger.abort(new ZkError('Overloaded', 'too many links at once'))
    this.#strangers.add(stranger)
    void this.#welcome(stranger)
  }

  /** Never throws. */
  async #welcome(link: PeerLink): Promise<void> {
    let claimed: Hello | null = null
    const limit = this.#options.clock.setTimer(HANDSHAKE_MS, () => {
      link.end(new ZkError('HandshakeFailed', 'the handshake took too long'))
    }, true)
    try {
      const result = await shakeHands({
        role: 'accept',
        secret: this.#secret,
        hello: (other) => {
          claimed = other
          return this.#hello(other?.peerId ?? 0, 0)
        },
        commit: (other) => this.#pairOf(other.peerId).admit(other),
        dialsMade: () => this.#dials,
      }, link)
      this.#pairOf(result.other.peerId).establish(link, result)
    } catch (error) {
      this.#turnAway(link, claimed, error)
    } finally {
      limit.cancel()
      this.#strangers.delete(link)
    }
  }

  #pairOf(peer: number): Pair {
    const pair = this.#pairs.get(peer)
    if (!pair) throw new ZkError('HandshakeFailed', `peer ${peer} is no member`)
    return pair
  }

  #turnAway(link: PeerLink, claimed: Hello | null, error: unknown): void {
    const reason = isZkError(error) ? error : new ZkError('HandshakeFailed', 'the handshake failed', { cause: error })
    link.end(reason)
    addTraffic(this.#past, link)
    const { code, message } = reason
    const peer = claimed?.peerId ?? null
    const told = error instanceof RefusedError ? `refused by the other side: ${message}` : message
    this.#options.logger.debug('link turned away', { remote: link.remote, peer, code, reason: told })
    const pair = peer === null ? undefined : this.#pairs.get(peer)
    if (pair) pair.report({ peer, remote: link.remote, code, reason: told })
    else if (isRefusal(code)) this.#past.refusals += 1
  }
}

function addTraffic(total: Traffic, link: PeerLink): void {
  total.bytesIn += link.bytesIn
  total.bytesOut += link.bytesOut
  total.framesIn += link.framesIn
  total.framesOut += link.framesOut
}
