/**
 * The gate of a night (correctness plan, F.10), scaled to the time there is:
 *   npm run nightly -- [--hours 8] [--only storms,sweep] [--plan]
 * One step after the other, each with both cores if it can use them; a line for each says what it came to and how it is
 * repeated. What a step prints is in a file of its own; of one that fails the end is shown. Ends with `N passed,
 * N failed`, where a step counts as it says itself, or as one. SIGINT and SIGTERM end the step under way, which says
 * what it came to, and leave out the rest.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createWriteStream, mkdtempSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { optionWords } from '../option-words.ts'
import { verdictOf } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { stepsFor } from './steps.ts'
import type { Step } from './steps.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Ended gently, a step has so long to say what it came to. */
const GRACE_MS = 20_000
const LINES_SHOWN = 40
const KEPT_CHARACTERS = 20_000

const { number, value, has, refuse } = optionWords('npm run nightly', 'Everything that a night should prove.', {
  hours: ['HOURS', 'so long about, 8'],
  only: ['STEP,STEP', 'of these steps; all when left out'],
  plan: ['', 'says what would be done, and does nothing'],
})

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

let isStopped = false
let running: ChildProcess | null = null

/** Steps start processes themselves: the whole group gets it. */
function signal(name: NodeJS.Signals): void {
  if (running?.pid === undefined) return
  try {
    process.kill(-running.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function end(): void {
  signal('SIGTERM')
  setTimeout(() => signal('SIGKILL'), GRACE_MS).unref()
}

/** Runs a step. What it printed last comes with what it came to. */
async function play(step: Step, path: string): Promise<{ verdict: Verdict, tail: string }> {
  const log = createWriteStream(path)
  const child = spawn('npm', step.words, { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  running = child
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-KEPT_CHARACTERS)
      log.write(text)
    })
  }
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    end()
  }, step.limitS * 1_000)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  clearTimeout(limit)
  running = null
  log.end()
  await finished(log)
  if (isLate) tail += `took longer than ${step.limitS} s\n`
  return { verdict: verdictOf(tail, isLate ? null : code, step.partCode), tail }
}

async function main(): Promise<void> {
  const all = stepsFor(number('hours') ?? 8)
  const only = value('only')?.split(',') ?? all.map(({ name }) => name)
  const unknown = only.filter((name) => all.every((step) => step.name !== name))
  const names = all.map(({ name }) => name).join(', ')
  if (unknown.length > 0) return refuse(`no step ${unknown.join(', ')}; there are ${names}`)
  const steps = all.filter(({ name }) => only.includes(name))
  if (has('plan')) {
    for (const { name, aboutS, words } of steps) {
      print(`${name.padEnd(12)}${`${aboutS} s`.padStart(9)}  npm ${words.join(' ')}`)
    }
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-nightly-'))
  print(`what the steps print is in ${folder}`)
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      isStopped = true
      end()
    })
  }
  let [passed, failed] = [0, 0]
  for (const step of steps) {
    if (isStopped) {
      print(`${step.name.padEnd(12)}left out`)
      continue
    }
    const startMs = performance.now()
    const { verdict, tail } = await play(step, join(folder, `${step.name}.log`))
    passed += verdict.passed
    failed += verdict.failed
    if (verdict.failed > 0) for (const line of tail.trimEnd().split('\n').slice(-LINES_SHOWN)) print(`  ${line}`)
    const seconds = `${((performance.now() - startMs) / 1_000).toFixed(0)} s`
    print(`${step.name.padEnd(12)}${`${verdict.passed}`.padStart(8)} right${`${verdict.failed}`.padStart(6)} wrong` +
      `${seconds.padStart(9)}${verdict.isPart ? '  in part' : ''}  npm ${step.words.join(' ')}`)
  }
  print(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 && passed > 0 && !isStopped ? 0 : 1
}

await main()
