/**
 * Runs the tests that kazoo's authors wrote for it, some three hundred, against three peers:
 *   node --import tsx test/foreign/kazoo-own/run.ts [--against apache] [OPTION OF PYTEST...]
 * Several at a time, as most of them wait most of the time; `own.py` names those left out.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startApache } from '../apache.ts'
import { fromPypi, newest } from '../kazoo/install.ts'
import { startVivarium } from '../vivarium.ts'

const TESTS: readonly string[] = [
  'barrier', 'cache', 'client', 'connection', 'counter', 'election', 'lease', 'lock', 'partitioner', 'party', 'queue',
  'retry', 'watchers',
]
const PACKAGES: readonly string[] = ['pytest==8.4.2', 'pytest-xdist==3.8.0', 'pytest-timeout==2.4.0', 'objgraph==3.6.2']
const OPTIONS: readonly string[] = [
  '-p', 'own', '-p', 'no:cacheprovider', '-q', '-n', '5', '--timeout', '60', '-W', 'ignore', '--tb', 'short',
]

interface Count {
  readonly passed: number
  readonly failed: number
}

/** Passes on what the tests print; their last line counts them. */
function run(python: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Count> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
    let last = ''
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === '') return
      process.stdout.write(`${line}\n`)
      last = line
    })
    child.once('error', reject)
    child.once('close', (code) => {
      const number = (what: string): number => Number(new RegExp(`(\\d+) ${what}`).exec(last)?.[1] ?? 0)
      const count = { passed: number('passed'), failed: number('failed') + number('error') }
      if (code === 0 || count.failed > 0) resolve(count)
      else reject(new Error(`pytest ended with ${String(code)}`))
    })
  })
}

const args = process.argv.slice(2)
const at = args.indexOf('--against')
const isApache = at >= 0 && args.splice(at, 2)[1] === 'apache'
const kazoo = await newest()
const tools = await fromPypi('kazoo-own-tools', PACKAGES)
const servers = await (isApache ? startApache : startVivarium)({ servers: 3 })
try {
  const path = [fileURLToPath(new URL('.', import.meta.url)), kazoo.folder, tools].join(delimiter)
  const files = TESTS.map((name) => join('kazoo', 'tests', `test_${name}.py`))
  const env = { ...process.env, PYTHONPATH: path, HOSTS: servers.hosts.join(','), ZOOKEEPER_VERSION: '3.9' }
  const { passed, failed } = await run(
    kazoo.python, ['-B', '-m', 'pytest', ...OPTIONS, ...files, ...args], env, kazoo.folder)
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
} finally {
  await servers.stop()
}
