/**
 * Plays the cases of the client over the wire against Apache ZooKeeper, one server and three, and against three peers
 * that are processes of their own:
 *   node --import tsx test/foreign/client/run.ts [PART OF A NAME]
 * Ends with `N passed, N failed`, counting cases.
 */
import { ALL_CASES } from '../../client/all-remote-cases.ts'
import { hasTrait, Scene } from '../../client/remote-scene.ts'
import type { RemoteCase, SceneServers } from '../../client/remote-scene.ts'
import { tellFailure } from '../../failures.ts'
import { startApache } from '../apache.ts'
import type { Servers } from '../servers.ts'
import { startVivarium } from '../vivarium.ts'

const CASE_TIMEOUT_MS = 20_000
const TICK_MS = 500
/** A server grants twice its tick at least. */
const SHORT_MS = 2 * TICK_MS
const EXTRA: readonly string[] = [`tickTime=${TICK_MS}`, 'initLimit=20', 'syncLimit=10']

interface Target {
  readonly kind: SceneServers['kind']
  readonly servers: 1 | 3
  start(): Promise<Servers>
}

const JVM: readonly string[] = ['-Dzookeeper.forceSync=no']
const TARGETS: readonly Target[] = [
  { kind: 'apache', servers: 1, start: () => startApache({ servers: 1, jvm: JVM, extra: EXTRA }) },
  { kind: 'apache', servers: 3, start: () => startApache({ servers: 3, jvm: JVM, extra: EXTRA }) },
  { kind: 'vivarium', servers: 3, start: () => startVivarium({ servers: 3, extra: EXTRA }) },
]

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const wanted = process.argv[2] ?? ''

async function playCase(one: RemoteCase, servers: SceneServers, root: string): Promise<void> {
  const scene = await Scene.open(servers, root)
  try {
    await one.run(scene)
  } finally {
    await scene.close()
  }
}

/** Rejects when the case failed, or has not ended in time. */
function inTime(work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no end after ${CASE_TIMEOUT_MS} ms`)), CASE_TIMEOUT_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** How many cases passed, and how many did not. */
async function play(target: Target): Promise<readonly [passed: number, failed: number]> {
  const started = await target.start()
  const servers: SceneServers = {
    kind: target.kind, scheme: 'tcp', hosts: started.hosts, shortMs: SHORT_MS,
    ...(target.servers === 3 ? { kill: (i) => started.kill(i), restart: (i) => started.restart(i) } : {}),
  }
  let failed = 0
  const cases = ALL_CASES.filter(({ name, needs }) =>
    name.includes(wanted) && (needs === undefined || hasTrait(servers, needs)))
  try {
    for (const [index, one] of cases.entries()) {
      const startedMs = performance.now()
      try {
        await inTime(playCase(one, servers, `/case-${index}`))
        print(`ok   ${started.name} ${target.servers}: ${one.name} (${Math.round(performance.now() - startedMs)} ms)`)
      } catch (error) {
        failed += 1
        print(tellFailure(`${started.name} ${target.servers}: ${one.name}`, error))
      }
    }
  } finally {
    await started.stop()
  }
  return [cases.length - failed, failed]
}

let passed = 0
let failed = 0
process.on('unhandledRejection', (reason) => {
  failed += 1
  print(tellFailure('unhandled rejection', reason))
})
for (const target of TARGETS) {
  const [well, ill] = await play(target)
  passed += well
  failed += ill
}
print(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
