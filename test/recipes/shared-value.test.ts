import { createEnsemble } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { sharedValue } from '../../lib/recipes/index.ts'
import type { SharedValue } from '../../lib/recipes/index.ts'
import { connected, settle, someStat } from '../client/fakes.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'
import { place } from './place.ts'

const test = suite('shared value')

/** Resolves when the value is that. */
function becomes<T>(shared: SharedValue<T>, wanted: T | undefined): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (JSON.stringify(shared.value) !== JSON.stringify(wanted)) return
      off()
      resolve()
    }
    const off = shared.on('change', look)
    look()
  })
}

test('two sessions see the same value; versions follow the node\'s', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const mine = await sharedValue(zk, '/app/mode', { initial: { limit: 1 } })
  t.defer(() => mine.close())
  const theirs = await sharedValue<{ limit: number }>(other, '/app/mode')
  t.defer(() => theirs.close())
  await becomes(theirs, { limit: 1 })
  assert.is(theirs.version, 0)
  await theirs.set({ limit: 2 })
  assert.equal([theirs.value, theirs.version, theirs.isStale], [{ limit: 2 }, 1, false])
  await becomes(mine, { limit: 2 })
  assert.is(await mine.trySet({ limit: 3 }, { version: 0 }), false)
  assert.is(await mine.trySet({ limit: 3 }, { version: 1 }), true)
  assert.equal([mine.value, mine.version], [{ limit: 3 }, 2])
  await zk.sync()
  assert.equal(await zk.children('/app/mode'), [])
  await zk.delete('/app/mode')
  await becomes(mine, undefined)
  assert.is(mine.version, -1)
  assert.is(await mine.trySet({ limit: 4 }, { version: -1 }), true)
  await becomes(theirs, { limit: 4 })
})

test('an initial value does not replace the one that is there; without one there may be none', async (t) => {
  const zk = await (await place(t)).connect()
  const none = await sharedValue<number>(zk, '/v')
  assert.is(none.value, undefined)
  await none.set(7)
  assert.is(none.value, 7)
  const other = await sharedValue(zk, '/v', { initial: 1 })
  assert.is(other.value, 7)
  await none.close()
  await other.close()
  await other.close()
})

test('updates of four sessions at once all count, and every value is seen in order', async (t) => {
  const at = await place(t)
  const values = await Promise.all([1, 2, 3, 4].map(async () =>
    sharedValue<number>(await at.connect(), '/v', { initial: 0 })))
  for (const one of values) t.defer(() => one.close())
  const seen: number[][] = values.map(() => [])
  values.forEach((one, index) => one.on('change', (value) => void seen[index]?.push(value ?? -1)))
  await Promise.all(values.flatMap((one) => Array.from({ length: 10 }, () => one.update((value) => (value ?? 0) + 1))))
  await Promise.all(values.map((one) => becomes(one, 40)))
  for (const list of seen) assert.equal(list, list.toSorted((one, other) => one - other))
}, { timeoutMs: 30_000 })

test('update: what the function throws, and undefined, change nothing', async (t) => {
  const zk = await (await place(t)).connect()
  const shared = await sharedValue(zk, '/v', { initial: 'a' })
  t.defer(() => shared.close())
  const boom = new Error('boom')
  assert.is(await rejects(shared.update(() => { throw boom })), boom)
  assert.is(await shared.update(() => undefined), 'a')
  assert.is(shared.version, 0)
  assert.is(await shared.update(async (value) => `${value}b`), 'ab')
})

test('opening goes on when the server has no time for the watch, or the read', async () => {
  const { zk, endpoint, clock } = await connected()
  const channel = endpoint.last
  const opening = sharedValue<number>(zk, '/v')
  const comes = async (...ops: readonly number[]): Promise<void> => {
    await settle()
    clock.pass(1_000)
    await settle()
    assert.equal(channel.ops, ops)
  }
  await comes(106)
  channel.fail('Throttled')
  await comes(106, 106)
  channel.reply({ op: 106 })
  await comes(106, 106, 22)
  channel.fail('Throttled')
  await comes(106, 106, 22, 22)
  channel.reply({ op: 22, results: [{ op: 4, data: new TextEncoder().encode('7'), stat: someStat() }] })
  const shared = await opening
  assert.is(shared.value, 7)
  await shared.close()
  assert.equal(channel.ops, [106, 106, 22, 22, 18])
})

test('null is a value like any other', async (t) => {
  const at = await place(t)
  const shared = await sharedValue<string | null>(await at.connect(), '/holder', { initial: 'me' })
  t.defer(() => shared.close())
  assert.is(await shared.update(() => null), null)
  assert.is(shared.value, null)
  assert.is(await shared.update((value) => (value === null ? 'you' : undefined)), 'you')
})

test('bytes that are no value: the last good one stays, and the error says why', async (t) => {
  const zk = await (await place(t)).connect()
  const shared = await sharedValue(zk, '/v', { initial: { ok: true } })
  t.defer(() => shared.close())
  const invalid = new Promise<Error>((resolve) => void shared.on('invalid', resolve))
  await zk.set('/v', '{broken')
  const error = await invalid as Error & { code: string }
  assert.is(error.code, 'ValueInvalid')
  assert.instance(error.cause, SyntaxError)
  assert.equal([shared.value, shared.version], [{ ok: true }, 0])
  await rejects(shared.update((value) => value), 'ValueInvalid')
  await rejects(sharedValue(zk, '/v'), 'ValueInvalid')
  await shared.set({ ok: false })
  assert.equal(shared.value, { ok: false })
})

test('own formats, and listeners that throw', async (t) => {
  const zk = await (await place(t)).connect()
  const logged: string[] = []
  const log = (message: string): void => void logged.push(message)
  const parse = (node: { text(): string }): Date => new Date(node.text())
  const shared = await sharedValue(zk, '/at', {
    initial: new Date(0), parse, format: (date) => date.toISOString(),
    logger: { debug: log, info: log, warn: log, error: log },
  })
  t.defer(() => shared.close())
  const heard: unknown[] = []
  shared.on('change', () => { throw new Error('mine') })
  shared.on('change', (value) => void heard.push(value))
  await shared.set(new Date(5))
  assert.equal(heard, [new Date(5)])
  assert.equal(logged, ['a listener threw'])
  assert.is((await zk.get('/at')).text(), '1970-01-01T00:00:00.005Z')
  const text = await sharedValue(zk, '/text', { initial: 'plain', parse: (node) => node.text() })
  assert.is((await zk.get('/text')).text(), 'plain')
  await text.close()
  assert.throws(() => shared.on('nothing' as never, () => undefined), TypeError)
  await rejects(sharedValue(zk, '/v', { wrong: 1 } as never))
})

test('a lost answer: the write happened once, and a rival\'s newer value stays', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const shared = await sharedValue(zk, '/v', { initial: 1 })
  t.defer(() => shared.close())
  losing.lose('answer', () => other.set('/v', '99'))
  await shared.set(2)
  await becomes(shared, 99)
  losing.lose('answer', () => other.set('/v', '98'))
  assert.is(await shared.trySet(3, { version: shared.version }), true)
  await becomes(shared, 98)
  const before = shared.version
  losing.lose('write', () => other.set('/v', '3'))
  assert.is(await shared.trySet(3, { version: before }), false)
  losing.lose('answer', () => other.set('/v', '50'))
  assert.is(await shared.update((value) => (value ?? 0) + 1), 4)
  await becomes(shared, 50)
  assert.is(losing.losses, 4)
})

/** Resolves when the value says so. */
function stale(shared: SharedValue<number>, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (shared.isStale === wanted) return resolve()
    const off = shared.on('stale', (isStale) => {
      if (isStale !== wanted) return
      off()
      resolve()
    })
  })
}

test('disconnected: the last copy and isStale; back again: what was missed', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const shared = await sharedValue(zk, '/v', { initial: 1 })
  t.defer(() => shared.close())
  let back: (value?: unknown) => void = () => undefined
  losing.lose('write', () => new Promise((resolve) => { back = resolve }))
  const away = stale(shared, true)
  const adding = zk.create('/x').catch((error: unknown) => error)
  await away
  await adding
  assert.equal([shared.value, shared.isStale], [1, true])
  await other.set('/v', '2')
  const fresh = stale(shared, false)
  back()
  await fresh
  assert.is(shared.value, 2)
})

test('the session expires: the last copy stays, stale for good, and writes are refused', async (t) => {
  const { losing, ensemble, zk } = await losingPlace(t)
  const shared = await sharedValue(zk, '/v', { initial: 1 })
  const { session } = zk
  losing.lose('write', async () => (await ensemble.connect({ session: session! })).close())
  const over = new Promise<void>((resolve) => void zk.on('state', ({ state }) => {
    if (state === 'expired') resolve()
  }))
  await zk.create('/x').catch((error: unknown) => error)
  await over
  assert.equal([shared.value, shared.isStale], [1, true])
  await rejects(shared.set(2), 'SessionExpired')
  await shared.close()
})

test('opening can be aborted, and the signal closes later on', async (t) => {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk: Client = await ensemble.connect()
  t.defer(() => zk.close())
  await rejects(sharedValue(zk, '/v', { signal: AbortSignal.abort() }), 'Aborted')
  const controller = new AbortController()
  const shared = await sharedValue<number>(zk, '/v', { signal: controller.signal, initial: 1 })
  controller.abort()
  assert.is(shared.isStale, true)
  await zk.set('/v', '2')
  await zk.sync('/v')
  assert.is(shared.value, 1)
})

test.run()
