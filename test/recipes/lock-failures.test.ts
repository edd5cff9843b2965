/** Locks and leases while connections break and programs stand still. */
import { createEnsemble } from '../../lib/node.ts'
import {
  acquire, acquireAll, acquireLease, contenders, partition, queueAt, standFor, tryAcquire, watchLeader,
} from '../../lib/recipes/index.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'
import type { LosingPlace } from './losing.ts'
import { place } from './place.ts'
import { timedPlace } from './timed.ts'

const test = suite('locks and failures')

const isSequential = (request: Request): boolean => request.op === 15
const isGet = (request: Request): boolean => request.op === 4

/** Lets the next such request fail, and there is no connection until the returned function is called. */
function cutAt({ losing, zk }: LosingPlace, isIt: (request: Request) => boolean): {
  readonly isAway: Promise<void>, back(): void,
} {
  let back: () => void = () => undefined
  losing.lose('write', () => new Promise<void>((resolve) => {
    back = resolve
  }), isIt)
  const isAway = new Promise<void>((resolve) => {
    const off = zk.on('state', ({ state }) => {
      if (state !== 'suspended') return
      off()
      resolve()
    })
  })
  return { isAway, back: () => back() }
}

test('a creation whose answer or request was lost stands in line once', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  for (const loss of ['answer', 'write'] as const) {
    losing.lose(loss, undefined, isSequential)
    const lock = await acquire(zk, '/lost')
    await other.sync()
    assert.equal((await contenders(other, '/lost')).map(({ path }) => path), [lock.path])
    await lock.release()
    losing.lose(loss, undefined, isSequential)
    const lease = await acquireLease(zk, '/leases', { leases: 1 })
    await other.sync()
    assert.equal([await other.children('/leases/locks'), (await other.children('/leases/leases')).length], [[], 1])
    await lease.release()
  }
  assert.is(losing.losses, 4)
})

test('a connection that breaks as the name of the tree is asked for ends no candidacy', async (t) => {
  const { losing, zk } = await losingPlace(t)
  losing.lose('answer', undefined, isGet)
  const election = standFor(zk, '/election')
  const term = await election.elected()
  assert.ok(term.held && term.token.ensemble !== '')
  assert.is(losing.losses, 1)
  await election.close()
})

test('a client that takes no more calls for the moment is asked again', async (t) => {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect({ pendingCalls: 1 })
  t.defer(() => zk.close())
  const busy = zk.create('/busy')
  const lock = await acquire(zk, '/lock')
  await busy
  assert.ok(lock.held)
  await lock.release()
})

test('whoever gives up need not wait for a connection', async (t) => {
  const place = await losingPlace(t)
  const { zk, other } = place
  const attempts = [
    (signal: AbortSignal) => acquire(zk, '/l', { signal }), (signal: AbortSignal) => tryAcquire(zk, '/l', { signal }),
    (signal: AbortSignal) => acquireLease(zk, '/s', { signal, leases: 1 }),
    (signal: AbortSignal) => acquireAll(zk, ['/a', '/b'], { signal }),
  ]
  for (const attempt of attempts) {
    const cut = cutAt(place, isSequential)
    const abort = new AbortController()
    const waiting = rejects(attempt(abort.signal), 'Aborted')
    await cut.isAway
    abort.abort()
    await waiting
    cut.back()
    await zk.sync()
    for (const path of ['/l', '/s/locks', '/a', '/b']) assert.equal(await contenders(other, path), [])
  }
})

test('whoever gives up as he reads the line again need not wait for a connection either', async (t) => {
  const lossy = await losingPlace(t)
  const { zk, other } = lossy
  const held = await acquire(other, '/lock')
  const abort = new AbortController()
  const waiting = rejects(acquire(zk, '/lock', { signal: abort.signal }), 'Aborted')
  while ((await contenders(other, '/lock')).length < 2) await other.sync()
  const cut = cutAt(lossy, ({ op }) => op === 8)
  await held.release()
  await cut.isAway
  abort.abort()
  await waiting
  await rejects(watchLeader(zk, '/lock', { signal: AbortSignal.timeout(20) }), 'Aborted')
  await rejects(queueAt(zk, '/jobs').take({ waitMs: 0, signal: AbortSignal.timeout(20) }), 'Aborted')
  assert.is(zk.state, 'suspended')
  cut.back()
  while ((await contenders(other, '/lock')).length > 0) await other.sync()
})

test('one who waits for a lease stands still, and gets it all the same', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  const other = await at.ensemble.connect()
  t.defer(() => other.close())
  const held = await acquireLease(other, '/sem', { leases: 1 })
  const waiting = acquireLease(zk, '/sem', { leases: 1 })
  while ((await other.children('/sem/leases')).length < 2) await other.sync()
  // As far as this program can know, its place in line may be gone; its session goes on.
  clock.sleep(zk.session?.timeoutMs ?? 0)
  clock.pass(1_000)
  await held.release()
  const lease = await waiting
  assert.ok(lease.held)
  await lease.release()
})

test('whoever closes his session holds nothing from that moment on', async (t) => {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect()
  const lock = await acquire(zk, '/l')
  const closing = zk.close()
  assert.equal([lock.held, lock.leftMs, lock.signal.aborted], [false, 0, true])
  await rejects(lock.guard.create('/late'), 'LockLost')
  await closing
})

test('letting go ends without a quorum, too', async (t) => {
  const ensemble = await createEnsemble({ size: 3, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect({ peer: 1, sessionTimeoutMs: 500 })
  t.defer(() => zk.close())
  const lock = await acquire(zk, '/l')
  const election = standFor(zk, '/e')
  await election.elected()
  const shared = await partition(zk, '/p', ['a', 'b'])
  await shared.settled()
  await Promise.all([ensemble.stopPeer(2), ensemble.stopPeer(3)])
  await Promise.all([lock.release(), election.close(), shared.close()])
  assert.not.equal(zk.state, 'connected')
}, { timeoutMs: 30_000 })

test('whoever gives up waiting leaves no watch behind', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const lock = await acquire(other, '/lock')
  await zk.sync()
  for (let time = 0; time < 3; time++) await rejects(acquire(zk, '/lock', { waitMs: 10 }), 'OperationTimeout')
  await rejects(zk.removeWatches(lock.path), 'NoWatcher')
  await lock.release()
})

test.run()
