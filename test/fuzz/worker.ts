/**
 * One process of the fuzzer: runs one target until its time or its inputs are used up, or one given input. Every input
 * is written to a file before it is run, so that one that never ends, or takes the process with it, is known.
 */
import { ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { Coverage } from './coverage.ts'
import { Fuzzer } from './fuzzer.ts'
import type { Failure } from './fuzzer.ts'
import { TARGETS } from './targets/all.ts'

/** What one process is told to do. */
export interface Job {
  readonly target: string
  readonly seed: number
  readonly inputs: number
  readonly ms: number
  /** Where the input of the moment is written. */
  readonly current: string
  /** A file with the one input to run. */
  readonly replay?: string
}

/** How far it is. */
export interface Progress {
  readonly inputs: number
  readonly ms: number
  readonly corpus: number
  readonly blocks: number
  readonly words: number
  /** Memory in use right after a collection, in the first fifth of the run and now. */
  readonly heldBytes: readonly [early: number, now: number]
}

/** What a process says. */
export type Report =
  | { readonly kind: 'progress' | 'done', readonly progress: Progress }
  | { readonly kind: 'failure', readonly failure: Omit<Failure, 'input'> & { readonly input: string } }

const REPORT_MS = 1_000
const COLLECT_MS = 10_000

function say(report: Report): void {
  process.send!(report)
}

function held(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function onFailure({ input, ...failure }: Failure): void {
  say({ kind: 'failure', failure: { ...failure, input: Buffer.from(input).toString('base64') } })
}

async function fuzz(job: Job): Promise<void> {
  const target = TARGETS.find(({ name }) => name === job.target)!
  const file = openSync(job.current, 'w')
  const onInput = (input: Uint8Array): void => {
    writeSync(file, input, 0, input.length, 0)
    ftruncateSync(file, input.length)
  }
  await target.prepare?.()
  if (job.replay !== undefined) {
    const input = new Uint8Array(readFileSync(job.replay))
    const fuzzer = new Fuzzer({ target: { ...target, seeds: () => [input] }, seed: 0, coverage: null, onInput,
      onFailure })
    await fuzzer.begin()
    await fuzzer.close()
    return
  }
  // The stack of an error costs more than all the rest; a failed input is run again with it.
  Error.stackTraceLimit = 0
  const coverage = new Coverage()
  coverage.start()
  const fuzzer = new Fuzzer({ target, seed: job.seed, coverage, onInput, onFailure })
  const startedMs = performance.now()
  await fuzzer.begin()
  let early = 0
  let now = 0
  let reportedMs = -Infinity
  let collectedMs = -Infinity
  const progress = (ms: number): Progress => ({
    inputs: fuzzer.inputs, ms, corpus: fuzzer.corpus, blocks: fuzzer.blocks, words: fuzzer.words, heldBytes: [early,
      now],
  })
  let ms = 0
  while (ms < job.ms && fuzzer.inputs < job.inputs) {
    await fuzzer.batch()
    // Who waits for nothing else would not hear that its parent is gone.
    await new Promise((resolve) => { setImmediate(resolve) })
    ms = performance.now() - startedMs
    if (ms - collectedMs > COLLECT_MS) {
      collectedMs = ms
      now = held()
      if (early === 0 || ms < job.ms / 5) early = now
    }
    if (ms - reportedMs < REPORT_MS) continue
    reportedMs = ms
    say({ kind: 'progress', progress: progress(ms) })
  }
  now = held()
  say({ kind: 'done', progress: progress(ms) })
  await fuzzer.close()
  coverage.stop()
}

process.on('disconnect', () => process.exit())
process.once('message', (job: Job) => {
  fuzz(job).then(() => process.disconnect(), (error: unknown) => {
    process.stderr.write(`${String((error as Error).stack)}\n`)
    process.exit(1)
  })
})
