import type { Sample } from './protocol.ts'

/**
 * What must stay level, and when it counts as level: it may grow by a share, or by so many bytes, over the run.
 * A folder rises and falls by what LevelDB collects before it compacts: that takes it many minutes at the usual rate.
 */
const QUANTITIES = {
  rss: { of: (sample: Sample): number => sample.rssBytes, share: 0.25, bytes: 40e6 },
  heap: { of: (sample: Sample): number => sample.heapBytes, share: 0.25, bytes: 15e6 },
  disk: { of: (sample: Sample): number => sample.diskBytes, share: 0.25, bytes: 40e6 },
  nodes: { of: (sample: Sample): number => sample.nodes, share: 0.25, bytes: 100 },
} as const

type Quantity = keyof typeof QUANTITIES

/** A process, and the whole run, count from this age on, in s: before, heaps and folders find their size. */
const WARM_S = 60
/** Processes that were looked at for less than this say nothing of memory, in minutes. */
const LEAST_MINUTES = 4
/** One value of each stretch counts: of the heap the lowest, as that is what stays after a collection. */
const STRETCH_MS = 20_000

interface Point {
  readonly minute: number
  readonly value: number
}

/** Growth of one quantity. */
export interface Growth {
  readonly quantity: Quantity
  /** Which peer, or which process of it. */
  readonly subject: string
  readonly minutes: number
  readonly mean: number
  readonly perMinute: number
  /** Null: looked at for too short a time to say. */
  readonly isLevel: boolean | null
}

/** The slope of the line that lies nearest to the points; 0 for fewer than two. */
export function slope(points: readonly Point[]): number {
  const count = points.length
  const meanX = points.reduce((sum, { minute }) => sum + minute, 0) / count
  const meanY = points.reduce((sum, { value }) => sum + value, 0) / count
  let [over, under] = [0, 0]
  for (const { minute, value } of points) {
    over += (minute - meanX) * (value - meanY)
    under += (minute - meanX) ** 2
  }
  return under === 0 ? 0 : over / under
}

function put(all: Map<string, Map<number, Sample[]>>, subject: string, stretch: number, sample: Sample): void {
  const stretches = all.get(subject) ?? new Map<number, Sample[]>()
  all.set(subject, stretches)
  const samples = stretches.get(stretch) ?? []
  stretches.set(stretch, samples)
  samples.push(sample)
}

function growth(quantity: Quantity, subject: string, stretches: ReadonlyMap<number, readonly Sample[]>): Growth {
  const { of, share, bytes } = QUANTITIES[quantity]
  const points = [...stretches].map(([number, samples]): Point => {
    const values = samples.map(of).toSorted((one, other) => one - other)
    return { minute: number * STRETCH_MS / 60_000, value: values[quantity === 'heap' ? 0 : values.length >> 1]! }
  })
  const minutes = points.length < 2 ? 0 : points.at(-1)!.minute - points[0]!.minute
  const mean = points.length === 0 ? 0 : points.reduce((sum, { value }) => sum + value, 0) / points.length
  const perMinute = points.length < 2 ? 0 : slope(points)
  const isLevel = minutes < LEAST_MINUTES ? null : perMinute * minutes <= Math.max(share * mean, bytes)
  return { quantity, subject, minutes, mean, perMinute, isLevel }
}

/** Samples of the peers over the run. */
export class Levels {
  /** By subject, which is a process or all those of a peer: the samples of stretches. */
  readonly #processes = new Map<string, Map<number, Sample[]>>()
  readonly #peers = new Map<string, Map<number, Sample[]>>()
  readonly #startMs: number
  readonly #runs = new Map<number, { number: number, ageS: number }>()

  constructor(startMs: number) {
    this.#startMs = startMs
  }

  add(peer: number, sample: Sample, nowMs: number): void {
    const run = this.#runs.get(peer) ?? { number: 1, ageS: 0 }
    if (sample.ageS < run.ageS) run.number += 1
    run.ageS = sample.ageS
    this.#runs.set(peer, run)
    const number = Math.floor((nowMs - this.#startMs) / STRETCH_MS)
    if (sample.ageS >= WARM_S) put(this.#processes, `peer ${peer}, process ${run.number}`, number, sample)
    if (nowMs - this.#startMs >= WARM_S * 1_000) put(this.#peers, `peer ${peer}`, number, sample)
  }

  /** Of disk and tree by peer, over all of its processes; of memory by the process that lived longest. */
  growths(): Growth[] {
    const memory = (['rss', 'heap'] as const).flatMap((quantity) => [...this.#processes]
      .map(([name, stretches]) => growth(quantity, name, stretches))
      .toSorted((one, other) => other.minutes - one.minutes).slice(0, this.#runs.size))
    const kept = (['disk', 'nodes'] as const).flatMap((quantity) => [...this.#peers]
      .map(([name, stretches]) => growth(quantity, name, stretches))
      .toSorted((one, other) => one.subject.localeCompare(other.subject)))
    return [...memory, ...kept]
  }

  table(): string[] {
    const amount = (quantity: Quantity, value: number): string =>
      quantity === 'nodes' ? value.toFixed(value < 10 ? 2 : 0) : `${(value / 1e6).toFixed(2)} MB`
    return [
      '| what | of | minutes | mean | growth per minute | level |', '|---|---|--:|--:|--:|---|',
      ...this.growths().map(({ quantity, subject, minutes, mean, perMinute, isLevel }) =>
        `| ${quantity} | ${subject} | ${minutes.toFixed(1)} | ${amount(quantity, mean)} | ` +
        `${amount(quantity, perMinute)} | ${isLevel === null ? 'too short to say' : isLevel ? 'yes' : 'no'} |`),
    ]
  }
}
