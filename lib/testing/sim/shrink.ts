import type { TxnCodec } from '../../core/tree/txn.ts'
import { makeTxnCodec } from '../../wire/txn.ts'
import { drawRun, PLAIN_PARTS } from './reduction.ts'
import type { PlainPart, Reduction } from './reduction.ts'
import { play } from './run.ts'
import type { SeedResult } from './run.ts'

/** What a failing seed came down to. */
export interface Shrunk {
  readonly reduction: Reduction
  /** Of the reduced run; it fails by the same check. */
  readonly result: SeedResult
  /** Runs that were tried. */
  readonly tried: number
}

const RUNS_MAX = 300
/** Dice that a smaller run is tried with: what is left out changes the moments of all that comes after. */
const SALTS = [0, 1, 2] as const
/** Faults are made shorter, and the network and the disks faster, by one of these, down to the least. */
const SHORTER = [0.1, 0.5] as const
const LEAST_SHARE = 0.01
/** A smaller run may come to its failure somewhat later than the whole one. */
const LATER = 1.5

/**
 * Reduces a failing seed (correctness plan, F.8): fewer faults, clients, peers and requests, a shorter storm of shorter
 * faults, a plainer and faster network, as long as the same check fails. Null when the seed does not fail at all.
 */
export function shrink(
  seed: number, mutant?: string, codec: TxnCodec = makeTxnCodec(), runsMax: number = RUNS_MAX, from: Reduction = {},
): Shrunk | null {
  const whole = play(drawRun(seed, mutant, from), codec)
  if (whole.failure === null) return null
  return new Shrinker(seed, mutant, codec, runsMax, whole, from).shrink()
}

class Shrinker {
  readonly #seed: number
  readonly #mutant: string | undefined
  readonly #codec: TxnCodec
  readonly #runsMax: number
  readonly #check: string
  #best: Reduction
  #result: SeedResult
  #tried = 0

  constructor(seed: number, mutant: string | undefined, codec: TxnCodec, runsMax: number, whole: SeedResult,
    from: Reduction) {
    this.#seed = seed
    this.#mutant = mutant
    this.#codec = codec
    this.#runsMax = runsMax
    this.#check = whole.failure!.check
    this.#result = whole
    const { faults } = drawRun(seed, mutant, from)
    this.#best = { ...from, faults: faults.flatMap(({ atMs }, at) => atMs <= whole.endedMs ? [at] : []) }
  }

  shrink(): Shrunk {
    this.#accept(this.#best)
    for (let isBetter = true; isBetter && this.#tried < this.#runsMax;) {
      isBetter = [
        () => this.#fewerFaults(), () => this.#plainer(), () => this.#smaller('clients', 1), () => this.#earlier(),
        () => this.#smaller('voters', 1), () => this.#smaller('requests', 0), () => this.#shorter(),
        () => this.#briefer(), () => this.#closer(),
      ].map((step) => step()).some(Boolean)
    }
    return { reduction: this.#best, result: this.#result, tried: this.#tried }
  }

  /** Keeps the smaller run if it fails by the same check. */
  #accept(candidate: Reduction): boolean {
    for (const salt of new Set([this.#best.salt ?? 0, ...SALTS])) {
      if (this.#tried >= this.#runsMax) return false
      this.#tried++
      const reduction = salt === 0 ? omitSalt(candidate) : { ...candidate, salt }
      const run = drawRun(this.#seed, this.#mutant, reduction)
      const isInStorm = this.#result.endedMs <= run.plan.stormMs
      const result = play(run, this.#codec, isInStorm ? { limitMs: this.#result.endedMs * LATER } : {})
      if (result.failure?.check !== this.#check) continue
      this.#best = reduction
      this.#result = result
      return true
    }
    return false
  }

  /** Leaves out halves, quarters and so on to single faults. */
  #fewerFaults(): boolean {
    let isBetter = false
    for (let size = Math.ceil(this.#faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < this.#faults.length;) {
        const left = [...this.#faults.slice(0, at), ...this.#faults.slice(at + size)]
        if (this.#accept({ ...this.#best, faults: left })) isBetter = true
        else at += size
      }
    }
    return isBetter
  }

  get #faults(): readonly number[] {
    return this.#best.faults ?? []
  }

  #plainer(): boolean {
    let isBetter = false
    for (const part of PLAIN_PARTS) {
      const plain: readonly PlainPart[] = this.#best.plain ?? []
      if (!plain.includes(part) && this.#accept({ ...this.#best, plain: [...plain, part] })) isBetter = true
    }
    return isBetter
  }

  /** As few as will do: halves, then one by one less. */
  #smaller(what: 'clients' | 'voters' | 'requests', least: number): boolean {
    let isBetter = false
    for (let isHalf = true; ;) {
      const { plan: { world } } = drawRun(this.#seed, this.#mutant, this.#best)
      const count = what !== 'requests' ? world[what] : Math.min(world.clientPlan.requests, this.#result.asked)
      const fewer = isHalf ? Math.floor(count / 2) : count - 1
      if (fewer >= least && fewer < count && this.#accept({ ...this.#best, [what]: fewer })) isBetter = true
      else if (isHalf) isHalf = false
      else return isBetter
    }
  }

  /** All faults come sooner: the first of them soon after the start. */
  #earlier(): boolean {
    const { faults } = drawRun(this.#seed, this.#mutant, this.#best)
    const roomMs = Math.floor(faults[0]?.atMs ?? 0) - 2_000
    const { earlierMs = 0 } = this.#best
    return [roomMs, Math.floor(roomMs / 2)].some((byMs) =>
      byMs > 500 && this.#accept({ ...this.#best, earlierMs: earlierMs + byMs }))
  }

  /** Each fault lasts as short as will do. */
  #briefer(): boolean {
    const { brief = {} } = this.#best
    return this.#faults.map((at) => this.#lessen(brief[at] ?? 1,
      (share) => ({ ...this.#best, brief: { ...this.#best.brief, [at]: share } }))).some(Boolean)
  }

  /** Messages and writes take as little as will do. */
  #closer(): boolean {
    if (this.#best.plain?.includes('latency') === true) return false
    return this.#lessen(this.#best.latency ?? 1, (latency) => ({ ...this.#best, latency }))
  }

  #lessen(share: number, smaller: (share: number) => Reduction): boolean {
    let least = share
    for (const factor of SHORTER) {
      while (least * factor >= LEAST_SHARE && this.#accept(smaller(least * factor))) least *= factor
    }
    return least < share
  }

  /** The storm ends right after its last fault, or earlier. */
  #shorter(): boolean {
    const { plan: { stormMs }, faults } = drawRun(this.#seed, this.#mutant, this.#best)
    const lastMs = Math.ceil((faults[faults.length - 1]?.atMs ?? 0) + 1_000)
    if (lastMs < stormMs && this.#accept({ ...this.#best, stormMs: lastMs })) return true
    return stormMs > 1_000 && this.#accept({ ...this.#best, stormMs: Math.floor(stormMs * 0.7) })
  }
}

function omitSalt(reduction: Reduction): Reduction {
  const { salt: _, ...rest } = reduction
  return rest
}
