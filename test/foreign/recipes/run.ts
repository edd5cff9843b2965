/**
 * Proves that the recipes work on servers that others wrote, and beside other people's recipes:
 *   node --import tsx test/foreign/recipes/run.ts [FILE...]
 * The tests of the recipes (those whose file names contain one of the words) run on Apache ZooKeeper. Then kazoo and
 * this package share locks, elections and counters, on three peers of this package and on Apache ZooKeeper.
 */
import { tellFailure } from '../../failures.ts'
import { startApache } from '../apache.ts'
import { debian, newest } from '../kazoo/install.ts'
import type { Kazoo } from '../kazoo/install.ts'
import type { Servers } from '../servers.ts'
import { startVivarium } from '../vivarium.ts'
import { runCases } from './cases.ts'
import { allMeetings } from './meeting.ts'
import { Scene } from './scene.ts'

/** Sessions of programs that are killed should not take long to end. */
const EXTRA = ['tickTime=500', 'minSessionTimeout=1000']

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const total = { passed: 0, failed: 0 }
let met = 0

/** A meeting that hangs is told from a slow one by this. */
const LIMIT_MS = 60_000

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${limitMs} ms`)), limitMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

async function meetKazoo(kazoo: Kazoo, servers: Servers): Promise<void> {
  for (const [name, run] of Object.entries(meetings)) {
    const scene = new Scene(kazoo, servers, `/meeting-${met += 1}`)
    const startedMs = performance.now()
    const end = (): string => `${kazoo.name} on ${servers.name}, ${Math.round(performance.now() - startedMs)} ms`
    try {
      await scene.begin()
      const seen = await within(LIMIT_MS, run(scene))
      if (seen === null) {
        print(`left out, as this kazoo cannot: ${name} (${kazoo.name})`)
        continue
      }
      total.passed += 1
      print(`ok   ${name}${typeof seen === 'string' ? `: ${seen}` : ''} (${end()})`)
    } catch (error) {
      total.failed += 1
      print(tellFailure(`${name} (${end()})`, error))
    } finally {
      await scene.end()
    }
  }
}

async function on(servers: Servers, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } finally {
    await servers.stop()
  }
}

const meetings = await allMeetings()
const words = process.argv.slice(2)
const kazoos = [await debian(), await newest()]
const apache = await startApache({ servers: 1, extra: EXTRA })
await on(apache, async () => {
  const { passed, failed } = await runCases(`zk://${apache.hosts[0] ?? ''}`, words)
  total.passed += passed
  total.failed += failed
  for (const kazoo of kazoos.slice(1)) await meetKazoo(kazoo, apache)
})
const peers = await startVivarium({ servers: 3, extra: EXTRA })
await on(peers, async () => {
  for (const kazoo of kazoos) await meetKazoo(kazoo, peers)
})
print(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1
