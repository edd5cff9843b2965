/** One thing that will happen. */
interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Virtual time: a binary heap of events; equal moments run in the order in which they were asked for. */
export class EventQueue {
  readonly #heap: Event[] = []
  #order = 0
  nowMs = 0
  /** Events run so far. */
  steps = 0

  at(atMs: number, run: () => void): void {
    const event: Event = { atMs: atMs < this.nowMs ? this.nowMs : atMs, order: this.#order++, run }
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!before(event, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = event
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run)
  }

  /** Runs everything due before `endMs`, then stands at `endMs`. */
  runUntil(endMs: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= endMs; first = this.#heap[0]) {
      this.#pop()
      this.nowMs = first.atMs
      this.steps++
      first.run()
    }
    this.nowMs = endMs
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let below = at * 2 + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && before(heap[below + 1]!, heap[below]!)) below++
      if (!before(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
