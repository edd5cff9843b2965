import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../lib/core/random.ts'
import type { Journal } from './journal.ts'
import type { Peers } from './peers.ts'
import type { Victim } from './process.ts'
import type { Workers } from './workers.ts'

/** How often each kind of process was hurt. */
export interface Blows {
  kills: number
  /** SIGSTOP for less than the session timeout. */
  shortStops: number
  /** For longer. */
  longStops: number
}

/** Longest pause between two blows. */
const PAUSE_MS = 4_000
/** A killed peer is away for at most so long. */
const AWAY_MS = 2_500
/** A holder is hit when the file was read so often since the last was, at most: there is work between. */
const MOST_READS = 100
/** By the second at the latest, the first has written. */
const OTHERS_READ = 4
/** One blow in so many falls on two peers at once: then there is no quorum. */
const BOTH_OF = 5

/** Kills, stops and resumes peers and workers at random moments; about half of the workers hit hold the lock. */
export class Fray {
  readonly peerBlows: Blows = { kills: 0, shortStops: 0, longStops: 0 }
  readonly workerBlows: Blows = { kills: 0, shortStops: 0, longStops: 0 }
  readonly #peers: Peers
  readonly #workers: Workers
  readonly #journal: Journal
  readonly #random: Random
  readonly #sessionTimeoutMs: number
  readonly #over = new AbortController()
  readonly #halts = new Set<Promise<void>>()
  #isClosed = false

  constructor(parts: {
    readonly peers: Peers, readonly workers: Workers, readonly journal: Journal, readonly random: Random,
    readonly sessionTimeoutMs: number,
  }) {
    this.#peers = parts.peers
    this.#workers = parts.workers
    this.#journal = parts.journal
    this.#random = parts.random
    this.#sessionTimeoutMs = parts.sessionTimeoutMs
  }

  /** For so long, or until `end`. In the end everything runs. */
  async run(forMs: number): Promise<void> {
    const timer = setTimeout(() => this.end(), forMs)
    try {
      await Promise.all([this.#hurtPeers(), this.#hurtAnyone(), this.#hurtHolders(), this.#haltHolders()])
      await Promise.all(this.#halts)
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * One holder that writes without another look stands still between reading and writing, until others have had the
   * lock and written.
   */
  async haltHolder(): Promise<void> {
    let worker: Victim | null = null
    while (worker === null) {
      const name = await this.#journal.holderAfter(1, this.#over.signal)
      if (name === null) return
      const place = this.#workers.find(name)
      if (place !== null && !this.#workers.isCareful(place)) worker = this.#workers.all[place]!
    }
    worker.stop()
    this.workerBlows.longStops += 1
    await this.#journal.holderAfter(OTHERS_READ, this.#over.signal)
    worker.resume()
  }

  /** No more blows from now on. */
  end(): void {
    this.#over.abort()
  }

  /** Ends, too, as the processes are going to be ended: none is started again. */
  close(): void {
    this.#isClosed = true
    this.end()
  }

  async #hurtPeers(): Promise<void> {
    while (await this.#goesOn()) {
      const first = this.#random.below(this.#peers.all.length)
      const hit = this.#random.below(BOTH_OF) === 0 ? [first, (first + 1) % this.#peers.all.length] : [first]
      await Promise.all(hit.map((index) => this.#hurtPeer(index)))
    }
  }

  async #hurtPeer(index: number): Promise<void> {
    const peer = this.#peers.all[index]!
    if (this.#random.below(2) === 0) return this.#halt(peer, this.peerBlows)
    this.peerBlows.kills += 1
    await peer.kill()
    await pause(this.#random.below(AWAY_MS))
    if (!this.#isClosed) this.#peers.run(index)
  }

  /** Those that wait, mostly. */
  async #hurtAnyone(): Promise<void> {
    while (await this.#goesOn()) await this.#hurtWorker(this.#random.below(this.#workers.all.length))
  }

  async #hurtHolders(): Promise<void> {
    while (await this.#goesOn()) {
      const reads = 1 + this.#random.below(MOST_READS)
      const name = await this.#journal.holderAfter(reads, this.#over.signal)
      const place = name === null ? null : this.#workers.find(name)
      if (place !== null) await this.#hurtWorker(place)
    }
  }

  /** The worst that can happen to those who do not look, now and then: each writes late, if the storage lets it. */
  async #haltHolders(): Promise<void> {
    while (await this.#goesOn()) await this.haltHolder()
  }

  async #hurtWorker(place: number): Promise<void> {
    const worker = this.#workers.all[place]!
    if (worker.isGone) return
    if (this.#random.below(3) === 0) {
      this.workerBlows.kills += 1
      await worker.kill()
      if (!this.#isClosed) this.#workers.run(place)
    } else if (!worker.isStopped) {
      const halt: Promise<void> = this.#halt(worker, this.workerBlows).finally(() => this.#halts.delete(halt))
      this.#halts.add(halt)
    }
  }

  async #halt(victim: Victim, blows: Blows): Promise<void> {
    victim.stop()
    const isLong = this.#random.below(2) === 0
    if (isLong) blows.longStops += 1
    else blows.shortStops += 1
    await pause(this.#sessionTimeoutMs * (isLong ? 1 + 3 * this.#random.unit() : this.#random.unit()))
    victim.resume()
  }

  /** After a random time; false when it is over. */
  async #goesOn(): Promise<boolean> {
    await pause(this.#random.below(PAUSE_MS))
    return !this.#over.signal.aborted
  }
}
