import type { Effect, Input } from '../../lib/core/effects.ts'
import type { Limits } from '../../lib/core/limits.ts'
import { Replica } from '../../lib/core/replica.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { FrameReader } from '../../lib/wire/frame.ts'
import { PeerCodec } from '../../lib/wire/peer-protocol.ts'
import { assert } from '../harness.ts'
import { Disk, World } from './cluster.ts'

/** What a slow world is made of; rates in bytes per ms. */
export interface RateOptions {
  readonly voters: number
  readonly linkRate: number
  readonly diskRate: number
  readonly limits?: Partial<Limits>
}

interface Link {
  readonly from: number
  readonly to: number
  readonly back: number
  /** When all that was sent has left. */
  freeMs: number
}

interface Peer {
  readonly replica: Replica
  readonly disk: Disk
  inbox: Input[]
  diskFreeMs: number
}

const codec = new PeerCodec()
const LATENCY_MS = 2

/**
 * Real replicas whose links and disks take time for every byte, first in first out: what a large burst does to all that
 * waits behind it. Virtual time, one turn per peer and ms as in a host; nothing is random. A link that is dropped
 * comes back.
 */
export class Rates {
  ms = 1_000
  readonly connected = new Set<number>()
  readonly closed: number[] = []
  /** Codes of the answers. */
  readonly replies: string[] = []
  /** Why roles have changed, and what warns. */
  readonly said: string[] = []
  readonly #options: RateOptions
  readonly #peers = new Map<number, Peer>()
  readonly #links = new Map<number, Link>()
  readonly #events = new Map<number, (() => void)[]>()
  #nextLink = 1

  constructor(options: RateOptions) {
    this.#options = options
    const { voters, limits = {} } = options
    const world = new World({ voters, limits })
    for (const { id } of world.members) {
      const disk = new Disk()
      const replica = new Replica(world.config(id), disk.recover(), this.#now)
      this.#peers.set(id, { replica, disk, inbox: [], diskFreeMs: 0 })
      for (let other = 1; other < id; other++) this.#join(other, id)
    }
    this.pass(1_000)
    assert.ok(this.leader !== 0, 'a leader is established')
  }

  get #now(): { ms: number, wallMs: number } {
    return { ms: this.ms, wallMs: 1_700_000_000_000 + this.ms }
  }

  replica(id: number): Replica {
    return this.#peers.get(id)!.replica
  }

  /** Id of the established leader, or 0. */
  get leader(): number {
    for (const [id, { replica }] of this.#peers) if (replica.role === 'leading' && replica.serving) return id
    return 0
  }

  /** Takes a peer away for good. */
  remove(id: number): void {
    this.#peers.delete(id)
    for (const [link, { from }] of this.#links) if (from === id) this.#drop(link)
  }

  connect(id: number, conn: number): void {
    this.#push(id, {
      kind: 'connect', conn, session: null, password: new Uint8Array(16).fill(conn), timeoutMs: 30_000,
      lastZxidSeen: ZXID_ZERO, identities: [], inProcess: true,
    })
  }

  create(id: number, conn: number, xid: number, bytes: number): void {
    const request = {
      op: 1, path: `/${conn}-${xid}`, data: new Uint8Array(bytes), acl: OPEN_ACL, flags: 0, ttlMs: -1,
    } as const
    this.#push(id, { kind: 'request', conn, xid, request })
  }

  pass(ms: number): void {
    for (const end = this.ms + ms; this.ms < end;) {
      this.ms++
      for (const run of this.#events.get(this.ms) ?? []) run()
      this.#events.delete(this.ms)
      for (const peer of this.#peers.values()) this.#turn(peer)
    }
  }

  #at(ms: number, run: () => void): void {
    const when = Math.max(this.ms + 1, Math.ceil(ms))
    const events = this.#events.get(when)
    if (events === undefined) this.#events.set(when, [run])
    else events.push(run)
  }

  #push(id: number, input: Input): void {
    this.#peers.get(id)?.inbox.push(input)
  }

  #join(a: number, b: number): void {
    if (!this.#peers.has(a) || !this.#peers.has(b)) return
    const [there, back] = [this.#nextLink++, this.#nextLink++]
    this.#links.set(there, { from: a, to: b, back, freeMs: 0 })
    this.#links.set(back, { from: b, to: a, back: there, freeMs: 0 })
    this.#push(a, { kind: 'linkUp', link: there, peer: b })
    this.#push(b, { kind: 'linkUp', link: back, peer: a })
  }

  /** Whoever did not drop it hears of it. */
  #drop(link: number): void {
    const dropped = this.#links.get(link)
    if (dropped === undefined) return
    const { from, to, back } = dropped
    this.#links.delete(link)
    this.#links.delete(back)
    this.#at(this.ms + LATENCY_MS, () => this.#push(to, { kind: 'linkDown', link: back }))
    this.#at(this.ms + 50, () => this.#join(from, to))
  }

  #turn(peer: Peer): void {
    const { replica, inbox } = peer
    if (replica.deadline() <= this.ms) inbox.unshift({ kind: 'tick' })
    if (inbox.length === 0) return
    peer.inbox = []
    for (const input of inbox) replica.step(this.#now, input)
    const outgoing = new Map<number, Message[]>()
    for (const effect of replica.take()) {
      if (effect.kind === 'send') outgoing.set(effect.link, [...outgoing.get(effect.link) ?? [], effect.message])
      else this.#carryOut(peer, effect)
    }
    for (const [link, messages] of outgoing) this.#send(link, messages)
  }

  #carryOut(peer: Peer, effect: Effect): void {
    const { peerId } = peer.replica.config
    switch (effect.kind) {
      case 'persist': {
        const { batch, ticket } = effect
        const bytes = (batch.entries ?? []).reduce((sum, entry) => sum + entry.bytes.length, 0)
        peer.diskFreeMs = Math.max(peer.diskFreeMs, this.ms) + 1 + bytes / this.#options.diskRate
        this.#at(peer.diskFreeMs, () => {
          peer.disk.apply(batch)
          this.#push(peerId, { kind: 'persisted', ticket })
        })
        break
      }
      case 'dropLink': this.#drop(effect.link); break
      case 'connected': this.connected.add(effect.conn); break
      case 'reply': this.replies.push(effect.outcome.code); break
      case 'closeConn': this.closed.push(effect.conn); break
      case 'role': this.said.push(effect.reason); break
      case 'log': if (effect.level === 'warn') this.said.push(effect.text); break
      default: break
    }
  }

  #send(id: number, messages: readonly Message[]): void {
    const link = this.#links.get(id)
    if (link === undefined) return
    const { frameBytes } = this.replica(link.from).config.limits
    for (const frame of codec.encodeBounded(messages, frameBytes)) {
      link.freeMs = Math.max(link.freeMs, this.ms) + frame.length / this.#options.linkRate
      this.#at(link.freeMs + LATENCY_MS, () => {
        if (!this.#links.has(id)) return
        const reader = new FrameReader(frameBytes)
        reader.push(frame)
        const arrived: Message[] = []
        codec.decode(reader.next()!, arrived)
        for (const message of arrived) this.#push(link.to, { kind: 'receive', link: link.back, message })
      })
    }
  }
}
