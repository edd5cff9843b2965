import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readFileSync } from 'node:fs'
import { Victim } from '../fencing/process.ts'
import { fourLetterWord } from '../foreign/servers.ts'
import { bundle } from '../kill/bundle.ts'
import { IDS } from './network.ts'
import type { Network } from './network.ts'
import { WELL } from './protocol.ts'
import type { Command, DiskMode, PeerSettings, Report, Sample } from './protocol.ts'
import { Volume } from './volume.ts'

/** What must come to pass does so within this time, also on a machine that has much else to do. */
export const LIMIT_MS = 60_000

/** One run of a peer process, as far as it told. */
interface Run {
  readonly victim: Victim
  role: string
  isServing: boolean
  health: string
  sample: Sample | null
  fatal: string | null
  dumped: { readonly zxid: number, readonly sessions: number } | null
}

/** What the owner of the peers hears. */
export interface PeersEvents {
  onWrong(what: string): void
  /** Another peer leads, or the same one again. */
  onLeader(): void
  onSample(id: number, sample: Sample): void
  /** A line for the log of the run. */
  onNote(line: string): void
}

/** The tree of one peer. */
export interface Dump {
  readonly zxid: number
  readonly sessions: number
  readonly text: string
}

/** Three peers in processes of their own, each with a folder, which they keep when they are killed. */
export class Peers {
  readonly #folder: string
  readonly #script: string
  readonly #network: Network
  readonly #events: PeersEvents
  readonly #isLying: boolean
  readonly #runs = new Map<number, Run>()
  readonly #volumes = new Map<number, Volume>()
  /** Peers whose disk has no space, as their processes are told. */
  readonly #full = new Set<number>()
  readonly #waiting = new Set<() => void>()
  /** Of processes that are gone. */
  readonly #past = { cpuS: 0, snapshots: 0, purges: 0, elections: 0, diffs: 0, truncs: 0, snaps: 0 }
  #starts = 0
  #hasEnded = false

  /** Starts none of them yet. `isLying`: see MoodyDisk. */
  static async make(folder: string, network: Network, isLying: boolean, events: PeersEvents): Promise<Peers> {
    const script = await bundle(new URL('peer-process.ts', import.meta.url), folder)
    return new Peers(folder, script, network, isLying, events)
  }

  private constructor(folder: string, script: string, network: Network, isLying: boolean, events: PeersEvents) {
    this.#isLying = isLying
    this.#folder = folder
    this.#script = script
    this.#network = network
    this.#events = events
  }

  /** From now on the peer has a disk of so many megabytes; it was never started. */
  mount(id: number, megabytes: number): void {
    this.#volumes.set(id, new Volume(this.#folderOf(id), megabytes))
  }

  unmount(): void {
    for (const volume of this.#volumes.values()) volume.unmount()
    this.#volumes.clear()
  }

  #folderOf(id: number): string {
    return join(this.#folder, `peer-${id}`)
  }

  /** The peer is not running. Its disk is as it was left. */
  start(id: number): void {
    if (this.#hasEnded) throw new Error('it is over')
    const settings: PeerSettings = {
      id, folder: this.#folderOf(id), members: this.#network.membersFor(id),
      clientPort: this.#network.clientPorts.get(id)!, disk: { ...WELL, isFull: this.#full.has(id) },
      isLying: this.#isLying,
    }
    this.#starts += 1
    const name = `peer ${id} (process ${this.#starts})`
    const victim = new Victim(name, [this.#script, JSON.stringify(settings)], (what) => this.#events.onWrong(what))
    const run: Run = {
      victim, role: 'looking', isServing: false, health: '', sample: null, fatal: null, dumped: null,
    }
    this.#runs.set(id, run)
    createInterface({ input: victim.child.stdout! }).on('line', (line) => this.#onLine(id, run, line))
    void victim.ended.then(() => this.#onEnd(id, run))
  }

  get leader(): number | null {
    return IDS.find((id) => this.#runs.get(id)?.role === 'leading') ?? null
  }

  isServing(id: number): boolean {
    return this.#runs.get(id)?.isServing === true
  }

  /** SIGKILL, at the same moment for all that are named. */
  async kill(...ids: number[]): Promise<void> {
    await Promise.all(ids.map(async (id) => this.#runs.get(id)?.victim.kill()))
  }

  freeze(id: number): void {
    this.#runs.get(id)?.victim.stop()
  }

  thaw(id: number): void {
    this.#runs.get(id)?.victim.resume()
  }

  setDisk(id: number, mode: DiskMode): void {
    this.#tell(id, { kind: 'disk', mode })
  }

  /** From now on there is no space on the disk: that of the volume, or as the process is told. */
  fill(id: number): void {
    const volume = this.#volumes.get(id)
    volume?.fill()
    if (volume !== undefined) return
    this.#full.add(id)
    this.setDisk(id, { ...WELL, isFull: true })
  }

  /**
   * With a full disk the peer stops by itself, and its process ends; within the time, or it is killed, as there was
   * nothing to write.
   */
  async failed(id: number, limitMs: number): Promise<void> {
    const run = this.#runs.get(id)!
    const hasEnded = await run.victim.endWithin(limitMs)
    if (hasEnded && !/StorageFailed|ENOSPC/.test(run.fatal ?? '')) {
      this.#events.onWrong(`${run.victim.name}, with a full disk, ended with ${run.fatal ?? 'no word'}`)
    }
  }

  free(id: number): void {
    this.#volumes.get(id)?.free()
    this.#full.delete(id)
  }

  /** All three run and serve, and are whole. */
  allServe(limitMs = LIMIT_MS): Promise<void> {
    const isWell = (id: number): boolean => {
      const run = this.#runs.get(id)
      return run?.isServing === true && run.health === 'ok'
    }
    const lacking = (): string => IDS.filter((id) => !isWell(id)).join(' and ')
    return this.#until(() => IDS.every(isWell), limitMs, () => `peer ${lacking()} does not serve`)
  }

  /** What `hash` says at the port of a peer: digests by zxid, newest last. Empty when it does not serve. */
  async digests(id: number): Promise<Map<string, string>> {
    const text = await fourLetterWord(this.#network.clientPorts.get(id)!, 'hash')
    const lines = text.split('\n').map((line) => /^([0-9a-f]+): (-?\d+)$/.exec(line))
    return new Map(lines.flatMap((found) => found === null ? [] : [[found[1]!, found[2]!] as const]))
  }

  /** The whole tree of a peer, as it is there. */
  async dump(id: number): Promise<Dump> {
    const run = this.#runs.get(id)!
    const file = join(this.#folder, `dump-${id}`)
    run.dumped = null
    this.#tell(id, { kind: 'dump', file })
    await this.#until(() => run.dumped !== null, LIMIT_MS, () => `peer ${id} does not show its tree`)
    return { ...run.dumped!, text: readFileSync(file, 'utf8') }
  }

  /** Sums over all processes that there were. */
  totals(): Readonly<Record<'starts' | 'cpuS' | 'snapshots' | 'purges' | 'elections' | 'diffs' | 'truncs' | 'snaps',
    number>> {
    const totals = { ...this.#past }
    for (const { sample } of this.#runs.values()) add(totals, sample)
    return { ...totals, starts: this.#starts }
  }

  /** Kills all, as the run is over. */
  async end(): Promise<void> {
    this.#hasEnded = true
    for (const check of Array.from(this.#waiting)) check()
    await this.kill(...IDS)
  }

  /** As `end`, but at once: this process is about to exit. */
  endNow(): void {
    for (const { victim } of this.#runs.values()) victim.child.kill('SIGKILL')
  }

  #tell(id: number, command: Command): void {
    this.#runs.get(id)?.victim.child.stdin!.write(`${JSON.stringify(command)}\n`)
  }

  async #until(is: () => boolean, limitMs: number, what: () => string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        reject(new Error(`${what()} within ${limitMs} ms`))
      }, limitMs)
      const check = (): void => {
        if (!is() && !this.#hasEnded) return
        clearTimeout(timer)
        this.#waiting.delete(check)
        if (this.#hasEnded) reject(new Error(`${what()}, and it is over`))
        else resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  #onEnd(id: number, run: Run): void {
    add(this.#past, run.sample)
    run.sample = null
    run.isServing = false
    run.role = 'gone'
    this.#events.onNote(`peer ${id} is gone`)
    for (const check of Array.from(this.#waiting)) check()
  }

  #onLine(id: number, run: Run, line: string): void {
    let report: Report
    try {
      report = JSON.parse(line) as Report
    } catch (error) {
      // The kill came in the middle of a line; nothing else may be torn.
      if (!run.victim.isGone) this.#events.onWrong(`${run.victim.name}: ${String(error)} in ${line}`)
      return
    }
    if (report.kind === 'sample') this.#events.onSample(id, report.sample)
    else this.#events.onNote(`peer ${id} ${JSON.stringify(report)}`)
    this.#take(run, report)
    for (const check of Array.from(this.#waiting)) check()
  }

  #take(run: Run, report: Report): void {
    switch (report.kind) {
      case 'recovered':
        if (report.damage !== 'none') this.#events.onWrong(`${run.victim.name} found its ${report.damage} damaged`)
        break
      case 'role':
        run.role = report.role
        if (report.role === 'leading') this.#events.onLeader()
        break
      case 'serving':
        run.isServing = report.serving
        run.health = report.health
        break
      case 'fatal':
        run.fatal = `${report.code} ${report.reason}`
        if (!run.victim.isGone) this.#events.onWrong(`${run.victim.name} stopped: ${run.fatal}`)
        break
      case 'sample': run.sample = report.sample; break
      case 'dumped': run.dumped = report; break
      case 'log': break
    }
  }
}

function add(totals: Record<'cpuS' | 'snapshots' | 'purges' | 'elections' | 'diffs' | 'truncs' | 'snaps', number>,
  sample: Sample | null): void {
  if (sample === null) return
  for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += sample[name]
}
