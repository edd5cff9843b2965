/** Something that is to happen. */
export interface Due {
  readonly atMs: number
  /** Among what is due at the same time: first come, first served. */
  readonly order: number
  readonly run: () => void
}

/** What is to happen in virtual time, in a binary heap. */
export class Agenda {
  readonly #heap: Due[] = []

  /** What is due next. */
  get first(): Due | undefined {
    return this.#heap[0]
  }

  add(due: Due): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(due)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(due, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = due
  }

  clear(): void {
    this.#heap.length = 0
  }

  /** Takes the first away; there must be one. */
  take(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let below = at * 2 + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}
