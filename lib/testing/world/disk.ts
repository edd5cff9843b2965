import type { Random } from '../../core/random.ts'
import type { LogBatch, Recovered, Storage } from '../../ports/storage.ts'
import type { Program } from './program.ts'
import type { VirtualTime } from './time.ts'

interface Write {
  readonly batch: LogBatch
  readonly program: Program
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * The disk of one peer, which outlives it. A write takes its time and one is under way at a time; what is not done when
 * the peer dies is on the disk up to some point in its order, and not beyond.
 */
export class VirtualDisk {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #content: Storage
  readonly #usualMs: number
  readonly #queue: Write[] = []
  #isBusy = false
  #generation = 0
  /** Added to every write that begins from now on. */
  slowMs = 0

  /** `content` is what is on the disk: a storage whose writes take effect at once. */
  constructor(time: VirtualTime, random: Random, content: Storage) {
    this.#time = time
    this.#random = random
    this.#content = content
    this.#usualMs = 0.05 + random.unit() * 2
  }

  /** The disk as one program, the next start of the peer, has it. */
  storage(program: Program): Storage {
    return {
      features: { persistent: true, durable: true },
      open: (): Promise<Recovered> => this.#content.open(),
      write: (batch) => this.#write(batch, program),
      close: () => this.#content.close(),
    }
  }

  /** The peer died: some of what was under way is there, in order. */
  crash(): void {
    this.#generation += 1
    this.#isBusy = false
    const kept = this.#random.below(this.#queue.length + 1)
    // Applied at once; that it resolves later is of no interest to the dead.
    for (const { batch } of this.#queue.slice(0, kept)) void this.#content.write(batch).catch(ignore)
    this.#queue.length = 0
    void this.#content.close()
  }

  #write(batch: LogBatch, program: Program): Promise<void> {
    return new Promise((resolve, reject) => {
      if (program.isOver) return
      this.#queue.push({ batch, program, resolve, reject })
      this.#next()
    })
  }

  #next(): void {
    const write = this.#queue[0]
    if (this.#isBusy || write === undefined) return
    this.#isBusy = true
    const generation = this.#generation
    const tookMs = this.#usualMs * (0.5 + this.#random.unit()) + this.slowMs
    this.#time.at(this.#time.nowMs + tookMs, () => {
      if (this.#generation !== generation) return
      this.#isBusy = false
      this.#queue.shift()
      const { batch, program, resolve, reject } = write
      void this.#content.write(batch).then(() => program.post(resolve), (error) => program.post(() => reject(error)))
      this.#next()
    })
  }
}

function ignore(): void {
  // A batch that did not fit is not on the disk.
}
