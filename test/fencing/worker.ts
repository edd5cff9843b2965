/** One worker: takes the lock, adds to the counter file, lets go, and so on; see protocol.ts for what it is told. */
import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, isZkError } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { acquire } from '../../lib/recipes/index.ts'
import type { Lock } from '../../lib/recipes/index.ts'
import type { Answer, Ask, Report, WorkerSettings } from './protocol.ts'

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
/** Increments in one go, at most, and what each takes between reading and writing. */
const MOST_INCREMENTS = 3
const MOST_WORK_MS = 15

type Unnumbered<T> = T extends unknown ? Omit<T, 'ask' | 'worker'> : never

const ending = new AbortController()
const waiting = new Map<number, (answer: Answer) => void>()
let asked = 0
let increments = 0

function report(line: Report): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const storage = dial(settings.socket)
await once(storage, 'connect')
createInterface({ input: storage }).on('line', (line) => {
  const answer = JSON.parse(line) as Answer
  waiting.get(answer.ask)?.(answer)
  waiting.delete(answer.ask)
})

function ask(question: Unnumbered<Ask>): Promise<Answer> {
  const number = asked += 1
  storage.write(`${JSON.stringify({ ...question, ask: number, worker: settings.name })}\n`)
  return new Promise((resolve) => waiting.set(number, resolve))
}

/** By the clock that all processes of this machine share. */
function moment(): string {
  return String(process.hrtime.bigint())
}

/** One more in the file, unless the lock is somebody else's by now. */
async function increment(lock: Lock, begun: string): Promise<boolean> {
  const token = lock.token.toString()
  const seen = await ask({ kind: 'read', token, begun })
  if (!seen.isTaken) {
    report({ kind: 'refused' })
    return false
  }
  await pause(Math.random() * MOST_WORK_MS)
  // First the clock: whatever comes between the two, it was held at that moment.
  const before = moment()
  const looked = lock.held ? before : null
  if (looked === null && settings.isCareful) {
    report({ kind: 'refrained' })
    return false
  }
  const id = `${settings.name}.${increments += 1}`
  const written = await ask({ kind: 'write', token, id, count: seen.count + 1, looked })
  report(written.isTaken ? { kind: 'acked', id, count: written.count } : { kind: 'refused' })
  return written.isTaken
}

async function turn(zk: Client): Promise<void> {
  const lock = await acquire(zk, settings.lock, { name: settings.name, signal: ending.signal })
  const begun = moment()
  try {
    const most = 1 + Math.floor(Math.random() * MOST_INCREMENTS)
    for (let n = 0; n < most && await increment(lock, begun); n++);
  } finally {
    await lock.release()
  }
}

/** One session after the other. */
async function work(): Promise<void> {
  for (let number = 1; !ending.signal.aborted; number++) {
    try {
      const zk = await connect(settings.address, { sessionTimeoutMs: settings.sessionTimeoutMs, signal: ending.signal })
      report({ kind: 'session', number })
      try {
        while (!ending.signal.aborted) await turn(zk)
      } finally {
        await zk.close()
      }
    } catch (error) {
      const isExpected = isZkError(error, 'SessionExpired') || isZkError(error, 'OperationTimeout') ||
        (isZkError(error, 'Aborted') && ending.signal.aborted)
      if (!isExpected) report({ kind: 'wrong', what: String(error) })
    }
  }
}

// The line `end`, or the end of whoever started this.
createInterface({ input: process.stdin }).on('line', () => ending.abort()).on('close', () => process.exit(1))
await work()
storage.destroy()
process.exit(0)
