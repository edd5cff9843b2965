/**
 * Runs every test file in a process of its own, a few at a time, and ends with what failed, if anything did, and one
 * line `N passed, N failed`.
 * Arguments select files whose path contains one of them. Those that search rather than try are left out unless they
 * are named: `--searches` runs them, and nothing else (`.ci/run` does both). `--long` includes test/long, which is left
 * out otherwise.
 *
 * Where the tests of the storage are run, what they run of it is measured: each of its error paths must be taken, and
 * counts as one check.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleTests } from './bundle.ts'
import { judgeStorage } from './error-paths/gate.ts'
import { failuresIn, listOf } from './failures.ts'

interface Outcome {
  readonly passed: number
  readonly failed: number
}

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
/** One more than the machines that this is run on have cores: files that wait leave theirs to others. */
const PARALLEL_FILES = 3
/** Begun first, so that none of them is left alone at the end; those that mostly wait among those that compute. */
const LONGEST: readonly string[] = [
  'test/fencing/fencing.test.ts', 'test/soak/soak.test.ts', 'test/recipes-sim/recipes.test.ts',
  'test/transports/conformance.test.ts', 'test/storage/conformance.test.ts', 'test/storage/log.test.ts',
  'test/storage/images.test.ts', 'test/storage/level.test.ts',
  'test/client/remote.test.ts', 'test/readme.test.ts', 'test/kill/kill.test.ts', 'test/peer/hostile.test.ts',
  'test/cli/serve-zoo.test.ts', 'test/model/model.test.ts', 'test/sim/sweep.test.ts', 'test/sim/scenarios.test.ts',
  'test/tidy.test.ts', 'test/kill/power.test.ts', 'test/cli/serve.test.ts', 'test/cli/ensemble.test.ts',
]
/** More processes than cores need no threads for the collector, and most code of a test runs often, but not long. */
const FLAGS = [
  '--enable-source-maps', '--always-sparkplug', '--single-threaded-gc', '--max-semi-space-size=32',
  '--semi-space-growth-factor=16',
]
const FILE_TIMEOUT_MS = 300_000
const LONG_FILE_TIMEOUT_MS = 1_800_000
/** They go through thousands of runs or states, and take a third of the time of all files. */
const SEARCHES: readonly string[] = [
  'test/model/model.test.ts', 'test/recipes-sim/recipes.test.ts', 'test/recipes-sim/mutants.test.ts',
  'test/storage/histories.test.ts', 'test/storage/misdirected.test.ts', 'test/fuzz/slices.test.ts',
  ...['beyond', 'breeder', 'brief', 'client-ways', 'cramped', 'determinism', 'graphs', 'many-watches', 'shrink',
    'swarm', 'swarm-early', 'sweep', 'tree-scan', 'wire-trips'].map((name) => `test/sim/${name}.test.ts`),
]
const isLong = (file: string): boolean => file.startsWith('test/long/')
/** They compute much, and being measured would take them up to a half longer; others take the same paths. */
const UNMEASURED: readonly string[] = [
  'test/storage/images.test.ts', 'test/storage/histories.test.ts', 'test/storage/misdirected.test.ts',
  'test/storage/conformance.test.ts', 'test/storage/sabotage.test.ts', 'test/storage/log.test.ts',
]
/** What they measure are the sources. */
const FROM_SOURCES: readonly string[] = ['test/fuzz/fuzzer.test.ts']
const isMeasured = (file: string): boolean => file.startsWith('test/storage/') && !UNMEASURED.includes(file)
const running = new Set<ChildProcess>()
/** What to tell at the end, with its file where there is one. */
const failures: string[] = []

function testFiles(args: readonly string[]): string[] {
  const wanted = args.filter((arg) => !arg.startsWith('--'))
  return readdirSync(join(ROOT, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((file) => args.includes('--long') || !isLong(file))
    .filter((file) => wanted.length === 0 ? SEARCHES.includes(file) === args.includes('--searches')
      : wanted.some((part) => file.includes(part)))
    .sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))
}

function rank(file: string): number {
  const at = LONGEST.indexOf(file)
  return at < 0 ? LONGEST.length : at
}

/** Test files start processes themselves, so the whole group goes. */
function kill(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') child.kill('SIGKILL')
  }
}

/** What failed in a file; `end`: how it ended, if no case says what was wrong. */
function tell(file: string, found: readonly string[], end: string): void {
  failures.push(...(found.length > 0 ? found : [end]).map((text) => `${file}: ${text}`))
}

/** `words`: what Node is told; `coverage`: where it and the processes that it starts leave what they have run. */
function runFile(file: string, words: readonly string[], coverage: string | null): Promise<Outcome> {
  return new Promise((resolve) => {
    const started = process.hrtime.bigint()
    const child = spawn(process.execPath, words, {
      cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
      env: coverage === null ? process.env : { ...process.env, NODE_V8_COVERAGE: coverage },
    })
    running.add(child)
    let output = ''
    let timedOut = false
    const limitMs = isLong(file) ? LONG_FILE_TIMEOUT_MS : FILE_TIMEOUT_MS
    const timer = setTimeout(() => { timedOut = true; kill(child) }, limitMs)
    const collect = (chunk: Buffer): void => { output += chunk.toString() }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      running.delete(child)
      kill(child)
      const counts = /#counts passed=(\d+) failed=(\d+)/.exec(output)
      const passed = Number(counts?.[1] ?? 0)
      let failed = Number(counts?.[2] ?? 0)
      if (code !== 0 && failed === 0) failed = 1
      if (code === 0 && !counts) failed = 1
      const elapsedMs = Number((process.hrtime.bigint() - started) / 1_000_000n)
      const word = failed === 0 ? 'ok  ' : 'FAIL'
      if (failed > 0) process.stdout.write(output.replace(/#counts.*\n?/, '').trimEnd() + '\n')
      const end = timedOut ? `took longer than ${limitMs} ms` : signal ? `ended by ${signal}`
        : counts ? null : `ended with code ${code} and without its counts`
      if (end !== null) process.stdout.write(`${file} ${end}\n`)
      if (failed > 0) tell(file, failuresIn(output), end ?? `ended with code ${code}`)
      process.stdout.write(`${word} ${file} (${passed} passed, ${failed} failed, ${elapsedMs} ms)\n`)
      resolve({ passed, failed })
    })
  })
}

/** Which error paths of the storage its tests have taken. */
function errorPaths(coverage: string): Outcome {
  const { taken, problems } = judgeStorage(coverage, ROOT)
  for (const problem of problems) process.stdout.write(`${problem}\n`)
  failures.push(...problems)
  const word = problems.length === 0 ? 'ok  ' : 'FAIL'
  process.stdout.write(`${word} error paths of the storage (${taken} taken, ${problems.length} problems)\n`)
  return { passed: taken, failed: problems.length }
}

/** Where the tests of the storage are measured; null when some of those are not run, or cannot do all that they do. */
function coverageFolder(files: readonly string[]): string | null {
  if (process.platform !== 'linux') return null
  if (!testFiles([]).filter(isMeasured).every((file) => files.includes(file))) return null
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-coverage-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  const files = testFiles(args)
  const total = { passed: 0, failed: 0 }
  const queue = files.slice()
  const coverage = coverageFolder(files)
  const bundled = await bundleTests(files)
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const measured = isMeasured(file) ? coverage : null
      const isSource = measured !== null || FROM_SOURCES.includes(file)
      const words = isSource ? ['--import', 'tsx', file] : [...FLAGS, bundled.get(file)!]
      const outcome = await runFile(file, words, measured)
      total.passed += outcome.passed
      total.failed += outcome.failed
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_FILES }, worker))
  if (coverage !== null) {
    const outcome = errorPaths(coverage)
    total.passed += outcome.passed
    total.failed += outcome.failed
  }
  if (files.length === 0) {
    failures.push('no test file matches')
    total.failed += 1
  }
  if (args.every((arg) => arg === '--long')) {
    process.stdout.write(`not run: ${SEARCHES.length} searches (npm test -- --searches)\n`)
  }
  process.stdout.write(listOf(failures))
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`)
  process.exitCode = total.failed === 0 ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const child of running) kill(child)
    process.exit(1)
  })
}

await main().catch((error: unknown) => {
  process.stdout.write(`${(error as Error).stack}\n0 passed, 1 failed\n`)
  process.exitCode = 1
})
