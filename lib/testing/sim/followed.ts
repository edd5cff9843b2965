import type { Request } from '../../core/tree/request.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { describeOperation } from '../history-text.ts'
import type { Operation } from '../history.ts'
import { LinearizationSearch } from '../linearizable-search.ts'
import { deedModel, deedOfUnknown, standing } from './deeds.ts'
import type { Deed, Standing } from './deeds.ts'
import { Violation } from './violation.ts'

/** What was asked of a node, and what came of it. Moments are counts of what happened in the run. */
export interface Entry {
  readonly process: string
  readonly session: SessionId
  readonly request: Request | null
  /** Not before this did it take effect: when it was sent, or for reads what they must not be behind of. */
  invoked: number
  readonly invokedMs: number
  /** Null as long as it is not answered, and for good if it is not. */
  returned: number | null
  returnedMs: number | null
  /** Null as long as nothing is known that it did, or told. */
  deed: Deed | null
  /** When its connection was over. */
  lostAt: number
  /** It does not take effect after this, if it did not before. */
  fencedAt: number
}

/** What was searched, of all nodes. */
export interface WindowCounts {
  searched: number
  operations: number
  skipped: number
  /** Of these many operations at once at most, there was one. */
  widest: number
}

/** Operations at once that a search takes: those whose outcome nobody knows count for as long as they may happen. */
const AT_ONCE = 12
/** So many of the last are not judged yet: a read may have to be put before them. */
const KEPT = 8
/** Enough to look for windows. */
const BATCH = 24
/** A window of more is skipped. */
const LONGEST = 256
/** States in which the node may be; more are as good as any. */
const STANDINGS = 32
/** Steps of the search within one window. */
const STEPS = 4_000
/** A node with more than that waiting is not followed any more. */
const MOST = 1_024

class Spent extends Error {}

/**
 * The history of one node. It is cut where nothing was under way, into windows; each is searched for an order that
 * explains it, from every state in which the node may have been before, and is forgotten then.
 */
export class Followed {
  readonly path: string
  readonly #counts: WindowCounts
  /** Not judged yet, in the order in which they began but for reads. */
  #entries: Entry[] = []
  /** Judged; they may still take effect. */
  #open: Entry[] = []
  #standings: readonly Standing[] = [standing(null)]
  #underWay = 0
  #numbers = 0
  /** What was judged ended then. */
  #judged = -1
  #nextLook = BATCH
  /** Too much is under way: what is answered is not kept until nothing is. */
  #isBlind = false
  #isGivenUp = false

  constructor(path: string, counts: WindowCounts) {
    this.path = path
    this.#counts = counts
  }

  began(entry: Entry): void {
    this.#underWay++
    if (!this.#isGivenUp) this.#entries.push(entry)
  }

  /** It is answered; null for a deed that tells nothing of this node. `from`: see `invoked`. */
  answered(entry: Entry, deed: Deed | null, from: number, at: number, atMs: number): void {
    this.#underWay--
    if (deed === null || from <= this.#judged || this.#isBlind) this.#drop(entry)
    else Object.assign(entry, { deed, invoked: from, returned: at, returnedMs: atMs })
    this.#look(at)
  }

  /** It will not be answered. */
  lost(entry: Entry, at: number): void {
    this.#underWay--
    const { session, request, fencedAt } = entry
    entry.lostAt = at
    const deed = fencedAt <= entry.invoked ? null : deedOfUnknown(this.path, session, request!, this.#numbers + 1)
    if (deed === null) this.#drop(entry)
    else {
      this.#numbers++
      entry.deed = deed
    }
    this.#look(at)
  }

  /** It happens now, and nobody asked for it. */
  happened(entry: Entry): void {
    if (!this.#isBlind && !this.#isGivenUp) this.#entries.push(entry)
  }

  /** Operations since then that are not judged. */
  since(moment: number): number {
    let count = 0
    for (let at = this.#entries.length - 1; at >= 0 && this.#entries[at]!.invoked > moment; at--) count++
    return count
  }

  /** What the session asked for and lost before a moment does not take effect after now; null: nor what it asks for. */
  fence(session: SessionId, before: number | null, now: number): void {
    for (const entries of [this.#open, this.#entries]) for (const entry of entries) {
      if (entry.session === session && entry.returned === null && (before === null || entry.lostAt < before)) {
        entry.fencedAt = Math.min(entry.fencedAt, now)
      }
    }
  }

  #drop(entry: Entry): void {
    const at = this.#entries.lastIndexOf(entry)
    if (at >= 0) this.#entries.splice(at, 1)
  }

  #look(now: number): void {
    if (this.#isBlind && this.#underWay === 0) this.#see(now)
    if (this.#entries.length + this.#open.length > MOST) this.#giveUp()
    if (this.#isBlind || this.#entries.length < this.#nextLook) return
    this.#judge(KEPT)
    if (this.#entries.length > LONGEST) this.#blind()
    this.#nextLook = Math.max(this.#entries.length, KEPT) + BATCH - KEPT
  }

  #blind(): void {
    this.#isBlind = true
    this.#counts.skipped++
    this.#entries = this.#entries.filter(({ returned }) => returned === null)
  }

  #giveUp(): void {
    this.#isGivenUp = true
    this.#counts.skipped++
    this.#entries = []
    this.#open = []
  }

  #see(now: number): void {
    this.#isBlind = false
    this.#open.push(...this.#entries)
    this.#entries = []
    this.#judged = now
    this.#standings = [standing('any')]
  }

  /** There is nothing more to come. */
  finish(now: number): void {
    for (const entry of this.#entries.filter(({ returned, deed }) => returned === null && deed === null)) {
      this.lost(entry, now)
    }
    this.#judge(0)
  }

  /** Each window that has ended, but for those with one of the last so many. */
  #judge(kept: number): void {
    const entries = this.#entries.sort((one, other) => one.invoked - other.invoked)
    let [from, end] = [0, -1]
    for (let at = 0; at <= entries.length - kept; at++) {
      const entry = entries[at]
      if (at > from && end >= 0 && (entry?.invoked ?? Infinity) > end) {
        this.#window(entries.slice(from, at))
        this.#judged = end
        from = at
        end = -1
      }
      if (entry === undefined) break
      if (entry.returned !== null) end = Math.max(end, entry.returned)
      else if (entry.deed === null) end = Infinity
    }
    this.#entries = entries.slice(from)
  }

  #window(entries: readonly Entry[]): void {
    this.#forgetFenced(entries[0]!.invoked)
    const atOnce = this.#open.length + mostAtOnce(entries)
    const next = atOnce > AT_ONCE ? null : this.#search([...this.#open, ...entries])
    if (next?.length === 0) throw new Violation('C1', this.#tell(entries))
    this.#open.push(...entries.filter(({ returned }) => returned === null))
    if (next === null) this.#counts.skipped++
    else {
      this.#counts.searched++
      this.#counts.operations += entries.length
      this.#counts.widest = Math.max(this.#counts.widest, atOnce)
    }
    this.#standings = next === null || next.length > STANDINGS ? [standing('any')] : next
  }

  /** Those whose time was over before: whether they have happened does not matter any more. */
  #forgetFenced(moment: number): void {
    if (!this.#open.some(({ fencedAt }) => fencedAt < moment)) return
    this.#open = this.#open.filter(({ fencedAt }) => fencedAt >= moment)
    const numbers = this.#open.map(numberOf)
    const next = new Map<string, Standing>()
    for (const { node, owner, taken } of this.#standings) {
      const left = standing(node, owner, taken.filter((number) => numbers.includes(number)))
      next.set(left.key, left)
    }
    this.#standings = [...next.values()]
  }

  /** Every state in which the node may be after these; null when it takes too long to find out. */
  #search(entries: readonly Entry[]): Standing[] | null {
    let steps = 0
    const budget = { spend: (): void => { if (++steps > STEPS) throw new Spent() } }
    const next = new Map<string, Standing>()
    try {
      for (const before of this.#standings) {
        const operations = entries.filter((entry) => !before.taken.includes(numberOf(entry))).map(operationOf)
        const search = new LinearizationSearch(deedModel, operations, budget)
        for (const after of search.states(before)) next.set(after.key, after)
      }
    } catch (error) {
      if (!(error instanceof Spent)) throw error
      return null
    }
    return [...next.values()]
  }

  #tell(entries: readonly Entry[]): string {
    const states = this.#standings.map(({ key }) => key.trim()).join(' or ')
    return [
      `${this.path} is not linearizable: no order explains these. Before them it was ${states}.`,
      ...[...this.#open, ...entries].map((entry) => `  ${describe(entry)}`),
    ].join('\n')
  }
}

function describe(entry: Entry): string {
  const { input, ...operation } = operationOf(entry)
  const told = 'steps' in input ? input.steps.map((step) => [step.input, step.told]) : input
  const output = 'steps' in input && input.isRefused ? 'refused' : 'done'
  return describeOperation({ ...operation, input: told, output })
}

function numberOf({ deed }: Entry): number {
  return deed !== null && 'number' in deed ? deed.number : 0
}

function operationOf({ process, deed, invoked, invokedMs, returned, returnedMs }: Entry): Operation<Deed, boolean> {
  const outcome = returned === null ? 'unknown' : 'ok'
  return { process, key: '', input: deed!, outcome, output: true, invoked, invokedMs, returned, returnedMs }
}

function mostAtOnce(entries: readonly Entry[]): number {
  if (entries.length === 1) return 1
  const ends = entries.map(({ returned }) => returned ?? Infinity).sort((one, other) => one - other)
  let [most, ended] = [0, 0]
  for (const [at, { invoked }] of entries.entries()) {
    while (ends[ended]! < invoked) ended++
    most = Math.max(most, at + 1 - ended)
  }
  return most
}
