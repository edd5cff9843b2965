import { Hold, acquire, acquireAll, acquireLease, acquireRead, acquireWrite, contenders, requestRelease, tryAcquire }
  from '../../lib/recipes/index.ts'
import { isZkError } from '../../lib/node.ts'
import type { ZkError } from '../../lib/node.ts'
import { assert, rejects, suite } from '../harness.ts'
import { place } from './place.ts'
import { timedPlace } from './timed.ts'

const test = suite('locks')

/** Resolves when so many stand in line. */
async function inLine(zk: Parameters<typeof contenders>[0], path: string, count: number): Promise<void> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      zk.children(path, { watch: () => resolve() }).catch(() => resolve())
    })
    if ((await contenders(zk, path)).length >= count) return
    await changed
  }
}

test('one after the other, in the order in which they came', async (t) => {
  const at = await place(t)
  const clients = [await at.connect(), await at.connect(), await at.connect()] as const
  const order: number[] = []
  const first = await acquire(clients[0], '/locks/report', { name: 'first' })
  const later = clients.slice(1).map(async (zk, index) => {
    await inLine(clients[0], '/locks/report', index + 1)
    const lock = await acquire(zk, '/locks/report', { name: `later ${index}` })
    order.push(index)
    await lock.release()
  })
  await inLine(clients[0], '/locks/report', 3)
  const line = await contenders(clients[1], '/locks/report')
  assert.equal(line.map(({ name, holds }) => [name, holds]), [['first', true], ['later 0', false], ['later 1', false]])
  assert.is(line[0]?.session, clients[0].session?.id)
  assert.equal([first.held, order], [true, []])
  await first.release()
  assert.is(first.held, false)
  await Promise.all(later)
  assert.equal(order, [0, 1])
  assert.equal(await contenders(clients[1], '/locks/report'), [])
})

test('tokens rise, and name the tree', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const tokens = []
  for (const zk of [a, b, a, b]) {
    const lock = await acquire(zk, '/locks/token')
    tokens.push(lock.token)
    await lock.release()
  }
  for (const [index, token] of tokens.slice(1).entries()) {
    assert.ok(token.isNewerThan(tokens[index]!) && token > tokens[index]!)
    assert.ok(token.toString() > tokens[index]!.toString())
    assert.is(token.ensemble, tokens[0]?.ensemble)
  }
  assert.match(tokens[0]!.ensemble, /^[0-9a-f]{32}$/)
})

test('a session that ends hands its lock on', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const lock = await acquire(a, '/locks/dies')
  assert.ok(lock.held)
  const next = acquire(b, '/locks/dies')
  await inLine(a, '/locks/dies', 2)
  const told = new Promise((resolve) => lock.signal.addEventListener('abort', resolve, { once: true }))
  await a.close()
  await told
  assert.equal([lock.held, lock.leftMs, isZkError(lock.signal.reason, 'LockLost')], [false, 0, true])
  const other = await next
  assert.ok(other.held && other.token.isNewerThan(lock.token))
  await other.release()
})

test('whoever waits can give up, and leaves nothing', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const lock = await acquire(a, '/locks/wait')
  const abort = new AbortController()
  const waiting = acquire(b, '/locks/wait', { signal: abort.signal })
  await inLine(a, '/locks/wait', 2)
  abort.abort(new Error('no time'))
  const error = await waiting.then(() => null, (reason: Error) => reason)
  assert.ok(isZkError(error, 'Aborted') && (error.cause as Error).message === 'no time')
  await rejects(acquire(b, '/locks/wait', { waitMs: 20 }), 'OperationTimeout')
  await rejects(acquire(b, '/locks/wait', { waitMs: 0 }), 'OperationTimeout')
  await rejects(acquire(b, '/locks/wait', { signal: AbortSignal.abort() }), 'Aborted')
  assert.is(await tryAcquire(b, '/locks/wait'), null)
  await b.sync()
  assert.is((await contenders(b, '/locks/wait')).length, 1)
  await lock.release()
  const mine = await tryAcquire(b, '/locks/wait')
  assert.ok(mine?.held)
  await mine?.release()
})

test('whoever waits for as long as numbers go does so', async (t) => {
  const warnings: string[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', onWarning)
  t.defer(() => process.removeListener('warning', onWarning))
  const at = await place(t)
  const [holder, zk] = [await at.connect(), await at.connect()]
  const held = await acquire(holder, '/lock')
  const waiting = acquire(zk, '/lock', { waitMs: Number.MAX_SAFE_INTEGER })
  const passed = new Promise<null>((resolve) => { zk.clock.setTimer(20, () => resolve(null)) })
  assert.is(await Promise.race([waiting, passed]), null)
  await held.release()
  assert.ok((await waiting).held)
  assert.equal(warnings, [])
})

test('guarded writes happen while the lock is held, and never later', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const lock = await acquire(a, '/locks/guard')
  assert.is(await lock.guard.create('/file', 'one'), '/file')
  assert.is((await lock.guard.set('/file', 'two', { version: 0 })).version, 1)
  const [made, stat] = await lock.guard.multi().create('/more', 'x').set('/file', 'three').commit()
  assert.equal([made, stat.version], ['/more', 2])
  const refused = await lock.guard.multi().set('/file', 'four').create('/more').commit()
    .then(() => null, (reason: Error) => reason)
  assert.ok(isZkError(refused, 'NodeExists'))
  assert.equal(refused.results?.length, 2)
  await lock.guard.delete('/more')
  assert.is((await a.get('/file')).text(), 'three')
  // Somebody takes the lock away behind the holder's back.
  await b.delete(lock.path)
  await rejects(lock.guard.set('/file', 'late'), 'LockLost')
  assert.is(lock.held, false)
  await rejects(lock.guard.create('/late'), 'LockLost')
  assert.equal([(await b.get('/file')).text(), await b.exists('/late')], ['three', null])
  await lock.release()
})

test('a node that is taken away is noticed by itself', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const lock = await acquire(a, '/locks/taken')
  const lost = new Promise((resolve) => lock.signal.addEventListener('abort', resolve, { once: true }))
  await b.delete(lock.path)
  await lost
  assert.is(lock.held, false)
})

test('one who waits and is thrown out of the line comes again', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const lock = await acquire(a, '/locks/thrown')
  const waiting = acquire(b, '/locks/thrown')
  await inLine(a, '/locks/thrown', 2)
  const second = (await contenders(a, '/locks/thrown'))[1]
  await a.delete(second?.path ?? '')
  await lock.release()
  const again = await waiting
  assert.ok(again.held && again.path !== second?.path)
  await again.release()
})

test('a holder can be asked to let go', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const lock = await acquire(a, '/locks/asked', { name: 'a' })
  const asked = new Promise((resolve) => lock.revoked.addEventListener('abort', resolve, { once: true }))
  assert.is(await requestRelease(b, '/locks/asked'), 1)
  await asked
  assert.ok(lock.held)
  assert.equal((await contenders(b, '/locks/asked')).map(({ revoked }) => revoked), [true])
  await lock.release()
  assert.is(await requestRelease(b, '/locks/asked'), 0)
})

test('readers share, writers do not', async (t) => {
  const at = await place(t)
  const [a, b, c] = [await at.connect(), await at.connect(), await at.connect()]
  const readers = [await acquireRead(a, '/locks/rw'), await acquireRead(b, '/locks/rw')]
  assert.ok(readers.every(({ held }) => held))
  let isWriting = false
  const writer = acquireWrite(c, '/locks/rw').then((lock) => {
    isWriting = true
    return lock
  })
  await inLine(a, '/locks/rw', 3)
  await rejects(acquireRead(a, '/locks/rw', { waitMs: 0 }), 'OperationTimeout')
  await readers[0]?.release()
  await a.sync()
  assert.is(isWriting, false)
  await readers[1]?.release()
  const lock = await writer
  await rejects(acquireRead(a, '/locks/rw', { waitMs: 0 }), 'OperationTimeout')
  await lock.release()
})

test('so many leases and no more', async (t) => {
  const at = await place(t)
  const [a, b, c] = [await at.connect(), await at.connect(), await at.connect()]
  const leases = [await acquireLease(a, '/sem', { leases: 2 }), await acquireLease(b, '/sem', { leases: 2 })]
  await rejects(acquireLease(c, '/sem', { leases: 2, waitMs: 0 }), 'OperationTimeout')
  await rejects(acquireLease(c, '/sem', { leases: 2, waitMs: 30 }), 'OperationTimeout')
  const third = acquireLease(c, '/sem', { leases: 2 })
  await inLine(a, '/sem/locks', 1)
  await leases[0]?.release()
  const lease = await third
  assert.ok(lease.held && leases[1]?.held)
  await Promise.all([lease, ...leases].map((one) => one.release()))
  assert.equal(await a.children('/sem/leases'), [])
})

test('several locks together, whatever order they are named in', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  let held = 0
  await Promise.all([['/x/1', '/x/2', '/x/3'], ['/x/3', '/x/1'], ['/x/2', '/x/1', '/x/3']].map(async (paths, index) => {
    const set = await acquireAll(index === 0 ? a : b, paths)
    held += 1
    assert.ok(set.held && held === 1 && set.locks.length === paths.length)
    held -= 1
    await set.release()
    assert.ok(set.signal.aborted)
  }))
  const one = await acquire(a, '/x/2')
  await rejects(acquireAll(b, ['/x/1', '/x/2'], { waitMs: 20 }), 'OperationTimeout')
  await rejects(acquireAll(b, ['/x/1', '/x/2'], { waitMs: 0 }), 'OperationTimeout')
  assert.equal(await contenders(a, '/x/1'), [])
  const abort = new AbortController()
  const waiting = acquireAll(b, ['/x/1', '/x/2'], { signal: abort.signal })
  await inLine(a, '/x/2', 2)
  abort.abort()
  await rejects(waiting, 'Aborted')
  await b.sync()
  assert.equal([await contenders(b, '/x/1'), (await contenders(b, '/x/2')).length], [[], 1])
  await one.release()
})

test('the guard of several locks writes while all of them are held', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const set = await acquireAll(a, ['/y/2', '/y/1'])
  assert.equal(set.locks.map(({ path }) => path.slice(0, 4)), ['/y/2', '/y/1'])
  assert.is(await set.guard.create('/file', 'both'), '/file')
  const [stat] = await set.guard.multi().set('/file', 'again').commit()
  assert.is(stat.version, 1)
  const refused = await set.guard.multi().check('/file').create('/file').commit()
    .then(() => null, (reason: Error) => reason)
  assert.ok(isZkError(refused, 'NodeExists'))
  assert.equal([refused.results?.length, refused.path], [2, '/file'])
  await b.delete(set.locks[0]!.path)
  const late = await rejects(set.guard.set('/file', 'late'), 'LockLost')
  assert.is((late as ZkError).path, set.locks[0]!.path)
  assert.equal([set.held, set.leftMs, set.signal.aborted, set.locks[1]!.held], [false, 0, true, true])
  await set.release()
  assert.is((await b.get('/file')).text(), 'again')
})

test('time to wait is for several locks together', async (t) => {
  const at = await timedPlace(t)
  const [mine, other] = [await at.connect(), await at.ensemble.connect()]
  t.defer(() => other.close())
  const [one, two] = [await acquire(other, '/z/1'), await acquire(other, '/z/2')]
  const waiting = acquireAll(mine.zk, ['/z/1', '/z/2'], { waitMs: 1_000 }).then(() => null, (reason: Error) => reason)
  await inLine(other, '/z/1', 2)
  mine.clock.pass(600)
  await one.release()
  await inLine(other, '/z/2', 2)
  mine.clock.pass(600)
  assert.ok(isZkError(await waiting, 'OperationTimeout'))
  assert.ok(two.held)
})

test('names are as Curator has them, where it is to contend', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const options = { layout: 'curator' } as const
  const lock = await acquire(a, '/curator', options)
  assert.match(lock.path, /^\/curator\/[0-9a-f]{32}-lock-\d{10}$/)
  // Ours see each other, whatever their names.
  assert.is(await tryAcquire(b, '/curator'), null)
  await lock.release()
  const [reader, writer] = [await acquireRead(a, '/curator-rw', options), acquireWrite(b, '/curator-rw', options)]
  await inLine(a, '/curator-rw', 2)
  const [first, second] = await contenders(a, '/curator-rw')
  assert.match(first?.path ?? '', /-__READ__\d{10}$/)
  assert.match(second?.path ?? '', /-__WRIT__\d{10}$/)
  assert.equal([first?.holds, first?.reads, second?.holds, second?.reads], [true, true, false, false])
  await reader.release()
  await (await writer).release()
  const lease = await acquireLease(a, '/curator-sem', { leases: 1 })
  const waiting = acquireLease(b, '/curator-sem', { leases: 1 })
  await inLine(a, '/curator-sem/locks', 1)
  assert.match((await contenders(a, '/curator-sem/locks'))[0]?.path ?? '', /-lock-\d{10}$/)
  await lease.release()
  await (await waiting).release()
  const latch = await acquire(a, '/curator-latch', { layout: 'curator-latch' })
  assert.match(latch.path, /^\/curator-latch\/[0-9a-f]{32}-latch-\d{10}$/)
  assert.is(await tryAcquire(b, '/curator-latch', { layout: 'curator-latch' }), null)
  assert.is(await tryAcquire(b, '/curator-latch'), null)
  await latch.release()
})

test('what is no lock is refused', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  await rejects(acquire(zk, 'relative'), 'BadArguments')
  const wrong = [{ waitMs: -1 }, { waitMs: Number.NaN }, { name: 1 }, { unknown: true }, { signal: 'x' }]
  for (const options of [...wrong, { layout: 'etcd' }]) {
    const error = await acquire(zk, '/l', options as never).then(() => null, (reason: Error) => reason)
    assert.instance(error, TypeError)
  }
  for (const take of [acquireRead, acquireWrite]) {
    const error = await take(zk, '/l', { layout: 'curator-latch' }).then(() => null, (reason: Error) => reason)
    assert.instance(error, TypeError)
  }
  for (const leases of [0, 1.5, '2', undefined]) {
    const error = await acquireLease(zk, '/s', { leases } as never).then(() => null, (reason: Error) => reason)
    assert.instance(error, TypeError)
  }
  assert.instance(await acquireAll(zk, []).then(() => null, (reason: Error) => reason), TypeError)
  assert.instance(await acquire(zk, '/l'), Hold)
})

test.run()
