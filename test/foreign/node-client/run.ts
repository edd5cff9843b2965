/**
 * Runs checks with node-zookeeper-client, the client in JavaScript from npm, against three peers:
 *   node --import tsx test/foreign/node-client/run.ts [--against apache] [CHECK...]
 * `--against apache` takes Apache ZooKeeper in our place, to prove the checks themselves.
 */
import { tellFailure } from '../../failures.ts'
import { startApache } from '../apache.ts'
import { startVivarium } from '../vivarium.ts'
import { install } from './api.ts'
import { operations } from './operations.ts'
import { sessions } from './sessions.ts'
import { watches } from './watches.ts'
import { Promised, World } from './world.ts'

const CHECK_TIMEOUT_MS = 60_000

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const args = process.argv.slice(2)
const at = args.indexOf('--against')
const isApache = at >= 0 && args.splice(at, 2)[1] === 'apache'
const checks = Object.entries({ ...operations, ...watches, ...sessions })
  .filter(([name]) => args.length === 0 || args.some((word) => name.includes(word)))

const api = await install()
print(`node-zookeeper-client ${api.version}`)
const servers = await (isApache ? startApache : startVivarium)({
  servers: 3, extra: ['minSessionTimeout=1000', 'tickTime=500'],
})

async function makeFolder(path: string): Promise<void> {
  const client = new Promised(api.createClient(servers.hosts.join(',')))
  client.client.connect()
  await client.connected()
  await client.mkdirp(path)
  await client.close()
}

/** Runs one check; one that takes too long fails. */
async function run(check: (world: World) => Promise<void>, root: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS)
  })
  const work = async (): Promise<void> => {
    await makeFolder(root)
    const world = new World(api, servers, root)
    try {
      await check(world)
    } finally {
      await world.end()
    }
  }
  try {
    await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

const total = { passed: 0, failed: 0 }
try {
  for (const [i, [name, check]] of checks.entries()) {
    const started = Date.now()
    try {
      await run(check, `/node-client/${i}`)
      total.passed += 1
      print(`ok   ${name} (${Date.now() - started} ms)`)
    } catch (error) {
      total.failed += 1
      print(tellFailure(`${name} (${Date.now() - started} ms)`, error))
    }
  }
} finally {
  await servers.stop()
}
print(`${total.passed} passed, ${total.failed} failed`)
// A client that lost its servers would go on looking for them.
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)
