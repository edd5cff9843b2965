/** Configuration while connections, peers and sessions go. */
import { createEnsemble } from '../../lib/node.ts'
import type { ZkError } from '../../lib/node.ts'
import { config } from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'

const test = suite('config and failures')

interface Settings {
  readonly n?: number
}

/** What both kinds of live objects have. */
interface Staling {
  readonly isStale: boolean
  on(event: 'stale', listener: (isStale: boolean) => void): () => void
}

function stale(live: Staling, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (live.isStale === wanted) return resolve()
    const off = live.on('stale', (isStale) => {
      if (isStale !== wanted) return
      off()
      resolve()
    })
  })
}

test('a lost answer: the publish happened once, also when a rival publishes meanwhile', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const live = await config<Settings & { readonly by?: string }>(zk, '/c')
  t.defer(() => live.close())
  const rival = await config<Settings & { readonly by?: string }>(other, '/c')
  t.defer(() => rival.close())
  losing.lose('answer')
  assert.is(await live.publish({ n: 1 }), 0)
  losing.lose('answer', () => rival.publish({ by: 'rival' }))
  assert.is(await live.publish({ n: 2 }), 1)
  assert.equal((await other.get('/c')).json(), { n: 2, by: 'rival' })
  // The rival makes the same version with the same text: ours comes on top of it.
  losing.lose('write', () => rival.publish({ n: 3 }))
  assert.is(await live.publish({ n: 3 }), 4)
  assert.is(losing.losses, 3)
  assert.equal((await live.versions()).map(({ version }) => version), [4, 3, 2, 1, 0])
  await zk.sync()
  assert.equal((await zk.children('/c')).sort(), ['env', 'history'])
})

test('an abort while the answer is missing says that it may have happened', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const live = await config<Settings>(zk, '/c')
  t.defer(() => live.close())
  const controller = new AbortController()
  let back: (value?: unknown) => void = () => undefined
  losing.lose('answer', () => new Promise((resolve) => { back = resolve }))
  const away = stale(live, true)
  const publishing = rejects(live.publish({ n: 1 }, { signal: controller.signal }), 'Aborted')
  await away
  controller.abort()
  assert.is((await publishing as ZkError).mayHaveHappened, true)
  const fresh = stale(live, false)
  back()
  await fresh
  assert.equal(live.current, { n: 1 })
  assert.equal((await other.get('/c')).json(), { n: 1 })
})

test('the peer stops: the last copy, stale, until the session is at another one', async (t) => {
  const ensemble = await createEnsemble({ size: 3, signal: t.signal })
  t.defer(() => ensemble.stop())
  const leader = ensemble.leader() ?? 1
  const follower = leader === 1 ? 2 : 1
  const [zk, other] = [await ensemble.connect({ peer: follower }), await ensemble.connect({ peer: leader })]
  t.defer(() => zk.close())
  t.defer(() => other.close())
  const live = await config<Settings>(zk, '/c', { defaults: { n: 0 } })
  t.defer(() => live.close())
  const rival = await config<Settings>(other, '/c', { defaults: { n: 0 } })
  t.defer(() => rival.close())
  await live.publish({ n: 1 })
  const seen: number[] = []
  live.on('change', ({ n }) => void seen.push(n ?? -1))
  const changes: boolean[] = []
  live.on('stale', (isStale) => void changes.push(isStale))
  const away = stale(live, true)
  const stopping = ensemble.stopPeer(follower)
  await away
  assert.equal(live.current, { n: 1 })
  await rival.publish({ n: 2 })
  await stopping
  await stale(live, false)
  await live.publish({ n: 3 })
  assert.equal([live.current, live.version], [{ n: 3 }, 2])
  assert.equal(seen, seen.toSorted((one, two) => one - two))
  assert.is(seen.at(-1), 3)
  assert.equal(changes, [true, false])
}, { timeoutMs: 30_000 })

test('no quorum: the last copy, stale; a publish waits and can be aborted; back again with the quorum', async (t) => {
  const ensemble = await createEnsemble({ size: 3, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect({ peer: 1, sessionTimeoutMs: 60_000 })
  t.defer(() => zk.close())
  const live = await config<Settings>(zk, '/c')
  t.defer(() => live.close())
  await live.publish({ n: 1 })
  const away = stale(live, true)
  await Promise.all([ensemble.stopPeer(1), ensemble.stopPeer(2)])
  await away
  assert.equal(live.current, { n: 1 })
  const controller = new AbortController()
  const waiting = rejects(live.publish({ n: 2 }, { signal: controller.signal }), 'Aborted')
  controller.abort()
  await waiting
  await ensemble.startPeer(2)
  await stale(live, false)
  await live.publish({ n: 3 })
  assert.equal(live.current, { n: 3 })
}, { timeoutMs: 30_000 })

test('the session expires: the last copy for good, stale; writes and updates say SessionExpired', async (t) => {
  const { losing, ensemble, zk, other } = await losingPlace(t)
  const live = await config<Settings>(zk, '/c', { environment: 'prod' })
  await live.publish({ n: 1 })
  const updates = live.updates()
  assert.equal((await updates.next()).value?.current, { n: 1 })
  const end = rejects(updates.next(), 'SessionExpired')
  const { session } = zk
  losing.lose('write', async () => (await ensemble.connect({ session: session! })).close())
  const away = stale(live, true)
  await zk.create('/x').catch((error: unknown) => error)
  await end
  await away
  await other.set('/c', '{"n":2}')
  assert.equal([live.current, live.isStale], [{ n: 1 }, true])
  await rejects(live.publish({ n: 3 }), 'SessionExpired')
  await rejects(config(zk, '/c'), 'SessionExpired')
  await live.close()
  assert.equal(live.current, { n: 1 })
})

test('its own session closes: updates end, and nothing is left open', async (t) => {
  const { zk, other } = await losingPlace(t)
  const live = await config<Settings>(zk, '/c')
  await live.publish({ n: 1 })
  await zk.close()
  assert.is(live.isStale, true)
  await rejects(live.publish({ n: 2 }), 'Closed')
  await live.close()
  assert.equal((await other.children('/c')).sort(), ['env', 'history'])
})

test('random writers over a connection that breaks at random: versions have no hole and no key is lost', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const live = await config(zk, '/c', { history: 100 })
  t.defer(() => live.close())
  const rival = await config(other, '/c', { history: 100 })
  t.defer(() => rival.close())
  const versions: number[] = []
  live.on('change', () => void versions.push(live.version))
  for (let i = 0; i < 30; i++) {
    if (i % 3 !== 0) losing.lose(i % 2 === 0 ? 'answer' : 'write')
    await Promise.all([live.publish({ [`mine${i}`]: i }), rival.publish({ [`theirs${i}`]: i })])
  }
  await zk.sync('/c')
  const node = await zk.get('/c')
  assert.is(node.stat.version, 59)
  assert.is(Object.keys(node.json<object>()).length, 60)
  assert.equal(versions, versions.toSorted((one, two) => one - two))
  assert.equal((await live.versions()).map(({ version }) => version), Array.from({ length: 60 }, (_, i) => 59 - i))
  assert.is(losing.losses, 20)
}, { timeoutMs: 30_000 })

test.run()
