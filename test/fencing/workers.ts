import { createInterface } from 'node:readline'
import type { Journal } from './journal.ts'
import { Victim } from './process.ts'
import type { Report, WorkerSettings } from './protocol.ts'

/** The workers that are running, always as many; names tell the place and how often it was filled. */
export class Workers {
  /** Sessions of workers that are alive or not. */
  sessions = 0
  /** Those after which a worker needed a new one. */
  expiries = 0
  /** Holders that found by themselves that they hold no more. */
  refrained = 0
  readonly #script: string
  readonly #common: Omit<WorkerSettings, 'name' | 'isCareful'>
  readonly #journal: Journal
  readonly #running: Victim[] = []
  /** Acknowledged increments of each that is running. */
  readonly #done = new Map<Victim, number>()
  #started = 0

  constructor(script: string, common: Omit<WorkerSettings, 'name' | 'isCareful'>, journal: Journal, size: number) {
    this.#script = script
    this.#common = common
    this.#journal = journal
    for (let place = 0; place < size; place++) this.run(place)
  }

  get all(): readonly Victim[] {
    return this.#running
  }

  /** Whether the one in this place looks once more before it writes: every second one relies on the token alone. */
  isCareful(place: number): boolean {
    return place % 2 === 0
  }

  run(place: number): void {
    this.#started += 1
    const settings: WorkerSettings = {
      ...this.#common, name: `worker ${place + 1}.${this.#started}`, isCareful: this.isCareful(place),
    }
    const victim = new Victim(settings.name, [this.#script, JSON.stringify(settings)],
      (what) => this.#journal.wrong(what))
    createInterface({ input: victim.child.stdout! }).on('line', (line) => this.#onLine(victim, line))
    const former = this.#running[place]
    if (former !== undefined) this.#done.delete(former)
    this.#running[place] = victim
    this.#done.set(victim, 0)
  }

  /** The place of the one with this name, if it is still there. */
  find(name: string): number | null {
    const place = this.#running.findIndex((victim) => victim.name === name)
    return place < 0 ? null : place
  }

  /** Those that had nothing acknowledged since `marks` was taken. */
  idleSince(marks: ReadonlyMap<Victim, number>): Victim[] {
    return this.#running.filter((victim) => this.#done.get(victim) === marks.get(victim))
  }

  get marks(): ReadonlyMap<Victim, number> {
    return new Map(this.#done)
  }

  #onLine(victim: Victim, line: string): void {
    let report: Report
    try {
      report = JSON.parse(line) as Report
    } catch (error) {
      if (!victim.isGone) this.#journal.wrong(`${victim.name}: ${String(error)} in ${line}`)
      return
    }
    switch (report.kind) {
      case 'session':
        this.sessions += 1
        if (report.number > 1) this.expiries += 1
        break
      case 'acked':
        this.#journal.acked(report.id, report.count)
        if (this.#done.has(victim)) this.#done.set(victim, this.#done.get(victim)! + 1)
        break
      case 'refrained': this.refrained += 1; break
      case 'refused': break
      case 'wrong': this.#journal.wrong(`${victim.name}: ${report.what}`); break
    }
  }
}
