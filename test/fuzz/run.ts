/**
 * Feeds altered inputs to everything that takes bytes from outside, guided by which blocks of the code they reach:
 *   npm run fuzz -- [--minutes N | --inputs N] [--target NAME] [--seed S] [--processes 2]
 *   npm run fuzz -- --target NAME --replay FILE
 * Minutes and inputs are those of all targets together. Ends with a table and `N passed, N failed`, counting targets. A
 * failure is an error that is not documented, an input that takes too long or too much memory, a process that dies, and
 * memory that grows over the run; its input is written to a file, and a command that runs it again is printed.
 */
import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TARGETS } from './targets/all.ts'
import type { Job, Progress, Report } from './worker.ts'
import { optionWords } from '../option-words.ts'

interface Options {
  readonly targets: readonly string[]
  readonly seed: number
  readonly ms: number
  readonly inputs: number
  readonly processes: number
  readonly replay: string | undefined
}

/** One input that takes so long is a hang. */
const SILENT_MS = 30_000
const PROGRESS_MS = 5_000
/** Memory may grow so much from the first fifth of a run to its end: the corpus is part of it. */
const GROWTH_BYTES = 48 * 1024 * 1024
const HEAP_MB = 700
const UNBOUNDED = Number.MAX_SAFE_INTEGER

function readOptions(): Options {
  const names = TARGETS.map(({ name }) => name)
  const { value, number } = optionWords('npm run fuzz', 'Altered inputs for all that takes bytes from outside.', {
    minutes: ['MINUTES', 'of all targets together'],
    inputs: ['N', 'of all targets together; 20,000 of each when neither is said'],
    target: ['NAME,NAME', `of ${names.join(', ')}; all when left out`],
    seed: ['N', 'of what is drawn; the time when left out'],
    processes: ['N', 'side by side, 1'],
    replay: ['FILE', 'this input alone, with --target'],
  })
  const chosen = value('target')?.split(',') ?? names
  const unknown = chosen.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`no target ${unknown.join(', ')}; there are ${names.join(', ')}`)
  const minutes = number('minutes')
  const inputs = number('inputs')
  return {
    targets: chosen, seed: number('seed') ?? Math.floor(Date.now() / 1_000), processes: number('processes') ?? 1,
    ms: minutes === undefined ? UNBOUNDED : minutes * 60_000 * (number('processes') ?? 1) / chosen.length,
    inputs: inputs === undefined ? minutes === undefined ? 20_000 : UNBOUNDED : Math.ceil(inputs / chosen.length),
    replay: value('replay'),
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** What became of one target. */
class Outcome {
  readonly target: string
  progress: Progress = { inputs: 0, ms: 0, corpus: 0, blocks: 0, words: 0, heldBytes: [0, 0] }
  readonly failures: string[] = []

  constructor(target: string) {
    this.target = target
  }

  get line(): string {
    const { inputs, ms, corpus, blocks } = this.progress
    return `${this.target} ${inputs} inputs, ${Math.round(inputs / Math.max(1, ms) * 1_000)}/s, corpus ${corpus}, ` +
      `${blocks} blocks, ${this.failures.length} failures`
  }
}

class Run {
  readonly #options: Options
  readonly #folder = mkdtempSync(join(tmpdir(), 'vivarium-fuzz-'))
  readonly outcomes: Outcome[] = []

  constructor(options: Options) {
    this.#options = options
  }

  #failed(outcome: Outcome, kind: string, text: string, input: Uint8Array): void {
    const file = join(this.#folder, `${outcome.target}-${outcome.failures.length + 1}`)
    writeFileSync(file, input)
    outcome.failures.push(kind)
    print(`\nFAILED ${outcome.target}: ${kind}\n${text}`)
    print(`replay with: npm run fuzz -- --target ${outcome.target} --replay ${file}\n`)
  }

  /** Runs one target in a process of its own. */
  #target(name: string): Promise<void> {
    const { seed, inputs, ms, replay } = this.#options
    const outcome = new Outcome(name)
    this.outcomes.push(outcome)
    const current = join(this.#folder, `${name}-now`)
    const job: Job = { target: name, seed, inputs, ms, current, ...(replay === undefined ? {} : { replay }) }
    const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
      execArgv: [...process.execArgv, '--expose-gc', `--max-old-space-size=${HEAP_MB}`],
    })
    let isHanging = false
    const hang = (): void => {
      isHanging = true
      child.kill('SIGKILL')
    }
    const startedMs = Date.now()
    // Every input is written to this file, so its time is that of the last one.
    const watch = setInterval(() => {
      const writtenMs = existsSync(current) ? statSync(current).mtimeMs : 0
      if (Date.now() - Math.max(startedMs, writtenMs) > SILENT_MS) hang()
    }, PROGRESS_MS)
    child.on('message', (report: Report) => {
      if (report.kind !== 'failure') outcome.progress = report.progress
      else this.#failed(outcome, report.failure.kind, report.failure.text, Buffer.from(report.failure.input, 'base64'))
    })
    child.send(job)
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code, signal) => {
        clearInterval(watch)
        if (isHanging) this.#failed(outcome, 'hang', `one input takes more than ${SILENT_MS} ms`, readFileSync(current))
        else if (code !== 0) {
          this.#failed(outcome, 'death', `the process ended with ${signal ?? String(code)}`, readFileSync(current))
        }
        const [early, now] = outcome.progress.heldBytes
        if (early > 0 && now - early > GROWTH_BYTES) {
          this.#failed(outcome, 'growth', `memory grew from ${early} to ${now} bytes`, new Uint8Array(0))
        }
        print(outcome.line)
        resolve()
      })
    })
  }

  async all(): Promise<void> {
    const { targets, processes } = this.#options
    const queue = targets.slice()
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) await this.#target(name)
    }
    const live = setInterval(() => {
      const running = this.outcomes.slice(-processes).map(({ line }) => line)
      const sum = this.outcomes.reduce((total, { progress }) => total + progress.inputs, 0)
      print(`${sum} inputs; ${running.join('; ')}`)
    }, PROGRESS_MS)
    try {
      await Promise.all(Array.from({ length: processes }, work))
    } finally {
      clearInterval(live)
    }
  }

  table(): string[] {
    const rows = this.outcomes.map(({ target, progress, failures }) => {
      const { inputs, ms, corpus, blocks, words, heldBytes: [early, now] } = progress
      const perSecond = Math.round(inputs / Math.max(1, ms) * 1_000)
      const cells = [inputs, (ms / 60_000).toFixed(1), perSecond, corpus, blocks, words,
        `${Math.round(early / 2 ** 20)} → ${Math.round(now / 2 ** 20)}`, failures.length]
      return [target.padEnd(16), ...cells.map((cell) => String(cell).padStart(11))].join('')
    })
    const head = ['inputs', 'minutes', 'inputs/s', 'corpus', 'blocks', 'outcomes', 'MiB', 'failures']
    const sum = this.outcomes.reduce((total, { progress }) => total + progress.inputs, 0)
    return [['target'.padEnd(16), ...head.map((cell) => cell.padStart(11))].join(''), ...rows, `${sum} inputs in all`]
  }
}

const options = readOptions()
print(`seed ${options.seed}`)
const run = new Run(options)
await run.all()
for (const line of run.table()) print(line)
const failed = run.outcomes.filter(({ failures }) => failures.length > 0).length
print(`${run.outcomes.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 && run.outcomes.length > 0 ? 0 : 1
