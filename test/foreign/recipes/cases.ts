/** The recipes' own tests, on servers that others wrote. */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What was counted. */
export interface Count {
  readonly passed: number
  readonly failed: number
}

const FOLDER = fileURLToPath(new URL('../../recipes', import.meta.url))
/** Of the command, but about recipes: they go by RECIPES_AT, too. */
const BESIDE: readonly string[] = ['../cli/pictures.test.ts']
const PARALLEL_FILES = 2
/** Of one file. */
const LIMIT_MS = 180_000

/** Runs one file; a file that ends without its counts has failed. */
function runFile(file: string, address: string): Promise<Count> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', `${FOLDER}/${file}`], {
      stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, RECIPES_AT: address },
      timeout: LIMIT_MS, killSignal: 'SIGKILL',
    })
    let output = ''
    const collect = (chunk: Buffer): void => { output += chunk.toString() }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('close', (code, signal) => {
      const counts = /#counts passed=(\d+) failed=(\d+)/.exec(output)
      const passed = Number(counts?.[1] ?? 0)
      const failed = counts === null || (code !== 0 && counts[2] === '0') ? 1 : Number(counts[2])
      if (failed > 0) process.stdout.write(`${output.replace(/#counts.*\n?/, '').trimEnd()}\n`)
      const end = signal === null ? '' : `, ended by ${signal}`
      process.stdout.write(`${failed === 0 ? 'ok  ' : 'FAIL'} ${file} (${passed} passed, ${failed} failed${end})\n`)
      resolve({ passed, failed })
    })
  })
}

/** Runs those whose name contains one of the words, all when there are none. */
export async function runCases(address: string, words: readonly string[]): Promise<Count> {
  const files = [...readdirSync(FOLDER), ...BESIDE].filter((file) => file.endsWith('.test.ts'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word))).toSorted()
  const total = { passed: 0, failed: 0 }
  const work = async (): Promise<void> => {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const { passed, failed } = await runFile(file, address)
      total.passed += passed
      total.failed += failed
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_FILES }, work))
  return total
}
