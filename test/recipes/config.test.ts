import type { Config, ConfigIssue, ConfigOptions, StandardSchema } from '../../lib/recipes/index.ts'
import { config } from '../../lib/recipes/index.ts'
import type { Client } from '../../lib/node.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { place } from './place.ts'

const test = suite('config')

interface Settings {
  readonly port: number
  readonly name: string
  readonly tags?: readonly string[]
}

/** Answers later for odd ports, and at once for even ones: validators may do either. */
const SCHEMA: StandardSchema<Settings, Settings & { readonly url: string }> = {
  '~standard': {
    version: 1, vendor: 'test',
    validate: (value) => {
      const { port, name } = value as Settings
      const issues = [
        ...(Number.isInteger(port) ? [] : [{ message: 'must be an integer', path: ['port'] }]),
        ...(typeof name === 'string' ? [] : [{ message: 'must be a text', path: [{ key: 'name' }] }]),
      ]
      const result = issues.length > 0 ? { issues } : { value: { ...value as Settings, url: `${name}:${port}` } }
      return port % 2 === 1 ? new Promise((resolve) => void setImmediate(() => resolve(result))) : result
    },
  },
}

type Live = Config<Settings & { readonly url: string }, Settings>

async function open(
  t: Case, zk: Client, options: ConfigOptions<Settings & { readonly url: string }, Settings> = {},
): Promise<Live> {
  const live = await config(zk, '/config/app', { schema: SCHEMA, defaults: { port: 80, name: 'x' }, ...options })
  t.defer(() => live.close())
  return live
}

/** Resolves when the port is that. */
function ported(live: Live, port: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (live.current.port !== port) return
      off()
      resolve()
    }
    const off = live.on('change', look)
    look()
  })
}

/** The issues of the next time that something wrong is read. */
function wrong(live: Live): Promise<readonly ConfigIssue[]> {
  return new Promise((resolve) => {
    const off = live.on('invalid', (issues) => {
      off()
      resolve(issues)
    })
  })
}

test('nothing on the tree: the defaults; what is published comes to all, frozen, as the schema makes it', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const mine = await open(t, zk)
  const theirs = await open(t, other)
  assert.equal([mine.current, mine.version, mine.isStale], [{ port: 80, name: 'x', url: 'x:80' }, -1, false])
  assert.is(await zk.exists('/config'), null)
  const heard: unknown[] = []
  mine.on('change', (current, previous) => void heard.push([current.port, previous.port]))
  assert.is(await mine.publish({ port: 81, tags: ['a'] }), 0)
  assert.equal([mine.current, mine.version], [{ port: 81, name: 'x', tags: ['a'], url: 'x:81' }, 0])
  assert.equal(heard, [[81, 80]])
  assert.ok(Object.isFrozen(mine.current) && Object.isFrozen(mine.current.tags))
  await ported(theirs, 81)
  assert.is(await theirs.publish({ name: 'y', tags: undefined } as never), 1)
  assert.equal((await zk.get('/config/app')).json(), { port: 81, name: 'y' })
  assert.is(await theirs.set({ name: 'z' }), 2)
  assert.equal(theirs.current, { port: 80, name: 'z', url: 'z:80' })
  await ported(mine, 80)
  assert.equal((await other.children('/config/app')).sort(), ['env', 'history'])
})

test('a bad value is refused, with its issues, and nothing is written', async (t) => {
  const zk = await (await place(t)).connect()
  const live = await open(t, zk)
  await live.publish({ port: 2 })
  const error = await rejects(live.publish({ port: 'high', name: 5 } as never), 'ValueInvalid')
  assert.match(error.message, /port: must be an integer; name: must be a text/)
  assert.equal(error.cause, [
    { message: 'must be an integer', path: 'port' }, { message: 'must be a text', path: 'name' },
  ])
  await rejects(live.set({ port: 1.5 }), 'ValueInvalid')
  await rejects(live.set([] as never))
  await rejects(live.publish(new Map() as never))
  assert.is((await zk.get('/config/app')).stat.version, 0)
  assert.is(live.current.port, 2)
})

test('a bad value written by other means: the last good one stays, and the next good one comes', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const live = await open(t, zk)
  await live.publish({ port: 2 })
  for (const [bad, issue] of [
    ['{"port":"x"}', /must be an integer/], ['{', /no JSON/], ['[1]', /no object/], ['null', /no object/],
  ] as const) {
    const issues = wrong(live)
    await other.set('/config/app', bad)
    assert.match((await issues)[0]?.message ?? '', issue)
    assert.equal([live.current.port, live.version], [2, 0])
    assert.match(live.issues?.[0]?.message ?? '', issue)
  }
  await rejects(live.publish({ port: 4 }), 'ValueInvalid')
  await other.set('/config/app', '{"port":3}')
  await ported(live, 3)
  assert.equal([live.version, live.issues], [5, null])
  await other.set('/config/app', 'rubbish')
  await live.set({ port: 6 })
  assert.equal([live.current.port, live.issues], [6, null])
})

test('bad from the beginning: the newest good one of the history, else the defaults, else ValueInvalid', async (t) => {
  const zk = await (await place(t)).connect()
  const first = await open(t, zk)
  await first.publish({ port: 2 })
  await first.publish({ port: 4 })
  await first.close()
  await zk.set('/config/app', 'rubbish')
  const second = await open(t, zk)
  assert.equal([second.current.port, second.version], [4, 1])
  assert.match(second.issues?.[0]?.message ?? '', /no JSON/)
  assert.match((await rejects(second.publish({ port: 8 }), 'ValueInvalid')).message, /no JSON/)
  await zk.delete('/config/app/history', { recursive: true })
  assert.is((await open(t, zk)).current.port, 80)
  const error = await rejects(config(zk, '/config/app', { schema: SCHEMA }), 'ValueInvalid')
  assert.match(error.message, /no JSON/)
  await rejects(config(zk, '/config/none', { schema: SCHEMA }), 'ValueInvalid')
})

test('two write at once: no key of either is lost, each version is kept', async (t) => {
  const at = await place(t)
  const lives = await Promise.all([1, 2, 3].map(async () =>
    config(await at.connect(), '/config/keys', { history: 50 })))
  for (const live of lives) t.defer(() => live.close())
  const versions = await Promise.all(lives.flatMap((live, who) =>
    Array.from({ length: 6 }, (_, i) => live.publish({ [`k${who}-${i}`]: i }))))
  assert.equal(versions.toSorted((one, other) => one - other), Array.from({ length: 18 }, (_, i) => i))
  const zk = await at.connect()
  await zk.sync()
  assert.is(Object.keys((await zk.get('/config/keys')).json<object>()).length, 18)
  const kept = await lives[0]!.versions()
  assert.equal(kept.map(({ version }) => version), Array.from({ length: 18 }, (_, i) => 17 - i))
  assert.equal(kept.map(({ document }) => Object.keys(document ?? {}).length), kept.map(({ version }) => version + 1))
}, { timeoutMs: 30_000 })

test('an expected version is compared: BadVersion when somebody was faster', async (t) => {
  const zk = await (await place(t)).connect()
  const live = await open(t, zk)
  assert.is(await live.publish({ port: 2 }, { version: -1 }), 0)
  await rejects(live.publish({ port: 4 }, { version: -1 }), 'BadVersion')
  await rejects(live.set({ port: 4 }, { version: 7 }), 'BadVersion')
  assert.is(await live.set({ port: 4 }, { version: 0 }), 1)
  await rejects(live.set({ port: 4 }, { signal: AbortSignal.abort() }), 'Aborted')
  await rejects(live.set({}, { version: 'x' } as never))
  await rejects(live.set({}, { other: 1 } as never))
})

test('history: the last three, one written without us too; rollback writes an old one again', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const live = await open(t, zk, { history: 3 })
  for (const port of [2, 4, 6, 8]) await live.publish({ port })
  const kept = await live.versions()
  assert.equal(kept.map(({ version, document }) => [version, document]), [
    [3, { port: 8 }], [2, { port: 6 }], [1, { port: 4 }],
  ])
  assert.ok(kept.every(({ keptAtMs }) => Number.isInteger(keptAtMs) && keptAtMs > 1_500_000_000_000))
  assert.equal((await zk.children('/config/app/history')).sort(), ['v0000000001', 'v0000000002', 'v0000000003'])
  await zk.set('/config/app', '{"port":10}')
  assert.is(await live.rollback(2), 5)
  assert.equal([live.current.port, live.version], [6, 5])
  assert.equal((await live.versions()).map(({ version, document }) => [version, document]), [
    [5, { port: 6 }], [4, { port: 10 }], [3, { port: 8 }],
  ])
  await rejects(live.rollback(1), 'NoNode')
  await rejects(live.rollback(-1))
  const none = await open(t, zk, { history: 0 })
  await none.publish({ port: 12 })
  assert.equal(await none.versions(), [])
  const other = await config(zk, '/config/other', { history: 0 })
  t.defer(() => other.close())
  await other.publish({ a: 1 })
  assert.equal(await zk.children('/config/other'), ['env'])
})

test('a rollback to what the schema takes no more is refused', async (t) => {
  const zk = await (await place(t)).connect()
  const loose = await config(zk, '/config/app')
  t.defer(() => loose.close())
  await loose.publish({ port: 'no number' })
  await loose.publish({ port: 2 })
  const strict = await open(t, zk)
  await rejects(strict.rollback(0), 'ValueInvalid')
  assert.is(strict.current.port, 2)
})

test('an environment\'s overrides lie over the document, live', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const base = await open(t, zk)
  const prod = await open(t, other, { environment: 'prod' })
  assert.is(await base.publish({ port: 2, name: 'all' }, { environment: 'prod' }), 0)
  await ported(prod, 2)
  assert.is(base.current.port, 80)
  await base.publish({ port: 4, name: 'base' })
  assert.equal([base.current.url, prod.current.url], ['base:4', 'all:2'])
  await prod.set({ port: 6 }, { environment: 'prod', version: 0 })
  await rejects(prod.set({ port: 6 }, { environment: 'prod', version: 0 }), 'BadVersion')
  assert.is(prod.current.url, 'base:6')
  assert.equal((await zk.get('/config/app/env/prod')).json(), { port: 6 })
  const error = await rejects(base.publish({ port: 'x' } as never, { environment: 'prod' }), 'ValueInvalid')
  assert.match(error.message, /environment 'prod'/)
  // Without the override, the document is checked for the environment that it was right for.
  await rejects(base.publish({ name: 7 } as never), 'ValueInvalid')
  await rejects(base.set({}, { environment: 'a/b' }))
  await rejects(config(zk, '/c', { environment: '' }))
})

test('a document is refused when it makes another environment wrong that was right before', async (t) => {
  const zk = await (await place(t)).connect()
  /** Takes a sum of at most 10. */
  const schema: StandardSchema<{ a?: number, b?: number }> = {
    '~standard': {
      version: 1, vendor: 'test',
      validate: (value) => {
        const { a = 0, b = 0 } = value as { a?: number, b?: number }
        return a + b > 10 ? { issues: [{ message: 'too much' }] } : { value: { a, b } }
      },
    },
  }
  const live = await config(zk, '/sum', { schema })
  t.defer(() => live.close())
  await live.publish({ a: 1 })
  await live.publish({ b: 8 }, { environment: 'big' })
  assert.match((await rejects(live.publish({ a: 3 }), 'ValueInvalid')).message, /environment 'big' \(too much\)/)
  await live.publish({ a: 2 })
  await zk.set('/sum/env/big', '{"b":9}')
  await live.publish({ a: 5 })
  assert.equal(live.current, { a: 5, b: 0 })
})

test('a new override and a document that do not go together: one of them is refused', async (t) => {
  const at = await place(t)
  const schema: StandardSchema<{ a?: boolean, b?: boolean }> = {
    '~standard': {
      version: 1, vendor: 'test',
      validate: async (value) => {
        const { a, b } = value as { a?: boolean, b?: boolean }
        return a === true && b === true ? { issues: [{ message: 'both' }] } : { value: { ...(value as object) } }
      },
    },
  }
  const [one, other] = [await at.connect(), await at.connect()]
  for (let round = 0; round < 10; round++) {
    const [mine, theirs] = await Promise.all([one, other].map((zk) => config(zk, `/both${round}`, { schema })))
    const done = await Promise.allSettled([
      mine!.publish({ a: true }), theirs!.publish({ b: true }, { environment: 'e' }),
    ])
    assert.equal(done.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    await Promise.all([mine!.close(), theirs!.close()])
  }
}, { timeoutMs: 20_000 })

test('updates: the present one first, newer ones in order, the newest for a slow reader; close ends it', async (t) => {
  const zk = await (await place(t)).connect()
  const live = await open(t, zk)
  const seen: number[] = []
  const updates = live.updates()
  seen.push((await updates.next()).value?.current.port ?? -1)
  for (const port of [3, 2, 5, 4]) {
    const next = updates.next()
    await live.publish({ port })
    seen.push((await next).value?.current.port ?? -1)
  }
  assert.equal(seen, [80, 3, 2, 5, 4])
  await live.publish({ port: 6 })
  await live.publish({ port: 7 })
  assert.equal((await updates.next()).value?.version, 5)
  const last = updates.next()
  await live.close()
  assert.equal(await last, { done: true, value: undefined })
  assert.equal((await live.updates().next()).value?.current.port, 7)
  for await (const { current } of live.updates()) assert.is(current.port, 7)
})

test('arguments are checked', async (t) => {
  const zk = await (await place(t)).connect()
  const wrongs = [{ schema: {} }, { defaults: [] }, { history: -1 }, { history: 1.5 }, { wrong: 1 }, { signal: 1 }]
  for (const bad of wrongs) {
    assert.instance(await rejects(config(zk, '/c', bad as never)), TypeError)
  }
  await rejects(config(zk, 'c'), 'BadArguments')
  await rejects(config(zk, '/c', { signal: AbortSignal.abort() }), 'Aborted')
  const live = await config(zk, '/c')
  assert.throws(() => live.on('nothing' as never, () => undefined), TypeError)
  await live.close()
  await live[Symbol.asyncDispose]()
})

test.run()
