import { setMaxListeners } from 'node:events'
import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { makeRandom } from '../../lib/core/random.ts'
import { Auditor } from './auditor.ts'
import { Checks } from './checks.ts'
import { Customer } from './customer.ts'
import { Deck, FAULTS, STOPPING } from './faults.ts'
import type { Stage } from './faults.ts'
import { Levels } from './levels.ts'
import { IDS, Network } from './network.ts'
import { LIMIT_MS, Peers } from './peers.ts'
import { Sessions } from './sessions.ts'
import { tellStalls } from './stalls.ts'
import { Witness } from './witness.ts'
import { PATHS, World } from './world.ts'

/** What is to be done. */
export interface SoakOptions {
  /** Empty; everything is kept in it, and a log of the run. */
  readonly folder: string
  readonly seed: number
  /** How long there are faults; the beginning and the end take some seconds more. */
  readonly forMs: number
  /** Requests of all clients together, per second. */
  readonly rate: number
  readonly clients: number
  /** From the beginning of one fault to that of the next. */
  readonly everyMs: number
  /** The last peer gets a file system of this size, which is filled in earnest; null: none is mounted. */
  readonly volumeMegabytes: number | null
  /** Kinds of faults. */
  readonly kinds: readonly string[]
  /** The disks of the peers forget: all must be lost. */
  readonly isLying: boolean
  readonly onWrong: (text: string) => void
  /** Of a longer time without a write the run tells all that is known, in ms; 5 s when left out. */
  readonly toldGapMs?: number
}

const REGISTERS = 20
const PAIRS = 6
const WITNESSES = 3
/** Without a fault, at the beginning. */
const QUIET_MS = 5_000
/** A fault lasts for at most so much of the time until the next, and for at most so long. */
const MOST_SHARE = 0.45
const MOST_MS = 4_500
/** In a run that is longer than this a process of each peer in turn is spared, to see whether it grows. */
const SPARING_MS = 480_000
const ERA_MS = 1_200_000
const WATCH_MS = 1_000
/** A fault that leaves a majority stops writes for less, also on a machine that has much else to do. */
const GAP_MS = 15_000
const TOLD_GAP_MS = 5_000

/** A long time without a write. */
export interface LongGap {
  readonly fault: string
  readonly ms: number
  /** Of the log of the run, since the fault began. */
  readonly lines: readonly string[]
}

/** Three peers in processes of their own, clients and faults, and whether everything holds. */
export class Soak {
  readonly checks: Checks
  readonly world: World
  readonly levels: Levels
  /** What is being done to the peers. */
  fault = 'none'
  faults = 0
  readonly longGaps: LongGap[] = []
  /** Of the log, since the last fault began. */
  #lines: string[] = []
  readonly #options: SoakOptions
  readonly #log: WriteStream
  readonly #over = new AbortController()
  readonly #ended = new AbortController()
  readonly #startMs = performance.now()
  #peers: Peers | null = null
  #network: Network | null = null
  #sessions: Sessions | null = null
  #auditor: Auditor | null = null
  #customers: Customer[] = []
  #witnesses: Witness[] = []
  #spared: number | null = null
  readonly #late = new Set<Customer>()
  /** All that was begun and has not settled. */
  readonly #running = new Set<Promise<unknown>>()

  constructor(options: SoakOptions) {
    this.#options = options
    this.#log = createWriteStream(join(options.folder, 'soak.log'))
    this.checks = new Checks((text) => {
      this.#note(`WRONG ${text}`)
      options.onWrong(text)
    })
    this.world = new World(this.checks, (line) => this.#note(line))
    // Every customer that pauses listens.
    setMaxListeners(0, this.#over.signal, this.#ended.signal)
    this.levels = new Levels(this.#startMs)
  }

  get peers(): Peers | null {
    return this.#peers
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs
  }

  /** Everything; what was wrong is in `checks`. Rejects when it cannot go on. */
  run(): Promise<void> {
    return this.#begin(this.#run())
  }

  /** `end` waits for it. Who looks how it comes out may do so later, or not at all. */
  #begin<T>(work: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = work.catch((error: unknown) => void error)
      .then(() => this.#running.delete(settled))
    this.#running.add(settled)
    return work
  }

  async #run(): Promise<void> {
    const { folder, seed } = this.#options
    const random = makeRandom(seed)
    const network = this.#network = await Network.open()
    const sessions = this.#sessions = new Sessions(network.address, this.#ended.signal)
    const peers = this.#peers = await Peers.make(folder, network, this.#options.isLying, {
      onWrong: (what) => this.checks.wrong('processes', what),
      onLeader: () => { if (this.#auditor !== null) this.#auditor.leaderMs = performance.now() },
      onSample: (id, sample) => this.levels.add(id, sample, performance.now()),
      onNote: (line) => this.#note(line),
    })
    this.#ended.signal.throwIfAborted()
    if (this.#options.volumeMegabytes !== null) peers.mount(IDS[2], this.#options.volumeMegabytes)
    for (const id of IDS) peers.start(id)
    await peers.allServe()
    await this.#furnish(sessions)
    const auditor = this.#auditor = new Auditor(sessions, this.world, peers)
    this.#customers = this.#hire(sessions, random.next())
    this.#witnesses = Array.from({ length: WITNESSES }, (_, index) =>
      new Witness(`witness ${index + 1}`, sessions, this.world))
    const working = this.#begin(Promise.all([
      ...this.#customers.map((customer) => this.#begin(customer.run())),
      ...[auditor, ...this.#witnesses].map((watcher) => this.#begin(watcher.watch(this.#over.signal))),
    ]))
    const guard = setInterval(() => this.#lookForLate(), WATCH_MS)
    const stalls = tellStalls((text) => this.#note(`the soak ${text}`))
    try {
      await this.#hurt(network, peers, random.next())
    } finally {
      clearInterval(guard)
      clearInterval(stalls)
      this.#over.abort()
    }
    await this.#rest(peers, sessions, auditor, working)
    this.#judgeLevels()
    this.checks.count('processes', peers.totals().starts)
  }

  /** No fault from now on; then the end comes as usual. */
  stop(): void {
    this.#over.abort()
  }

  /**
   * Ends everything that is left, at any time: nothing of the run is under way when this resolves. With `keep` what was
   * mounted stays, and what is in it.
   */
  async end(keep: boolean): Promise<void> {
    this.#over.abort()
    this.#ended.abort()
    await this.#sessions?.close()
    await this.#peers?.end()
    while (this.#running.size > 0) await Promise.all(this.#running)
    if (!keep) this.#peers?.unmount()
    await this.#network?.close()
    await new Promise((resolve) => { this.#log.end(resolve) })
  }

  #note(line: string): void {
    const text = `${(this.elapsedMs / 1_000).toFixed(3)} ${line}`
    this.#lines.push(text)
    this.#log.write(`${text}\n`)
  }

  /** What there is before customers come. */
  async #furnish(sessions: Sessions): Promise<void> {
    const zk = await sessions.open({ connectTimeoutMs: LIMIT_MS })
    for (const path of Object.values(PATHS)) await zk.create(path, '', { parents: true })
    const registers = Array.from({ length: REGISTERS }, (_, number) => [`${PATHS.registers}/${number}`])
    const pairs = Array.from({ length: PAIRS }, (_, number) =>
      ['a', 'b'].map((end) => `${PATHS.pairs}/${number}${end}`))
    for (const paths of [...registers, ...pairs]) {
      const multi = zk.multi()
      for (const path of paths) multi.create(path, 'first')
      await multi.commit()
      for (const path of paths) this.world.registers.made(path, 'first', (await zk.exists(path))!)
    }
    await zk.close()
  }

  #hire(sessions: Sessions, seed: number): Customer[] {
    const { clients, rate } = this.#options
    const random = makeRandom(seed)
    const shop = { sessions, world: this.world, paceMs: 1_000 * clients / rate, over: this.#over.signal }
    return Array.from({ length: clients }, (_, index) =>
      new Customer(`c${index + 1}`, shop, makeRandom(random.next())))
  }

  async #hurt(network: Network, peers: Peers, seed: number): Promise<void> {
    const { forMs, everyMs } = this.#options
    const random = makeRandom(seed)
    const deck = new Deck(random, this.#options.kinds)
    const stage: Stage = {
      network, peers, random, spared: () => this.#spared, mostMs: Math.min(MOST_MS, everyMs * MOST_SHARE),
      pause: (ms) => pause(ms, undefined, { signal: this.#ended.signal }),
    }
    await this.#written(performance.now())
    this.world.gaps.start(performance.now())
    this.world.gaps.begin(this.fault)
    const endMs = performance.now() + forMs
    await this.#pauseUntil(performance.now() + Math.min(QUIET_MS, everyMs))
    const eras = forMs < SPARING_MS ? 0 : Math.max(1, Math.round(forMs / ERA_MS))
    for (let era = 0; era < Math.max(1, eras); era++) {
      const eraEndMs = endMs - forMs * (1 - (era + 1) / Math.max(1, eras))
      if (eras > 0) {
        this.#spared = null
        await this.#deal(stage, everyMs, (onBegin) => {
          onBegin('kill all')
          return FAULTS['kill all']!(stage)!
        })
        this.#spared = IDS[era % IDS.length]!
      }
      while (performance.now() < eraEndMs && !this.#over.signal.aborted) {
        await this.#deal(stage, everyMs, (onBegin) => deck.deal(stage, onBegin))
      }
    }
    this.world.gaps.end()
  }

  /** One fault, and the time until all is well and the next is due. */
  async #deal(stage: Stage, everyMs: number, deal: (onBegin: (kind: string) => void) => Promise<void>): Promise<void> {
    const dueMs = performance.now() + everyMs
    await deal((kind) => {
      this.fault = kind
      this.faults += 1
      this.world.gaps.begin(kind)
      this.#lines = []
      this.#note(`fault: ${kind}; ${stage.peers.leader ?? 'nobody'} leads`)
    })
    this.#note(`undone: ${this.fault}`)
    const undoneMs = performance.now()
    await stage.peers.allServe()
    this.#note(`all serve ${Math.round(performance.now() - undoneMs)} ms later`)
    await this.#written(undoneMs)
    const { longestMs } = this.world.gaps
    this.checks.expect('progress', STOPPING.has(this.fault) || longestMs < GAP_MS, () =>
      `nobody wrote for ${Math.round(longestMs)} ms: ${this.fault}`)
    await this.#pauseUntil(dueMs)
    const { toldGapMs = TOLD_GAP_MS } = this.#options
    const ms = this.world.gaps.longestMs
    if (ms >= toldGapMs) this.longGaps.push({ fault: this.fault, ms, lines: this.#lines })
    this.fault = 'none'
  }

  /** Until a write was acknowledged after that. Rejects after the limit. */
  async #written(sinceMs: number): Promise<void> {
    while (this.world.gaps.openMs(performance.now()) > performance.now() - sinceMs) {
      this.#ended.signal.throwIfAborted()
      if (performance.now() - sinceMs > LIMIT_MS) throw new Error(`no write within ${LIMIT_MS} ms after ${this.fault}`)
      await pause(WATCH_MS / 20)
    }
  }

  /** A client whose request has no answer for so long, whatever was done to the peers. */
  #lookForLate(): void {
    const nowMs = performance.now()
    for (const customer of this.#customers) {
      const { busyMs } = customer
      if (busyMs === null || nowMs - busyMs < LIMIT_MS || this.#late.has(customer)) continue
      this.#late.add(customer)
      this.checks.wrong('progress', `${customer.name} has waited for ${LIMIT_MS} ms for one answer`)
    }
  }

  async #rest(peers: Peers, sessions: Sessions, auditor: Auditor, working: Promise<unknown>): Promise<void> {
    this.fault = 'over'
    this.#note('over')
    await within(working, 'clients do not come to rest')
    await peers.allServe()
    const settling = this.#customers.map((customer) => this.#begin(customer.settle()))
    await within(Promise.all(settling), 'clients are not served')
    await auditor.final()
    for (const witness of this.#witnesses) await witness.final()
    await sessions.close()
  }

  #judgeLevels(): void {
    for (const { quantity, subject, perMinute, minutes, isLevel } of this.levels.growths()) {
      if (isLevel === null) continue
      this.checks.expect(quantity === 'disk' || quantity === 'nodes' ? 'disk' : 'memory', isLevel, () =>
        `${quantity} of ${subject} grew by ${Math.round(perMinute)} a minute for ${minutes.toFixed(1)} minutes`)
    }
  }

  async #pauseUntil(ms: number): Promise<void> {
    const leftMs = ms - performance.now()
    if (leftMs > 0) await pause(leftMs, undefined, { signal: this.#over.signal }).catch((error: unknown) => void error)
  }
}

async function within(work: Promise<unknown>, what: string): Promise<void> {
  const limit = new AbortController()
  const late = pause(LIMIT_MS, null, { signal: limit.signal }).then(() => {
    throw new Error(`${what} within ${LIMIT_MS} ms`)
  })
  try {
    await Promise.race([work, late])
  } finally {
    limit.abort()
    late.catch((error: unknown) => void error)
  }
}
