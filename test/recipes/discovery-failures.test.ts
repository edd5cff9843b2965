import { Perm } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { discover, register, sessionsFrom } from '../../lib/recipes/index.ts'
import type { Discovery, Registration, RegistrationState, Sessions } from '../../lib/recipes/index.ts'
import { settle } from '../client/fakes.ts'
import { pass } from '../client/wire-server.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { cutPlace } from './cut.ts'
import { place } from './place.ts'
import { timedPlace } from './timed.ts'

const test = suite('discovery, failures')

function until(registration: Registration, state: RegistrationState): Promise<void> {
  return new Promise((resolve) => {
    if (registration.state === state) return resolve()
    const off = registration.on('state', (now) => {
      if (now !== state) return
      off()
      resolve()
    })
  })
}

function stale(discovery: Discovery, isStale: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (discovery.isStale === isStale) return resolve()
    const off = discovery.on('stale', (now) => {
      if (now !== isStale) return
      off()
      resolve()
    })
  })
}

const ids = (discovery: Discovery): string[] => discovery.instances.map(({ id }) => id)

/** The first session is the one behind the proxy. */
function sessionsOf(first: Client, more: () => Promise<Client>): Promise<Sessions> {
  let next: Client | null = first
  return sessionsFrom(async () => {
    const zk = next
    next = null
    return zk ?? more()
  })
}

test('cut off: the last list stays in use, and what was missed is told afterwards', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  for (const id of ['kept', 'gone', 'set']) await other.create(`/s/web/${id}`, { address: 'h' }, { parents: true })
  const web = await discover(at.zk, '/s', 'web')
  t.defer(() => web.close())
  const told: string[] = []
  web.on('up', ({ id }) => void told.push(`up ${id}`))
  web.on('update', ({ id }) => void told.push(`update ${id}`))
  web.on('down', ({ id }) => void told.push(`down ${id}`))
  web.on('stale', (isStale) => void told.push(`stale ${isStale}`))
  await at.whileAway(async () => {
    assert.equal([web.isStale, ids(web), (await web.pick()).name], [true, ['gone', 'kept', 'set'], 'web'])
    await other.delete('/s/web/gone')
    await other.create('/s/web/new', { address: 'h' })
    await other.set('/s/web/set', { address: 'i' })
  })
  await stale(web, false)
  assert.equal(ids(web), ['kept', 'new', 'set'])
  assert.equal(told.toSorted(), ['down gone', 'stale false', 'stale true', 'up new', 'update set'])
})

test('the session expired: registered again, and looked up again, in the next', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  const sessions = await sessionsOf(at.zk, () => at.connect())
  const web = await discover(sessions, '/s', 'web')
  const a = await register(sessions, '/s', { name: 'web', id: 'a', address: 'h', port: 1 })
  await web.caughtUp()
  assert.equal(ids(web), ['a'])
  const told: string[] = []
  a.on('state', (state) => void told.push(state))
  const lost = until(a, 'absent')
  let updating: Promise<void> = Promise.resolve()
  let catchingUp: Promise<void> = Promise.resolve()
  await at.whileAway(async () => {
    await (await at.connect(at.zk.session)).close()
    await other.create('/s/web/b', { address: 'h' }, { parents: true })
    updating = a.update({ port: 2 })
    catchingUp = web.caughtUp()
  })
  await lost
  await until(a, 'up')
  await Promise.all([updating, catchingUp])
  await web.caughtUp()
  assert.equal([ids(web), web.instances[0]?.port], [['a', 'b'], 2])
  assert.equal(told, ['absent', 'up'])
  assert.is((await other.get('/s/web/a')).stat.ephemeralOwner, sessions.client.session?.id)
  const ended = new Promise<unknown>((resolve) => void a.on('end', resolve))
  const over = new Promise<unknown>((resolve) => void web.on('end', resolve))
  await sessions.close()
  assert.equal([await ended, await over].map((error) => (error as { code: string }).code), ['Closed', 'Closed'])
  assert.equal([a.state, ids(web)], ['closed', ['a', 'b']])
})

test('one session: both end with it', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const web = await discover(zk, '/s', 'web')
  const a = await register(zk, '/s', { name: 'web', id: 'a', address: 'h' })
  await web.caughtUp()
  const ended = new Promise<unknown>((resolve) => void a.on('end', resolve))
  const picking = rejects(web.pick({ except: web.instances }), 'Closed')
  await zk.close()
  assert.is((await ended as { code: string }).code, 'Closed')
  await picking
  assert.equal([a.state, web.isStale, ids(web)], ['closed', true, ['a']])
  await a.close()
  await rejects(register(zk, '/s', { name: 'web', address: 'h' }), 'Closed')
  await rejects(discover(zk, '/s', 'web'), 'Closed')
})

test('closed or drained while cut off: gone when it is back', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  const [a, b] = [await register(at.zk, '/s', { name: 'web', id: 'a', address: 'h' }),
    await register(at.zk, '/s', { name: 'web', id: 'b', address: 'h' })]
  let ends: Promise<unknown> = Promise.resolve()
  await at.whileAway(async () => {
    ends = Promise.all([a.close(), b.drain()])
    assert.equal((await other.children('/s/web')).toSorted(), ['a', 'b'])
  })
  await ends
  await other.sync()
  assert.equal(await other.children('/s/web').catch(() => []), [])
})

test('what may not be read: refused at first, tried again later', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const anyone = { scheme: 'world', id: 'anyone' }
  await other.create('/s/web/a', { address: 'h' }, { parents: true })
  const web = await discover(zk, '/s', 'web')
  t.defer(() => web.close())
  const failed = new Promise<{ code: string }>((resolve) => void web.on('failed', resolve))
  await zk.removeWatches('/s/web')
  assert.is((await failed).code, 'NoWatcher')
  await stale(web, false)
  await other.create('/s/web/b', { address: 'h' })
  await web.caughtUp()
  assert.equal(ids(web), ['a', 'b'])
  await other.setAcl('/s/web', [{ ...anyone, perms: Perm.delete | Perm.admin }])
  await rejects(register(zk, '/s', { name: 'web', address: 'h' }), 'NoAuth')
  await other.setAcl('/s/web', [{ ...anyone, perms: Perm.all }])
})

/** A registration whose health is what the case says. */
async function patient(t: Case, health: { everyMs?: number, limitMs?: number, failures?: number } = {}) {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  const other = await at.ensemble.connect()
  t.defer(() => other.close())
  const web = await discover(other, '/s', 'web')
  t.defer(() => web.close())
  const checks: { readonly signal: AbortSignal, answer(value: boolean): void, fail(error: Error): void }[] = []
  const registering = register(zk, '/s', {
    name: 'web', id: 'a', address: 'h',
    health: {
      ...health,
      check: ({ signal }) => new Promise<boolean>((answer, fail) => checks.push({ signal, answer, fail })),
    },
  })
  return { zk, clock, web, checks, registering }
}

test('unwell: it steps out, and comes back when it is well', async (t) => {
  const { clock, web, checks, registering } = await patient(t)
  await settle()
  assert.equal([checks.length, ids(web)], [1, []])
  checks[0]?.answer(true)
  const a = await registering
  t.defer(() => a.close())
  await web.caughtUp()
  assert.equal([a.state, ids(web)], ['up', ['a']])
  const states: string[] = []
  const failures: string[] = []
  a.on('state', (state) => void states.push(state))
  a.on('failed', (error) => void failures.push(String(error)))
  await pass(clock, 4_999)
  assert.is(checks.length, 1)
  await pass(clock, 1)
  assert.is(checks.length, 2)
  checks[1]?.answer(false)
  await until(a, 'unhealthy')
  while (web.instances.length > 0) await new Promise((resolve) => void web.on('change', resolve))
  assert.equal([ids(web), a.isHealthy], [[], false])
  await a.update({ port: 7 })
  await pass(clock, 5_000)
  checks[2]?.fail(new Error('no database'))
  await settle()
  await pass(clock, 5_000)
  assert.is(checks.length, 4)
  checks[3]?.answer(true)
  await until(a, 'up')
  await web.caughtUp()
  assert.equal([ids(web), web.instances[0]?.port], [['a'], 7])
  assert.equal(states, ['unhealthy', 'absent', 'up'])
  assert.equal(failures, ['Error: no database'])
})

test('a check that takes too long has failed, and there is never a second one beside it', async (t) => {
  const { clock, web, checks, registering } = await patient(t, { everyMs: 1_000, limitMs: 500 })
  await settle()
  await pass(clock, 500)
  const a = await registering
  t.defer(() => a.close())
  assert.equal([a.state, checks[0]?.signal.aborted], ['unhealthy', true])
  await pass(clock, 60_000)
  assert.is(checks.length, 1)
  // Late is late, whatever it says.
  checks[0]?.answer(true)
  await settle()
  assert.is(a.state, 'unhealthy')
  await pass(clock, 1_000)
  checks[1]?.answer(true)
  await until(a, 'up')
  await web.caughtUp()
  assert.equal(ids(web), ['a'])
  await a.close()
  await pass(clock, 60_000)
  assert.is(checks.length, 2)
})

test('so many failures in a row', async (t) => {
  const { clock, checks, registering } = await patient(t, { everyMs: 100, failures: 2 })
  await settle()
  checks[0]?.answer(true)
  const a = await registering
  t.defer(() => a.close())
  const states: string[] = []
  a.on('state', (state) => void states.push(state))
  for (const answer of [false, true, false]) {
    await pass(clock, 100)
    checks.at(-1)?.answer(answer)
    await settle()
  }
  assert.equal([a.state, states], ['up', []])
  await pass(clock, 100)
  checks.at(-1)?.answer(false)
  await until(a, 'unhealthy')
  assert.is(await a.drain(), true)
  assert.is(a.state, 'closed')
})

test('closed while the first check goes on', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const controller = new AbortController()
  let seen: AbortSignal | null = null
  const registering = register(zk, '/s', {
    name: 'web', address: 'h', signal: controller.signal,
    health: ({ signal }) => new Promise((_, reject) => {
      seen = signal
      signal.addEventListener('abort', () => reject(new Error('given up')), { once: true })
    }),
  })
  const aborting = rejects(registering, 'Aborted')
  await settle()
  controller.abort()
  await aborting
  assert.is((seen as AbortSignal | null)?.aborted, true)
  assert.is(await zk.exists('/s/web'), null)
})

test('given up while the first check goes on, which hears nothing', async (t) => {
  const at = await timedPlace(t)
  const { zk } = await at.connect()
  const controller = new AbortController()
  const registering = register(zk, '/s', {
    name: 'web', address: 'h', signal: controller.signal, health: () => new Promise(() => undefined),
  })
  const aborting = rejects(registering, 'Aborted')
  await settle()
  controller.abort()
  // The clock stands still: no limit of the check can help.
  await aborting
})

test('unwell, and more to say than a node may hold: refused, and all stays as it was', async (t) => {
  const { zk, clock, web, checks, registering } = await patient(t)
  await settle()
  checks[0]?.answer(false)
  const a = await registering
  t.defer(() => a.close())
  await rejects(a.update({ payload: 'x'.repeat(1_000_001) }), 'BadArguments')
  await pass(clock, 5_000)
  checks[1]?.answer(true)
  await until(a, 'up')
  await web.caughtUp()
  assert.equal(web.instances.map(({ payload }) => payload), [null])
  await rejects(register(zk, '/s', {
    name: 'web', address: 'h', payload: 'x'.repeat(1_000_001), health: () => false,
  }), 'BadArguments')
})

test('the session ends while a look-up is to be tried again: it goes on in the next', async (t) => {
  const at = await place(t)
  const first = await at.connect()
  const sessions = await sessionsOf(first, () => at.connect())
  t.defer(() => sessions.close())
  const web = await discover(sessions, '/s', 'web')
  t.defer(() => web.close())
  const failed = new Promise<{ code: string }>((resolve) => void web.on('failed', resolve))
  await first.removeWatches('/s/web')
  assert.is((await failed).code, 'NoWatcher')
  await first.close()
  await web.caughtUp()
  const { client } = sessions
  await client.create('/s/web/b', { address: 'h' }, { parents: true })
  await web.caughtUp()
  assert.equal(ids(web), ['b'])
})

test.run()
