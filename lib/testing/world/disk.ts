import { ZkError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import type { LogBatch, Recovered, Storage } from '../../ports/storage.ts'
import { SimDisk } from '../sim/disk.ts'
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
  readonly #usualMs: number
  readonly #queue: Write[] = []
  #content = new SimDisk()
  #isBusy = false
  #generation = 0
  /** Why nothing more is written until it is opened again. */
  #failure: ZkError | null = null
  /** Added to every write that begins from now on. */
  slowMs = 0
  /** The next write fails. */
  failsNext = false
  /** Every write fails. */
  isFull = false
  /** It lost what a peer may have promised by it: it founds no ensemble any more. */
  hasLost = false

  constructor(time: VirtualTime, random: Random) {
    this.#time = time
    this.#random = random
    this.#usualMs = 0.05 + random.unit() * 2
  }

  /** It has failed a write since it was opened. */
  get hasFailed(): boolean {
    return this.#failure !== null
  }

  /** It lost nothing, or has it again. */
  get isWhole(): boolean {
    const { meta, damage } = this.#content
    return damage === 'none' && meta?.health === 'ok' && meta.currentEpoch > 0
  }

  /** The disk as one program, the next start of the peer, has it. */
  storage(program: Program): Storage {
    return {
      features: { persistent: true, durable: true },
      open: () => Promise.resolve(this.#open()),
      write: (batch) => this.#write(batch, program),
      close: () => Promise.resolve(),
    }
  }

  #open(): Recovered {
    this.#failure = null
    const { meta, base, damage } = this.#content
    const entries = this.#content.entries().map((entry) => ({ ...entry, bytes: entry.bytes.slice() }))
    return { meta, base, snapshot: copies(this.#content.chunks()), entries, damage }
  }

  /** The peer died: some of what was under way is there, in order. */
  crash(): void {
    this.#end()
  }

  /** All that was on it is gone. Whoever has it open must be dead. */
  wipe(): void {
    this.#content = new SimDisk()
    this.hasLost = true
  }

  /** Something on it is gone, and whoever opens it next finds that. Says what. Whoever has it open must be dead. */
  rot(): string {
    this.hasLost = true
    return this.#content.rot(this.#random)
  }

  /** Nothing that is under way goes on. Some of it is written, in order. */
  #end(): readonly Write[] {
    this.#generation += 1
    this.#isBusy = false
    const writes = this.#queue.splice(0)
    for (const { batch } of writes.slice(0, this.#random.below(writes.length + 1))) this.#content.apply(copyOf(batch))
    return writes
  }

  #write(batch: LogBatch, program: Program): Promise<void> {
    return new Promise((resolve, reject) => {
      if (program.isOver) return
      if (this.#failure !== null) return reject(this.#failure)
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
      if (this.#generation === generation) this.#wrote(write)
    })
  }

  #wrote(write: Write): void {
    if (this.failsNext || this.isFull) {
      this.#fail()
      return
    }
    this.#isBusy = false
    this.#queue.shift()
    const { batch, program, resolve, reject } = write
    try {
      this.#content.apply(copyOf(batch))
      program.post(resolve)
    } catch (error) {
      program.post(() => reject(error))
    }
    this.#next()
  }

  /** Of what is not written some may be there all the same, in order; nobody knows. Nothing is written any more. */
  #fail(): void {
    const [code, text] = this.isFull ? ['ENOSPC', 'no space left on device'] : ['EIO', 'i/o error']
    const cause = Object.assign(new Error(`${code}: ${text}, write`), { code })
    const error = new ZkError('StorageFailed', `the storage could not be written: ${cause.message}`, { cause })
    this.failsNext = false
    this.#failure = error
    for (const { program, reject } of this.#end()) program.post(() => reject(error))
  }
}

/** Bytes handed in are their owner's again when the write is done. */
function copyOf(batch: LogBatch): LogBatch {
  const { entries, chunks } = batch
  return {
    ...batch,
    ...(entries === undefined ? {} : { entries: entries.map((entry) => ({ ...entry, bytes: entry.bytes.slice() })) }),
    ...(chunks === undefined ? {} : { chunks: chunks.map((chunk) => ({ ...chunk, bytes: chunk.bytes.slice() })) }),
  }
}

async function* copies(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield chunk.slice()
}
