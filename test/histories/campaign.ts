import { makeRandom } from '../../lib/core/random.ts'
import { checkLinearizable, registerModel, znodeModel } from '../../lib/testing/index.ts'
import type { History, Model } from '../../lib/testing/index.ts'
import type { Porcupine, Verdict } from './porcupine.ts'
import { randomHistory, REGISTER, ZNODE } from './random-histories.ts'
import { SPOILERS } from './spoilers.ts'
import type { ZnodeHistory } from './workload.ts'

/** What the verdicts on histories of one kind were. */
export interface Tally {
  histories: number
  operations: number
  /** Operations of which nobody knows whether they happened. */
  unknown: number
  linearizable: number
  violated: number
}

interface Subject<Input, Output> {
  readonly kind: string
  readonly name: string
  readonly history: History<Input, Output>
  /** Null where both are right. */
  readonly expected: Verdict | null
}

/** Histories, and the verdicts of two checkers on them, which must be the same. Without Porcupine, of ours alone. */
export class Campaign {
  readonly tallies = new Map<string, Tally>()
  readonly problems: string[] = []
  /** Histories on which Porcupine gave the verdict that ours gave. */
  agreed = 0
  /** Of all checks. */
  oursMs = 0
  theirsMs = 0
  readonly #porcupine: Porcupine | null

  constructor(porcupine: Porcupine | null) {
    this.#porcupine = porcupine
  }

  /** The history as it was recorded, which must be linearizable, and spoiled in every way that fits it. */
  async judgeRecorded(kind: string, name: string, history: ZnodeHistory, seed: number): Promise<void> {
    const random = makeRandom(seed * 16 + 5)
    const subjects: Subject<ZnodeHistory[number]['input'], NonNullable<ZnodeHistory[number]['output']>>[] =
      [{ kind, name, history, expected: 'linearizable' }]
    for (const [way, spoil] of Object.entries(SPOILERS)) {
      const spoiled = spoil(history, random)
      if (spoiled === null) continue
      subjects.push({ kind: `spoiled: ${way}`, name: `${name}, ${way}`, history: spoiled, expected: 'violated' })
    }
    await this.#judge(subjects, znodeModel, 'znode')
  }

  /** A history that may be either: the checkers must agree. */
  async judgeAny(kind: string, name: string, history: ZnodeHistory): Promise<void> {
    await this.#judge([{ kind, name, history, expected: null }], znodeModel, 'znode')
  }

  /** So many short histories that no system gave, of each model. */
  async judgeRandom(seed: number, count: number): Promise<void> {
    const random = makeRandom(seed)
    const register = registerModel<number | null>(null)
    const numbers = Array.from({ length: count }, (_, index) => index + 1)
    await this.#judge(numbers.map((number) => ({
      kind: 'random, of a znode', name: `${seed}.${number}`, history: randomHistory(random, ZNODE, znodeModel),
      expected: null,
    })), znodeModel, 'znode')
    await this.#judge(numbers.map((number) => ({
      kind: 'random, of a register', name: `${seed}.${number}`, history: randomHistory(random, REGISTER, register),
      expected: null,
    })), register, 'register')
  }

  async #judge<State, Input, Output>(
    subjects: readonly Subject<Input, Output>[], model: Model<State, Input, Output>, name: 'znode' | 'register',
  ): Promise<void> {
    const startedMs = performance.now()
    const ours = subjects.map(({ history }) => checkLinearizable(history, model))
    const oursDoneMs = performance.now()
    const theirs = await this.#porcupine?.judge(subjects.map(({ history }) => history), name)
    this.oursMs += oursDoneMs - startedMs
    this.theirsMs += performance.now() - oursDoneMs
    subjects.forEach((subject, index) => {
      const result = ours[index]!
      this.#count(subject, result.verdict)
      const their = theirs?.[index]
      if (their === result.verdict) this.agreed += 1
      else if (their !== undefined) this.#wrong(subject, `ours says ${result.verdict}, Porcupine ${their}`)
      if (result.verdict === 'undecided') this.#wrong(subject, 'undecided')
      else if (subject.expected !== null && result.verdict !== subject.expected) {
        this.#wrong(subject, `${result.verdict}${'told' in result ? `\n${result.told}` : ''}`)
      }
    })
  }

  #count({ kind, history }: Subject<unknown, unknown>, verdict: Verdict): void {
    const tally = this.tallies.get(kind) ?? { histories: 0, operations: 0, unknown: 0, linearizable: 0, violated: 0 }
    this.tallies.set(kind, tally)
    tally.histories += 1
    tally.operations += history.length
    tally.unknown += history.filter(({ outcome }) => outcome === 'unknown').length
    if (verdict !== 'undecided') tally[verdict] += 1
  }

  #wrong({ kind, name }: Subject<unknown, unknown>, what: string): void {
    this.problems.push(`${kind} (${name}): ${what}`)
  }

  /** For people: a line for each kind. */
  table(): readonly string[] {
    const line = (cells: readonly (string | number)[]): string => cells.map((cell, index) => index === 0
      ? String(cell).padEnd(38) : cell.toLocaleString('en').padStart(13)).join('')
    const rows = [...this.tallies].map(([kind, { histories, operations, unknown, linearizable, violated }]) =>
      line([kind, histories, operations, unknown, linearizable, violated]))
    return [line(['histories', 'number', 'operations', 'unknown', 'linearizable', 'violated']), ...rows]
  }

  /** Of all kinds. */
  get histories(): number {
    return [...this.tallies.values()].reduce((sum, { histories }) => sum + histories, 0)
  }
}
