import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { History } from '../../lib/testing/index.ts'

/** What a checker says of a history. */
export type Verdict = 'linearizable' | 'violated' | 'undecided'

const SOURCE = fileURLToPath(new URL('porcupine/', import.meta.url))
/** Where Go is, besides the usual places for programs. */
const PLACES = ['/usr/local/go/bin/go', '/usr/lib/go/bin/go']
const LIMIT_MS = 300_000

/** The text that a program prints. Rejects when it cannot be run, or fails. */
function output(program: string, args: readonly string[], input = '', cwd = SOURCE): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local' }
    const child = spawn(program, args, { cwd, env, stdio: 'pipe', timeout: LIMIT_MS })
    let text = ''
    let complaints = ''
    child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => { complaints += chunk.toString() })
    child.stdin.on('error', reject)
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve(text)
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code ?? String(signal)}: ${complaints.trim()}`))
    })
    child.stdin.end(input)
  })
}

/** The `go` to run, with what it says of its version; null where there is none. */
export async function findGo(): Promise<{ readonly program: string, readonly version: string } | null> {
  for (const program of ['go', ...PLACES]) {
    try {
      if (program !== 'go') await access(program)
      return { program, version: (await output(program, ['env', 'GOVERSION'], '', '/')).trim() }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return null
}

/** Somebody else's checker: Porcupine, in a program of Go. */
export class Porcupine {
  readonly #program: string

  /** Builds it in the folder; the modules come from Go's proxy, of the versions and sums written down. */
  static async build(go: string, folder: string): Promise<Porcupine> {
    const program = join(folder, 'porcupine')
    await output(go, ['build', '-o', program, '.'])
    return new Porcupine(program)
  }

  private constructor(program: string) {
    this.#program = program
  }

  /** One verdict for each history, in their order. */
  async judge(histories: readonly History[], model: 'znode' | 'register' = 'znode'): Promise<readonly Verdict[]> {
    const input = histories.map((history) => `${JSON.stringify(history)}\n`).join('')
    const verdicts = (await output(this.#program, ['-model', model], input)).trim().split('\n') as Verdict[]
    if (histories.length === 0) return []
    if (verdicts.length !== histories.length) {
      throw new Error(`${verdicts.length} verdicts on ${histories.length} histories`)
    }
    return verdicts
  }

  /** The verdict on a file that `historyToJson` wrote. */
  async judgeFile(file: string, model: 'znode' | 'register' = 'znode'): Promise<Verdict> {
    return (await output(this.#program, ['-model', model, file])).trim() as Verdict
  }
}
