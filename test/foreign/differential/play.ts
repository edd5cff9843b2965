import type { Arrival } from '../raw-replies.ts'
import { Op } from '../raw-replies.ts'
import { Comparison, show, sortEvents } from './compare.ts'
import { nextStep, PRELUDE } from './generate.ts'
import type { Known } from './known.ts'
import type { Avoids } from './operations.ts'
import { Random } from './random.ts'
import type { Round, Server } from './server.ts'
import type { Ask, Step } from './step.ts'
import { describe } from './step.ts'
import { compareWords, WORD_COUNT } from './words.ts'

/** Something that was not equal. */
export interface Mismatch {
  readonly step: number
  readonly text: string
}

/** What came of a run. */
export interface Played {
  /** Requests compared. */
  readonly operations: number
  readonly mismatches: readonly Mismatch[]
  /** How often every known difference was met. */
  readonly known: ReadonlyMap<string, number>
  /** How often every opcode was answered with every code. */
  readonly answers: ReadonlyMap<string, number>
}

/** How to run. */
export interface PlayOptions {
  readonly seed: number
  readonly operations: number
  readonly avoids: Avoids
  /** Steps after the generated ones. */
  readonly ending?: readonly Step[]
  readonly known?: readonly Known[]
  /** The run ends after so many mismatches. */
  readonly mismatches?: number
}

const HISTORY = 4

const asksOf = (step: Step): readonly Ask[] => step.kind === 'requests' ? step.asks : []

/** The request that an arrival answers; xids may repeat, so it is found by its place. */
function askOf(step: Step, arrivals: readonly Arrival[], index: number): Ask | undefined {
  const at = arrivals.slice(0, index).filter(({ kind }) => kind === 'reply' || kind === 'garbage').length
  return arrivals[index]?.kind === 'reply' ? asksOf(step)[at] : undefined
}

/** Plays the same steps on two servers. */
export class Play {
  readonly #left: Server
  readonly #right: Server
  readonly #options: PlayOptions
  readonly #comparison: Comparison
  readonly #mismatches: Mismatch[] = []
  readonly #known = new Map<string, number>()
  readonly #answers = new Map<string, number>()
  readonly #history: string[] = []
  #step = 0
  #operations = 0

  constructor(left: Server, right: Server, options: PlayOptions) {
    this.#left = left
    this.#right = right
    this.#options = options
    this.#comparison = new Comparison(left.side, right.side)
  }

  /** Plays to the end, or until there are too many mismatches. */
  async run(): Promise<Played> {
    const random = new Random(this.#options.seed)
    await Promise.all([this.#left.start(), this.#right.start()])
    const isOver = (): boolean => this.#mismatches.length >= (this.#options.mismatches ?? 1)
    for (const step of PRELUDE) if (!isOver()) await this.#play(step)
    while (!isOver() && this.#operations < this.#options.operations) {
      await this.#play(nextStep(random, (actor) => this.#left.isOpen(actor), this.#options.avoids))
    }
    for (const step of this.#options.ending ?? []) if (!isOver()) await this.#play(step)
    if (!isOver()) await this.#words()
    this.#left.close()
    this.#right.close()
    return {
      operations: this.#operations, mismatches: this.#mismatches, known: this.#known, answers: this.#answers,
    }
  }

  async #play(step: Step): Promise<void> {
    this.#step += 1
    this.#operations += Math.max(asksOf(step).length, 1)
    const session = `session of step ${this.#step}`
    const [left, right] = await Promise.all([this.#left.play(step, session), this.#right.play(step, session)])
      .catch((error: unknown) => { throw new Error([describe(step), ...this.#history].join('\n'), { cause: error }) })
    const isUnordered = asksOf(step).some(({ opcode }) => opcode === Op.closeSession)
    // The connection that asked comes first: its replies explain the zxids of the others.
    const actors = [step.actor, ...left.keys()].filter((actor, i, all) => all.indexOf(actor) === i)
    for (const actor of actors) {
      const order = isUnordered ? sortEvents : (all: readonly Arrival[]) => all
      this.#compare(step, actor, order(left[actor] ?? []), order(right[actor] ?? []))
    }
    this.#history.push(describe(step))
    if (this.#history.length > HISTORY) this.#history.shift()
    this.#count(step, left)
  }

  /** On which server a connection is decides what watches are told of there: servers are compared in their order. */
  async #words(): Promise<void> {
    const [left, right] = [this.#left.speakers(), this.#right.speakers()]
    for (const [i, one] of left.entries()) {
      const other = right[i]
      if (other === undefined) continue
      this.#operations += WORD_COUNT
      const text = (await compareWords(one, other, (this.#options.known ?? []).length > 0)).join('\n  ')
      if (text !== '') this.#mismatches.push({ step: this.#step, text: `four-letter words of server ${i}\n  ${text}` })
    }
  }

  #compare(step: Step, actor: number, left: readonly Arrival[], right: readonly Arrival[]): void {
    const problems: string[] = []
    const places: number[] = []
    for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
      const ask = actor === step.actor ? askOf(step, left, i) : undefined
      const known = this.#options.known?.filter(({ applies }) => applies(left[i], right[i], ask)) ?? []
      const skip = known.find(({ isZxidSkipped }) => isZxidSkipped === true)
      if (skip !== undefined && this.#comparison.skip(left[i], right[i])) this.#met(skip)
      const differences = this.#comparison.differences(left[i], right[i])
        .filter((text) => !known.some((one) => one.only?.test(text) === true && this.#met(one)))
      if (differences.length > 0) places.push(i)
      problems.push(...differences.map((text) => `[${i}] ${ask === undefined ? '' : `${ask.text}: `}${text}`))
    }
    if (problems.length === 0) return
    const list = (name: string, all: readonly Arrival[]): string[] => [`  ${name}:`, ...all.flatMap((arrival, i) =>
      places.some((place) => Math.abs(place - i) <= 1) ? [`    [${i}] ${show(arrival)}`] : [])]
    this.#mismatches.push({
      step: this.#step,
      text: [
        `seed ${this.#options.seed}, step ${this.#step}, on connection ${actor}: ${describe(step)}`,
        ...problems.map((text) => `  ${text}`), ...list(this.#left.name, left), ...list(this.#right.name, right),
        '  before that:', ...this.#history.map((text) => `    ${text}`),
      ].join('\n'),
    })
  }

  #met({ name }: Known): true {
    this.#known.set(name, (this.#known.get(name) ?? 0) + 1)
    return true
  }

  #count(step: Step, left: Round): void {
    const add = (key: string): void => void this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1)
    if (step.kind === 'open') add(step.opening)
    for (const [actor, arrivals] of left.entries()) {
      let pings = 0
      for (const arrival of arrivals) {
        if (arrival.kind === 'event') add('event')
        if (arrival.kind !== 'reply' || actor !== step.actor) continue
        if (arrival.opcode === Op.ping) pings += 1
        else add(`${arrival.opcode}: ${arrival.err}`)
      }
      if (pings > 1) add(`${Op.ping}: 0`)
    }
  }
}
