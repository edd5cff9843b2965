/**
 * Proves the recipes in virtual time, over many seeds on all cores:
 *   npm run recipes:sim -- [--only lock,election] [--seeds 200] [--from 1] [--processes 2] [--mutant NAME]
 *   npm run recipes:sim -- --only lock --seed 17
 * Ends with `N passed, N failed`, counting seeds. A failing seed prints what broke, what happened before, and how to
 * replay it.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { recipes, runScenario } from './harness.ts'
import type { ScenarioResult } from './harness.ts'
import { optionWords } from '../option-words.ts'
import { Totals } from './totals.ts'

interface Task {
  readonly recipe: string
  readonly seed: number
  readonly mutant: string | undefined
}

const PROGRESS_MS = 5_000
/** After so many failing seeds there is enough to look at. */
const FAILURES_MAX = 5

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function tell({ recipe, seed, failure, check }: ScenarioResult, mutant: string | undefined): void {
  if (failure === null) return
  print(`\nFAILED ${recipe}, seed ${seed}: ${check ?? ''}\n${failure}`)
  const option = mutant === undefined ? '' : ` --mutant ${mutant}`
  print(`replay with: npm run recipes:sim -- --only ${recipe} --seed ${seed}${option}\n`)
}

/** Hands out tasks to the processes until there are none left or too much failed. */
async function runAll(tasks: readonly Task[], processes: number, totals: Totals): Promise<void> {
  const startedMs = performance.now()
  let next = 0
  const serve = (child: ChildProcess): Promise<void> => new Promise((resolve, reject) => {
    let running: Task | undefined
    const give = (): void => {
      running = totals.failed < FAILURES_MAX ? tasks[next++] : undefined
      if (running === undefined) child.disconnect()
      else child.send(running)
    }
    child.on('message', (result: ScenarioResult) => {
      totals.add(result)
      tell(result, running?.mutant)
      give()
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`the process of ${JSON.stringify(running)} ended with ${signal ?? `code ${String(code)}`}`))
    })
    give()
  })
  const worker = fileURLToPath(new URL('./worker.ts', import.meta.url))
  const children = Array.from({ length: Math.min(processes, tasks.length) }, () => fork(worker))
  const progress = setInterval(() => print(totals.line(tasks.length, performance.now() - startedMs)), PROGRESS_MS)
  try {
    await Promise.all(children.map(serve))
  } finally {
    clearInterval(progress)
    for (const child of children) child.kill()
  }
}

const { value, number } = optionWords('npm run recipes:sim', 'The recipes in virtual time, over many seeds.', {
  only: ['NAME,NAME', `of ${recipes().join(', ')}; all when left out`],
  seeds: ['N', 'how many for each, 50'],
  from: ['N', 'the first of them, 1'],
  seed: ['N', 'this one alone'],
  processes: ['N', 'as many as there are cores when left out'],
  mutant: ['NAME', 'with this bug switched on'],
})
const only = value('only')?.split(',') ?? recipes()
const unknown = only.filter((recipe) => !recipes().includes(recipe))
if (unknown.length > 0) throw new Error(`no scenario of ${unknown.join(', ')}; there are ${recipes().join(', ')}`)
const mutant = value('mutant')
const totals = new Totals()
const seed = number('seed')
if (seed !== undefined) {
  for (const recipe of only) {
    const result = await runScenario(recipe, seed, mutant)
    totals.add(result)
    tell(result, mutant)
    print(`${recipe}: fingerprint ${result.fingerprint.toString(16)}`)
  }
} else {
  const from = number('from') ?? 1
  const seeds = number('seeds') ?? 50
  const tasks = Array.from({ length: seeds }, (_, index) => only.map((recipe): Task =>
    ({ recipe, seed: from + index, mutant }))).flat()
  await runAll(tasks, number('processes') ?? availableParallelism(), totals)
}
for (const line of totals.table()) print(line)
print(`${totals.seeds - totals.failed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed === 0 && totals.seeds > 0 ? 0 : 1
