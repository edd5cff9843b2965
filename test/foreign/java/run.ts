/**
 * Runs checks with Apache ZooKeeper's Java client and with Apache Curator against three peers:
 *   node --import tsx test/foreign/java/run.ts [--against apache]
 * `--against apache` takes Apache ZooKeeper in our place, to prove the checks themselves.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startApache } from '../apache.ts'
import type { Servers } from '../servers.ts'
import { startVivarium } from '../vivarium.ts'
import { compiled, CURATOR } from './curator.ts'
import { OurServices } from './our-services.ts'

const SOURCES = fileURLToPath(new URL('.', import.meta.url))

/** Runs the program, does to the servers what it orders, and passes on what it prints. */
function run(classPath: string, servers: Servers): Promise<number> {
  const args = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'Check']
  const child = spawn('java', [...args, servers.hosts.join(',')], { stdio: ['pipe', 'pipe', 'ignore'] })
  const ours = new OurServices(servers.hosts)
  const obey = async (order: string, object: string): Promise<void> => {
    const at = servers.hosts.indexOf(object)
    if (order === 'kill') await servers.kill(at)
    else if (order === 'restart') await servers.restart(at)
    else await ours.obey(order, object)
    child.stdin.write('done\n')
  }
  createInterface({ input: child.stdout }).on('line', (line) => {
    const order = /^order: (\w+) (\S+)$/.exec(line)
    if (order === null) process.stdout.write(`${line}\n`)
    else obey(order[1] ?? '', order[2] ?? '').catch((error: unknown) => {
      process.stdout.write(`${String(error)}\n`)
      child.kill('SIGKILL')
    })
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => void ours.close().then(() => resolve(code ?? 1)))
  })
}

const isApache = process.argv.includes('apache')
const start = isApache ? startApache : startVivarium
const [servers, program] = await Promise.all([
  start({ servers: 3, extra: ['minSessionTimeout=1000', 'tickTime=500'] }),
  compiled(['Check', 'Raw', 'Recipes', 'Services'].map((name) => join(SOURCES, `${name}.java`))),
])
try {
  process.stdout.write(`the Java client ${program.version} and Curator ${CURATOR} against ${servers.name}\n`)
  process.exitCode = await run(program.classPath, servers)
} finally {
  await servers.stop()
  program.remove()
}
