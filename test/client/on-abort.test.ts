import { createEnsemble } from '../../lib/node.ts'
import { offAbort, onAbort } from '../../lib/client/on-abort.ts'
import { acquire, cacheOf, counterAt, lead, partition, schedule, standFor } from '../../lib/recipes/index.ts'
import { assert, suite } from '../harness.ts'

const test = suite('signals')

test('all are called once, in their order, but those that were taken back', () => {
  const controller = new AbortController()
  const { signal } = controller
  const called: string[] = []
  const add = (name: string): () => void => {
    const callback = (): void => void called.push(name)
    onAbort(signal, callback)
    return callback
  }
  add('a')
  const b = add('b')
  onAbort(signal, () => offAbort(signal, c))
  const c = add('c')
  add('d')
  offAbort(signal, b)
  controller.abort()
  assert.equal(called, ['a', 'd'])
  add('late')
  controller.abort()
  assert.equal(called, ['a', 'd'])
  onAbort(undefined, b)
  offAbort(undefined, b)
  offAbort(new AbortController().signal, b)
})

test('a program has one signal for its end, and Node finds nothing to warn of', async (t) => {
  const warnings: string[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', onWarning)
  t.defer(() => process.removeListener('warning', onWarning))
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect()
  t.defer(() => zk.close())
  const stop = new AbortController()
  const { signal } = stop
  const many = Array.from({ length: 20 }, (_, at) => at)
  const counter = counterAt(zk, '/n')
  await Promise.all(many.flatMap((at) => [zk.create(`/${at}`, '', { signal }), counter.add(1, { signal })]))
  const lock = await acquire(zk, '/l', { signal })
  const ended = Promise.allSettled([
    ...many.map(() => acquire(zk, '/l', { signal })), ...many.map((at) => lead(zk, '/l', () => at, { signal })),
    ...many.map(() => standFor(zk, '/l', { signal }).elected({ signal })),
  ])
  const jobs = await Promise.all(many.map((at) => schedule(zk, `/j${at}`, { everyMs: 1_000 }, () => at, { signal })))
  const watchers = many.map((at) => zk.watch(`/${at}`, { signal }))
  await Promise.all(watchers.map((watcher) => watcher.ready()))
  const cache = await cacheOf(zk, '/1')
  const changes = many.map(() => cache.changes({ signal }).next())
  const shares = await Promise.all(many.map((at) => partition(zk, `/p${at}`, [], { signal })))
  stop.abort()
  assert.ok((await ended).every(({ status }) => status === 'rejected'))
  assert.ok((await Promise.allSettled(changes)).every(({ status }) => status === 'rejected'))
  await Promise.all([...jobs, ...shares].map((job) => job.close()))
  await lock.release()
  assert.equal(warnings, [])
})

test.run()
