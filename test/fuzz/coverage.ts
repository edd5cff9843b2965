import { Session } from 'node:inspector'

interface Range { readonly startOffset: number, readonly endOffset: number, readonly count: number }
interface FunctionCoverage { readonly ranges: readonly Range[] }
interface ScriptCoverage { readonly url: string, readonly functions: readonly FunctionCoverage[] }

/** The code whose coverage counts. */
const OURS = /\/(?:lib|storage)\/|node_modules\/msgpackr\//

/**
 * Which blocks of the code were ever run, by the engine's own precise coverage. The engine merges neighbouring ranges
 * with equal counts, so a block is told by what is left uncovered: new is a function that ran for the first time, and a
 * range of a known function that was never run so far and now was.
 */
export class Coverage {
  readonly #session = new Session()
  /** Of each function that ran: the ranges that never did, as `start:end`. */
  readonly #uncovered = new Map<string, ReadonlySet<string>>()
  /** What the last `take` found to be new. */
  #found = new Set<string>()
  /** Functions that ran, and ranges that ran after all. */
  blocks = 0

  start(): void {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  /** The blocks that ran for the first time since the last call; the counters begin anew. */
  take(): Set<string> {
    this.#found = new Set()
    for (const [key, uncovered] of this.#read()) this.#add(key, uncovered)
    this.blocks += this.#found.size
    return this.#found
  }

  /** Takes those out of `wanted` that ran since the last call; true when there were any. */
  strike(wanted: Set<string>): boolean {
    const before = wanted.size
    const ran = this.#read()
    for (const block of wanted) {
      const [key = '', range] = block.split('#')
      const uncovered = ran.get(key)
      if (uncovered === undefined) continue
      if (range === undefined || !isUncovered(range, uncovered)) wanted.delete(block)
    }
    return wanted.size < before
  }

  /** Each function that ran since the last reading, with its ranges that did not. */
  #read(): Map<string, Set<string>> {
    let scripts: readonly ScriptCoverage[] = []
    // Answers of a session of the same thread come before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error
      scripts = result
    })
    const ran = new Map<string, Set<string>>()
    for (const { url, functions } of scripts) {
      if (!OURS.test(url)) continue
      for (const { ranges } of functions) {
        const [whole] = ranges
        if (whole === undefined || whole.count === 0) continue
        const uncovered = new Set<string>()
        for (const { startOffset, endOffset, count } of ranges) {
          if (count === 0) uncovered.add(`${startOffset}:${endOffset}`)
        }
        ran.set(`${url}@${whole.startOffset}:${whole.endOffset}`, uncovered)
      }
    }
    return ran
  }

  #add(key: string, uncovered: ReadonlySet<string>): void {
    const known = this.#uncovered.get(key)
    if (known === undefined) {
      this.#found.add(key)
      this.#uncovered.set(key, uncovered)
      return
    }
    if (known.size === 0) return
    const left = new Set<string>()
    for (const range of known) {
      if (isUncovered(range, uncovered)) left.add(range)
      else this.#found.add(`${key}#${range}`)
    }
    if (left.size < known.size) this.#uncovered.set(key, left)
  }
}

/** True when the range lies within one that did not run. */
function isUncovered(range: string, uncovered: ReadonlySet<string>): boolean {
  if (uncovered.has(range)) return true
  const [start = 0, end = 0] = range.split(':').map(Number)
  for (const other of uncovered) {
    const [from = 0, to = 0] = other.split(':').map(Number)
    if (from <= start && to >= end) return true
  }
  return false
}
