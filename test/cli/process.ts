import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { join } from 'node:path'
import { ROOT, build } from '../built.ts'
import type { Case } from '../harness.ts'

const main = join(ROOT, 'dist/node/lib/cli/main.js')
build()

/** What a command left behind. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A `vivarium` process under test. */
export interface Running {
  readonly child: ChildProcess
  readonly done: Promise<Outcome>
  /** Resolves when standard output contains the text; rejects when the process ends before. */
  readonly says: (text: string) => Promise<void>
}

/** Starts the command in `cwd`; it is killed with the case. */
export function start(t: Case, cwd: string, args: readonly string[], stdin: StdioOptions & string | number): Running {
  return startNode(t, cwd, [main, ...args], stdin)
}

/** Starts Node in `cwd`; it is killed with the case. */
export function startNode(
  t: Case, cwd: string, args: readonly string[], stdin: StdioOptions & string | number,
): Running {
  const stdio: StdioOptions = [stdin as 'pipe', 'pipe', 'pipe']
  const child = spawn(process.execPath, args, { cwd, stdio })
  t.defer(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  const checks = new Set<() => void>()
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    for (const check of checks) check()
  })
  child.stderr?.on('data', (chunk: Buffer) => { stderr += chunk.toString() })
  const done = new Promise<Outcome>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
  const says = (text: string): Promise<void> => new Promise((resolve, reject) => {
    const check = (): void => { if (stdout.includes(text)) resolve() }
    checks.add(check)
    check()
    void done.then(() => reject(new Error(`ended without saying ${text}: ${stdout}${stderr}`)))
  })
  return { child, done, says }
}

/** Runs the command with `input` on a pipe to its end. */
export function run(t: Case, cwd: string, args: readonly string[], input = ''): Promise<Outcome> {
  const { child, done } = start(t, cwd, args, 'pipe')
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  return done
}
