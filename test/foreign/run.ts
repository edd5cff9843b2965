/**
 * Proves against clients and servers that others wrote that this package speaks ZooKeeper's protocol:
 *   node --import tsx test/foreign/run.ts [SUITE...]
 * Every suite is a folder with a `run.ts`, and runs as a process of its own, one after the other; it installs what it
 * needs, tells of each case that failed on a line that begins with FAIL or NOT EQUAL, and of what was wrong on the same
 * line and indented ones under it, and ends with a line `N passed, N failed`. The last line here adds them up, after
 * what failed.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { failuresIn, listOf } from '../failures.ts'

const SUITES: readonly string[] = [
  'differential', 'client', 'kazoo', 'kazoo-own', 'node-client', 'zkcli', 'cclient', 'java', 'readonly', 'recipes',
  'histories',
]
const SUITE_TIMEOUT_MS = 240_000
/** Of what a suite that breaks off complains. */
const COMPLAINT_LINES = 15

interface Count {
  readonly passed: number
  readonly failed: number
}

/** Each with its suite. */
const failures: string[] = []

/** Runs one suite, passing on what it prints. A suite that ends without its last line has failed. */
function run(suite: string): Promise<Count> {
  return new Promise((resolve) => {
    const file = fileURLToPath(new URL(`${suite}/run.ts`, import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
      stdio: ['ignore', 'pipe', 'pipe'], timeout: SUITE_TIMEOUT_MS, killSignal: 'SIGTERM',
    })
    let count: Count | null = null
    let output = ''
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk)
      complaint += chunk.toString()
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /^(\d+) passed, (\d+) failed$/.exec(line)
      output += `${line}\n`
      if (found === null) process.stdout.write(`${suite}: ${line}\n`)
      else count = { passed: Number(found[1]), failed: Number(found[2]) }
    })
    child.once('close', (code, signal) => {
      const found = failuresIn(output)
      if (count === null || (code !== 0 && count.failed === 0)) {
        const end = `FAIL ended with ${signal ?? `code ${String(code)}`} and no result`
        process.stdout.write(`${suite}: ${end}\n`)
        const last = complaint.split('\n').filter((line) => line.trim() !== '').slice(-COMPLAINT_LINES)
        found.push([end, ...last].join('\n    '))
        resolve({ passed: count?.passed ?? 0, failed: 1 })
      } else {
        resolve(count)
      }
      failures.push(...found.map((text) => `${suite}: ${text}`))
    })
  })
}

const wanted = process.argv.slice(2)
if (wanted.includes('--help')) {
  process.stdout.write(`usage: npm run foreign -- [SUITE...]\nAll of them, or these: ${SUITES.join(', ')}\n`)
  process.exit(0)
}
const unknown = wanted.filter((suite) => !SUITES.includes(suite) || !existsSync(new URL(suite, import.meta.url)))
if (unknown.length > 0) throw new Error(`no suite ${unknown.join(', ')}; there are ${SUITES.join(', ')}`)
const total = { passed: 0, failed: 0 }
for (const suite of wanted.length > 0 ? wanted : SUITES) {
  const started = Date.now()
  const { passed, failed } = await run(suite)
  total.passed += passed
  total.failed += failed
  process.stdout.write(`${failed === 0 ? 'ok  ' : 'FAIL'} ${suite} (${passed} passed, ${failed} failed, ` +
    `${Math.round((Date.now() - started) / 1000)} s)\n`)
}
process.stdout.write(`${listOf(failures)}${total.passed} passed, ${total.failed} failed\n`)
process.exitCode = total.failed === 0 ? 0 : 1
