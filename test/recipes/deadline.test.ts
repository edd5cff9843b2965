import { setTimeout as pause } from 'node:timers/promises'
import { isZkError } from '../../lib/node.ts'
import { acquire, lead } from '../../lib/recipes/index.ts'
import type { Lock } from '../../lib/recipes/index.ts'
import { assert, suite } from '../harness.ts'
import { timedPlace } from './timed.ts'
import type { Timed } from './timed.ts'

const test = suite('deadlines')

/** Everything that was under way is done when the loop has turned so often. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function held(at: { connect(): Promise<Timed> }, path: string): Promise<Timed & { readonly lock: Lock }> {
  const { zk, clock } = await at.connect()
  const lock = await acquire(zk, path)
  assert.ok(lock.held && lock.leftMs > 0)
  return { zk, clock, lock }
}

/** Rejects with the signal's reason, as `fetch` does. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** Gives what a write is refused with; null when it was not. */
async function refusal(write: Promise<unknown>): Promise<unknown> {
  return write.then(() => null, (error: unknown) => error)
}

test('a program that stood still finds its lock lost at its first look, and its writes refused', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock, lock } = await held(at, '/stall')
  await zk.create('/stall-data', 'before')
  const write = lock.guard.set('/stall-data', 'in time')
  await write
  clock.stall(zk.session?.timeoutMs ?? 0)
  assert.equal([lock.held, lock.leftMs, lock.signal.aborted], [false, 0, true])
  assert.ok(isZkError(lock.signal.reason, 'LockLost'))
  assert.ok(isZkError(await refusal(lock.guard.set('/stall-data', 'late')), 'LockLost'))
  assert.is((await zk.get('/stall-data')).text(), 'in time')
})

test('a machine that slept finds its lock lost although the monotonic clock stood still', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock, lock } = await held(at, '/sleep')
  const before = clock.now()
  clock.sleep(zk.session?.timeoutMs ?? 0)
  assert.is(clock.now(), before)
  assert.equal([lock.held, lock.leftMs], [false, 0])
})

test('proofs keep it for as long as they are answered', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock, lock } = await held(at, '/long')
  const timeoutMs = zk.session?.timeoutMs ?? 0
  for (let passedMs = 0; passedMs < 10 * timeoutMs; passedMs += 500) {
    clock.pass(500)
    await settle()
    assert.ok(lock.held, `lost after ${passedMs} ms`)
    assert.ok(lock.leftMs > timeoutMs / 3 && lock.leftMs < timeoutMs)
    assert.is(lock.deadline, clock.wall() + lock.leftMs)
  }
})

test('the deadline counts from the moment at which a proof was sent, not from its answer', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock, lock } = await held(at, '/sent')
  const timeoutMs = zk.session?.timeoutMs ?? 0
  await zk.create('/sent-data')
  const write = lock.guard.set('/sent-data', 'x')
  // So much passes before the answer, on the wall alone: no timer fires that would send another proof.
  clock.sleep(timeoutMs * 0.6)
  await write
  assert.ok(lock.held && lock.leftMs < timeoutMs * 0.4, `${lock.leftMs} ms are left`)
  await lock.guard.set('/sent-data', 'y')
  assert.ok(lock.leftMs > timeoutMs * 0.6, `${lock.leftMs} ms are left`)
})

test('the signal comes before the timeout is over, by a margin', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock, lock } = await held(at, '/margin')
  const timeoutMs = zk.session?.timeoutMs ?? 0
  const atMs = clock.now()
  let lostMs = Infinity
  lock.signal.addEventListener('abort', () => {
    lostMs = clock.now() - atMs
  }, { once: true })
  // Nothing is answered: the loop does not turn.
  clock.pass(timeoutMs)
  assert.ok(lostMs < timeoutMs - 50, `lost after ${lostMs} ms of ${timeoutMs}`)
  assert.ok(lostMs > timeoutMs / 2)
})

test('a term ends in time, and the work is told', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  let told = false
  const led = lead(zk, '/term', async (term) => {
    clock.sleep(zk.session?.timeoutMs ?? 0)
    assert.is(term.held, false)
    told = term.signal.aborted
    return refusal(term.guard.create('/term-data'))
  })
  assert.ok(isZkError(await led, 'LockLost'))
  assert.ok(told)
  assert.is(await zk.exists('/term-data'), null)
})

test('work that is ended by the signal of its term may lead again', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  const timeoutMs = zk.session?.timeoutMs ?? 0
  let terms = 0
  const led = await lead(zk, '/again', async (term) => {
    terms += 1
    if (terms > 2) throw new RangeError('enough')
    const waiting = terms === 1 ? pause(60_000, undefined, { signal: term.signal }) : untilAborted(term.signal)
    clock.sleep(timeoutMs)
    assert.is(term.held, false)
    await waiting
  }, { requeue: true }).then(() => null, (error: unknown) => error)
  assert.instance(led, RangeError)
  assert.is(terms, 3)
})

test('what is lost stays lost, and is let go of', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock, lock } = await held(at, '/lost')
  clock.sleep(zk.session?.timeoutMs ?? 0)
  assert.is(lock.held, false)
  clock.sleep(-(zk.session?.timeoutMs ?? 0))
  await settle()
  assert.is(lock.held, false)
  await lock.release()
  assert.equal(await zk.children('/lost'), [])
})

test.run()
