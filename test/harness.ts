/**
 * The only file that imports uvu. Its hooks swallow failures, it has no timeouts, and it can pass without having run,
 * so this wrapper offers no hooks, limits every case, and fails the process unless every registered case was executed.
 *
 *   const test = suite('tree')
 *   test('creates', async (t) => { t.defer(() => peer.close()); ... }, { timeoutMs: 20_000 })
 *   test.run()
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as uvu from 'uvu'

export * as assert from 'uvu/assert'

/** What a case receives. */
export interface Case {
  /** `suite > case`, for messages. */
  readonly name: string
  /** Aborted when the case runs out of time. */
  readonly signal: AbortSignal
  /** Registers tear-down. It runs in reverse order after the body, whatever happened; its failures fail the case. */
  defer(teardown: () => unknown): void
  /** A fresh folder, removed after the case. */
  tempFolder(): string
}

/** The body of a case. */
export type Body = (t: Case) => void | Promise<void>

/** Limits of one case. `timeoutMs` covers the body alone; every tear-down step has 10 s of its own. */
export interface CaseOptions {
  readonly timeoutMs?: number
}

/** Registers cases; `run` must be called once, after the last of them. */
export interface Suite {
  (name: string, body: Body, options?: CaseOptions): void
  run(): void
}

const DEFAULT_TIMEOUT_MS = 10_000
const TEARDOWN_TIMEOUT_MS = 10_000
/** How long open handles may keep the process alive after the last case before they count as a leak. */
const LINGER_MS = 3_000

const tally = { registered: 0, executed: 0, passed: 0, faults: [] as string[] }

/** Uvu breaks on what is not an Error, and prints long messages twice: only the frames stay in the stack. */
function asError(thrown: unknown): Error {
  const error = thrown instanceof Error ? thrown : new Error(`thrown value is not an Error: ${String(thrown)}`)
  const lines = (error.stack ?? '').split('\n')
  const frames = lines.filter((line) => /^\s+at /.test(line) && !/node_modules.uvu|test.harness/.test(line))
  const cause = error.cause instanceof Error ? `\n    caused by ${error.cause.stack ?? error.cause.message}` : ''
  error.stack = [`${error.name}: ${error.message.split('\n')[0] ?? ''}`, ...frames].join('\n') + cause
  return error
}

async function within(limitMs: number, what: string, work: () => unknown, onTimeout: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onTimeout()
      reject(new Error(`${what} took longer than ${limitMs} ms`))
    }, limitMs)
  })
  try {
    await Promise.race([Promise.resolve().then(work), expired])
  } finally {
    clearTimeout(timer)
  }
}

async function runCase(name: string, body: Body, timeoutMs: number): Promise<void> {
  const teardowns: (() => unknown)[] = []
  const controller = new AbortController()
  const defer = (teardown: () => unknown): void => void teardowns.push(teardown)
  const tempFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'))
    defer(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }
  const failures: Error[] = []
  const attempt = async (limitMs: number, what: string, work: () => unknown): Promise<void> => {
    try {
      await within(limitMs, what, work, () => controller.abort())
    } catch (thrown) {
      failures.push(asError(thrown))
    }
  }
  await attempt(timeoutMs, 'case', () => body({ name, signal: controller.signal, defer, tempFolder }))
  for (let teardown = teardowns.pop(); teardown; teardown = teardowns.pop()) {
    await attempt(TEARDOWN_TIMEOUT_MS, 'tear-down', teardown)
  }
  tally.executed += 1
  for (const { message, stack } of failures.slice(1)) process.stdout.write(`\nalso, in ${name}: ${stack ?? message}\n`)
  if (failures[0]) throw failures[0]
  tally.passed += 1
}

/** Opens a suite; a file may have several. */
export function suite(name: string): Suite {
  const inner = uvu.suite(name)
  const register = (title: string, body: Body, options: CaseOptions = {}): void => {
    tally.registered += 1
    inner(title, async () => {
      try {
        await runCase(`${name} > ${title}`, body, options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
      } finally {
        if (tally.executed === tally.registered) setTimeout(reportLeak, LINGER_MS).unref()
      }
    })
  }
  return Object.assign(register, { run: () => inner.run() })
}

/** Runs the promise and returns its rejection, checking `code` when given. Fails when it does not reject. */
export async function rejects(promise: Promise<unknown>, code?: string): Promise<Error & { code?: string }> {
  let rejection: (Error & { code?: string }) | undefined
  await promise.catch((thrown: unknown) => { rejection = asError(thrown) })
  if (!rejection) throw new Error(`expected a rejection${code === undefined ? '' : ` with code ${code}`}`)
  if (code !== undefined && rejection.code !== code) {
    throw new Error(`expected code ${code}, got ${String(rejection.code)}`, { cause: rejection })
  }
  return rejection
}

function reportLeak(): void {
  tally.faults.push(`still open after the last case: ${process.getActiveResourcesInfo().join(', ')}`)
  process.exit(1)
}

process.on('unhandledRejection', (reason) => {
  tally.faults.push(`unhandled rejection: ${asError(reason).stack ?? String(reason)}`)
})

process.on('uncaughtExceptionMonitor', (error) => tally.faults.push(`uncaught: ${error.message}`))

process.on('exit', () => {
  if (tally.registered === 0) tally.faults.push('no case was registered')
  if (tally.executed !== tally.registered) {
    tally.faults.push(`only ${tally.executed} of ${tally.registered} registered cases were executed`)
  }
  for (const fault of tally.faults) process.stdout.write(`FAULT ${fault}\n`)
  const failed = tally.executed - tally.passed + tally.faults.length
  // test/run.ts reads this line.
  process.stdout.write(`#counts passed=${tally.passed} failed=${failed}\n`)
  if (failed > 0) process.exitCode = 1
})
