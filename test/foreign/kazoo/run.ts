/**
 * Runs checks with kazoo, the ZooKeeper client for Python, as Debian packages it and the newest, against three peers:
 *   node --import tsx test/foreign/kazoo/run.ts [--against apache] [--kazoo debian|newest] [CHECK...]
 * `--against apache` takes Apache ZooKeeper in our place, to prove the checks themselves.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startApache } from '../apache.ts'
import type { Servers } from '../servers.ts'
import { startVivarium } from '../vivarium.ts'
import { debian, newest } from './install.ts'
import type { Kazoo } from './install.ts'

interface Count {
  readonly passed: number
  readonly failed: number
}

const CHECK = fileURLToPath(new URL('check.py', import.meta.url))
/** Sessions of the processes that are killed should not take long to end. */
const EXTRA = ['minSessionTimeout=1000', 'tickTime=500']

const print = (text: string): void => void process.stdout.write(`${text}\n`)

async function obey(servers: Servers, order: string): Promise<void> {
  const [, verb, index] = /^@(kill|restart) (\d)$/.exec(order) ?? []
  if (verb === undefined) throw new Error(`cannot do ${order}`)
  await (verb === 'kill' ? servers.kill(Number(index)) : servers.restart(Number(index)))
}

/** Runs all checks with one version of kazoo; ends with what they counted. */
function checkWith(kazoo: Kazoo, servers: Servers, names: readonly string[]): Promise<Count> {
  return new Promise((resolve, reject) => {
    const child = spawn(kazoo.python, ['-B', CHECK, servers.hosts.join(','), ...names], {
      stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, PYTHONPATH: kazoo.folder },
    })
    let count: Count | null = null
    const take = async (line: string): Promise<void> => {
      const found = /^(\d+) passed, (\d+) failed$/.exec(line)
      if (line.startsWith('@')) {
        await obey(servers, line)
        child.stdin.write('done\n')
      } else if (found === null) {
        // What is indented belongs to the line above.
        print(line.startsWith(' ') ? line : line.replace(/^(ok {3}|FAIL |)/, `$1${kazoo.name}: `))
      } else {
        count = { passed: Number(found[1]), failed: Number(found[2]) }
      }
    }
    createInterface({ input: child.stdout }).on('line', (line) => {
      take(line).catch((error: unknown) => {
        child.kill('SIGKILL')
        reject(error instanceof Error ? error : new Error(String(error)))
      })
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (count !== null && (code === 0 || count.failed > 0)) resolve(count)
      else reject(new Error(`the checks with kazoo ended with ${String(code)} and no result`))
    })
  })
}

const args = process.argv.slice(2)
const option = (name: string): string | undefined => {
  const at = args.indexOf(name)
  return at < 0 ? undefined : args.splice(at, 2)[1]
}
const isApache = option('--against') === 'apache'
const only = option('--kazoo')
const finders = only === 'debian' ? [debian] : only === 'newest' ? [newest] : [debian, newest]
// One after the other: two installations of packages cannot run at once.
const kazoos: Kazoo[] = []
for (const find of finders) kazoos.push(await find())

/** Each version has servers of its own, as they are killed under it. */
async function checkAlone(kazoo: Kazoo): Promise<Count> {
  const servers = await (isApache ? startApache : startVivarium)({ servers: 3, extra: EXTRA })
  try {
    const started = Date.now()
    const count = await checkWith(kazoo, servers, args)
    const seconds = ((Date.now() - started) / 1_000).toFixed(1)
    print(`${kazoo.name}: ${count.passed} of ${count.passed + count.failed} in ${seconds} s`)
    return count
  } finally {
    await servers.stop()
  }
}

const counts = await Promise.all(kazoos.map(checkAlone))
const passed = counts.reduce((n, each) => n + each.passed, 0)
const failed = counts.reduce((n, each) => n + each.failed, 0)
print(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
