import { discover, presence, register, services } from '../../lib/recipes/index.ts'
import type { Discovery, DiscoveryEvents, Instance } from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { place } from './place.ts'

const test = suite('discovery')

function closing<T extends { close(): Promise<void> }>(t: Case, opened: T): T {
  t.defer(() => opened.close())
  return opened
}

function next<Name extends keyof DiscoveryEvents>(
  from: Discovery, event: Name,
): Promise<DiscoveryEvents[Name]> {
  return new Promise((resolve) => {
    const off = from.on(event, (...given) => {
      off()
      resolve(given)
    })
  })
}

const ids = (instances: readonly Instance[]): string[] => instances.map(({ id }) => id)

test('instances come, change and go', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const web = closing(t, await discover(other, '/services', 'web'))
  assert.equal([web.instances, web.isStale, web.tryPick()], [[], false, null])
  const told: string[] = []
  web.on('up', ({ id }) => void told.push(`up ${id}`))
  web.on('update', ({ id, port }, previous) => void told.push(`update ${id} ${previous.port} ${port}`))
  web.on('down', ({ id }) => void told.push(`down ${id}`))
  const changes: string[][] = []
  web.on('change', (instances) => void changes.push(ids(instances)))
  const picking = web.pick()
  const b = await register(zk, '/services', { name: 'web', id: 'b', address: '10.0.0.2', port: 80 })
  assert.is((await picking).id, 'b')
  const a = await register(zk, '/services', { name: 'web', id: 'a', address: '10.0.0.1', port: 80 })
  assert.equal([a.state, a.isHealthy, a.path, a.instance.id], ['up', true, '/services/web/a', 'a'])
  await web.caughtUp()
  assert.equal(ids(web.instances), ['a', 'b'])
  assert.is(web.instances, web.instances)
  await b.update({ port: 81 })
  await web.caughtUp()
  assert.equal(web.instances.map((each) => each.uri()), ['http://10.0.0.1:80', 'http://10.0.0.2:81'])
  await a.close()
  await web.caughtUp()
  assert.equal(ids(web.instances), ['b'])
  assert.equal(told, ['up b', 'up a', 'update b 80 81', 'down a'])
  assert.equal(changes, [['b'], ['a', 'b'], ['a', 'b'], ['b']])
  await b.close()
  await web.caughtUp()
  assert.equal(web.instances, [])
  await a.close()
  await rejects(a.update({ port: 1 }), 'Closed')
})

test('what is stored is what Curator stores', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const before = Date.now()
  const plain = closing(t, await register(zk, '/s', { name: 'web', address: 'host' }))
  const { stat, ...node } = await zk.get(plain.path).then((read) => ({ stat: read.stat, text: read.text() }))
  assert.match(plain.instance.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  const { id, registrationTimeUTC } = plain.instance
  assert.is(node.text, `{"name":"web","id":"${id}","address":"host","port":null,"sslPort":null,"payload":null,` +
    `"registrationTimeUTC":${registrationTimeUTC},"serviceType":"DYNAMIC","uriSpec":null}`)
  assert.ok(plain.instance.registrationTimeUTC >= before && plain.instance.registrationTimeUTC <= Date.now())
  assert.is(stat.ephemeralOwner, zk.session?.id)
  const full = closing(t, await register(zk, '/s', {
    name: 'web', id: 'full', address: '10.0.0.1', port: 80, sslPort: 443, payload: { zone: 'a' }, weight: 3,
    tags: { rack: 'r1' }, uriSpec: '{scheme}://{address}:{ssl-port}/{name}', enabled: false,
  }))
  assert.equal((await zk.get(full.path)).json(), {
    name: 'web', id: 'full', address: '10.0.0.1', port: 80, sslPort: 443,
    payload: { zone: 'a', weight: 3, tags: { rack: 'r1' } },
    registrationTimeUTC: full.instance.registrationTimeUTC, serviceType: 'DYNAMIC', enabled: false,
    uriSpec: {
      parts: [
        { value: 'scheme', variable: true }, { value: '://', variable: false }, { value: 'address', variable: true },
        { value: ':', variable: false }, { value: 'ssl-port', variable: true }, { value: '/', variable: false },
        { value: 'name', variable: true },
      ],
    },
  })
  const { instance } = full
  assert.equal([instance.weight, instance.tags, instance.tag('rack'), instance.tag('zone'), instance.tag('none')],
    [3, { rack: 'r1' }, 'r1', 'a', undefined])
  assert.equal([instance.uri(), instance.uri({ scheme: 'ws' })], ['https://10.0.0.1:443/web', 'ws://10.0.0.1:443/web'])
})

/** As Curator 5.9.0 wrote them, and older ones. */
const WRITTEN: readonly (readonly [node: string, text: string, seen: object])[] = [
  ['map', '{"name":"web","id":"map","address":"10.0.0.1","port":80,"sslPort":443,"payload":{"@class":' +
    '"java.util.ImmutableCollections$Map1","zone":"a"},"registrationTimeUTC":1795883615064,"serviceType":"DYNAMIC",' +
    '"uriSpec":{"parts":[{"value":"scheme","variable":true},{"value":"://","variable":false},' +
    '{"value":"address","variable":true},{"value":"[","variable":true}]},"enabled":true}',
  { uri: 'https://10.0.0.1{', payload: { '@class': 'java.util.ImmutableCollections$Map1', zone: 'a' }, zone: 'a' }],
  ['text', '{"name":"web","id":"text","address":"fd00:0:0:0:0:0:0:2%eth0","port":8080,"sslPort":null,' +
    '"payload":"text","registrationTimeUTC":1795883598542,"serviceType":"STATIC","uriSpec":null}',
  { uri: 'http://[fd00:0:0:0:0:0:0:2%eth0]:8080', payload: 'text', serviceType: 'STATIC' }],
  ['seq0000000001', '{"name":"web","id":"seq","address":"h","port":null,"sslPort":null,"payload":null,' +
    '"registrationTimeUTC":1,"serviceType":"DYNAMIC_SEQUENTIAL","uriSpec":null}',
  { uri: 'http://h', payload: null, serviceType: 'DYNAMIC_SEQUENTIAL' }],
  ['weighed', '{"name":"web","id":"weighed","address":"h","payload":["java.util.List",[1,2]],"weight":1,"later":true}',
    { uri: 'http://h', payload: ['java.util.List', [1, 2]], weight: 1 }],
  ['strings', '{"name":"web","id":"strings","address":"h","port":"80","payload":{"weight":"2.5","tags":{"zone":"b"}}}',
    { uri: 'http://h:80', weight: 2.5, zone: 'b' }],
]

test('what Curator stores is understood, in its newer and older forms', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  await zk.create('/s/web', '', { parents: true })
  for (const [node, text] of WRITTEN) await zk.create(`/s/web/${node}`, text)
  await zk.create('/s/web/off', '{"name":"web","id":"off","address":"h","enabled":false}')
  const web = closing(t, await discover(zk, '/s', 'web'))
  for (const [, , seen] of WRITTEN) {
    const id = WRITTEN.find((each) => each[2] === seen)?.[0].replace(/\d+$/, '')
    const instance = web.instances.find((each) => each.id === id)
    const shown = Object.entries({ uri: instance?.uri(), zone: instance?.tag('zone') })
      .concat(Object.entries(instance ?? {}))
    assert.equal(Object.fromEntries(shown.filter(([field]) => field in seen)), seen)
  }
  assert.equal(ids(web.instances), ['map', 'seq', 'strings', 'text', 'weighed'])
  // What this package does not know, and what it knows, is written as it was read.
  for (const [, text] of WRITTEN.slice(1, 3)) {
    assert.ok(web.instances.some((instance) => JSON.stringify(instance) === text), text)
  }
  assert.is(web.instances.at(-1)?.toJSON()['later'], true)
})

test('what is no instance is told, and breaks nothing', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await zk.create('/s/web', '', { parents: true })
  await zk.create('/s/web/first', 'what')
  const web = closing(t, await discover(other, '/s', 'web'))
  const told: string[] = []
  web.on('invalid', (error) => void told.push(`${error.code} ${error.path}`))
  web.on('down', ({ id }) => void told.push(`down ${id}`))
  const bad = ['', '[]', 'null', '5', '{"port":99999}', '{"address":7}', '{"id":{}}', '{"name":1}', '{"port":"x"}']
  for (const [n, text] of bad.entries()) await zk.create(`/s/web/bad${n}`, text)
  await zk.create('/s/web/good', '{"address":"h","port":1}')
  await zk.create('/s/web/good/below', 'not an instance of this service')
  await web.caughtUp()
  assert.equal(ids(web.instances), ['good'])
  assert.equal(told.toSorted(), bad.map((_, n) => `ValueInvalid /s/web/bad${n}`))
  assert.equal([...web.invalid.keys()].toSorted(), ['/s/web/first', ...bad.map((_, n) => `/s/web/bad${n}`)].toSorted())
  await zk.set('/s/web/good', '{')
  await web.caughtUp()
  assert.equal([ids(web.instances), web.instances[0]?.port, web.invalid.has('/s/web/good')], [['good'], 1, true])
  await zk.set('/s/web/good', '{"address":"h","port":2}')
  await zk.set('/s/web/first', '{"id":"one"}')
  await web.caughtUp()
  assert.equal([ids(web.instances), web.instances[0]?.port], [['good', 'one'], 2])
  await zk.delete('/s/web/good', { recursive: true })
  await web.caughtUp()
  assert.equal([ids(web.instances), web.invalid.size, told.at(-1)], [['one'], bad.length, 'down good'])
})

test('updates keep what others added, and what was refused changes nothing', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const web = closing(t, await register(zk, '/s', { name: 'web', id: 'a', address: 'h', payload: { n: 1 }, weight: 2 }))
  const stored = (await other.get(web.path)).json<object>()
  await other.set(web.path, { ...stored, owner: 'ops', port: 9 })
  await web.update({ port: 80 })
  assert.equal((await other.get(web.path)).json(), { ...stored, port: 80, owner: 'ops' })
  await Promise.all([web.update({ weight: 5 }), web.update({ payload: { n: 2 } })])
  assert.equal(web.instance.payload, { n: 2, weight: 5 })
  await rejects(web.update({ payload: { n: 3, text: 'x'.repeat(1_000_000) } as never }), 'BadArguments')
  for (const wrong of [{ port: -1 }, { what: 1 }, { weight: -1 }, { tags: { a: 1 } }, { payload: 'text' }]) {
    const error = await web.update(wrong as never).then(() => null, (thrown: unknown) => thrown)
    assert.instance(error, TypeError, JSON.stringify(wrong))
  }
  await rejects(web.update({ port: 81 }, { signal: AbortSignal.abort() }), 'Aborted')
  assert.equal((await other.get(web.path)).json(), { ...stored, port: 80, owner: 'ops', payload: { n: 2, weight: 5 } })
  const back = new Promise<void>((resolve) => void web.on('state', (state) => {
    if (state === 'up') resolve()
  }))
  await other.delete(web.path)
  await back
  assert.equal((await other.get(web.path)).json<{ owner: string }>().owner, 'ops')
})

test('disabled, and enabled again; a filter', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const web = closing(t, await discover(other, '/s', 'web'))
  const near = closing(t, await discover<{ zone?: string }>(other, '/s', 'web', {
    filter: ({ payload }) => payload.zone === 'a',
  }))
  const told: string[] = []
  near.on('up', ({ id }) => void told.push(`up ${id}`))
  near.on('down', ({ id }) => void told.push(`down ${id}`))
  near.on('update', ({ id }) => void told.push(`update ${id}`))
  const a = closing(t, await register(zk, '/s', { name: 'web', id: 'a', address: 'h', payload: { zone: 'a' } }))
  closing(t, await register(zk, '/s', { name: 'web', id: 'b', address: 'h', payload: { zone: 'b' } }))
  // For this one the filter throws, as it has no payload.
  closing(t, await register(zk, '/s', { name: 'web', id: 'c', address: 'h' }))
  await Promise.all([web.caughtUp(), near.caughtUp()])
  assert.equal([ids(web.instances), ids(near.instances)], [['a', 'b', 'c'], ['a']])
  await a.update({ enabled: false })
  await Promise.all([web.caughtUp(), near.caughtUp()])
  assert.equal([ids(web.instances), ids(near.instances)], [['b', 'c'], []])
  await a.update({ enabled: true })
  await a.update({ port: 1 })
  await a.update({ payload: { zone: 'b' } })
  await near.caughtUp()
  assert.equal(told, ['up a', 'down a', 'up a', 'update a', 'down a'])
})

test('pick waits, and not longer than it is told to', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const web = await discover(zk, '/s', 'web')
  await rejects(web.pick({ waitMs: 0 }), 'NobodyThere')
  await rejects(web.pick({ signal: AbortSignal.abort() }), 'Aborted')
  const controller = new AbortController()
  const aborting = rejects(web.pick({ signal: controller.signal }), 'Aborted')
  const waiting = [web.pick(), web.pick({ waitMs: 60_000 })]
  controller.abort()
  await aborting
  const a = closing(t, await register(zk, '/s', { name: 'web', id: 'a', address: 'h' }))
  assert.equal(ids(await Promise.all(waiting)), ['a', 'a'])
  const [only = a.instance] = web.instances
  const other = web.pick({ except: [only] })
  closing(t, await register(zk, '/s', { name: 'web', id: 'b', address: 'h' }))
  assert.is((await other).id, 'b')
  const last = rejects(web.pick({ except: web.instances }), 'Closed')
  const end = next(web, 'end')
  await web.close()
  await last
  assert.equal(await end, [null])
  await rejects(web.pick(), 'Closed')
  await rejects(web.caughtUp(), 'Closed')
  assert.equal([ids(web.instances), web.isStale], [['a', 'b'], true])
})

test('the same id: the last one has it, and the first one comes back when that goes', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const web = closing(t, await discover(zk, '/s', 'web'))
  const first = closing(t, await register(zk, '/s', { name: 'web', id: 'a', address: 'first' }))
  const states: string[] = []
  const absent = new Promise<void>((resolve) => void first.on('state', (state) => {
    states.push(state)
    if (state === 'absent') resolve()
  }))
  const second = await register(other, '/s', { name: 'web', id: 'a', address: 'second' })
  await absent
  await web.caughtUp()
  assert.equal(web.instances.map(({ address }) => address), ['second'])
  const back = new Promise<void>((resolve) => void first.on('state', () => resolve()))
  await second.close()
  await back
  await web.caughtUp()
  assert.equal(web.instances.map(({ address }) => address), ['first'])
  assert.equal(states, ['absent', 'up'])
})

test('drained: out first, then its work ends, then it is closed', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const web = closing(t, await discover(other, '/s', 'web'))
  const a = await register(zk, '/s', { name: 'web', id: 'a', address: 'h' })
  await web.caughtUp()
  const states: string[] = []
  a.on('state', (state) => void states.push(state))
  let finish: () => void = () => undefined
  void a.track(new Promise<void>((resolve) => { finish = resolve }))
  const failing = a.track(Promise.reject(new Error('work may fail')))
  assert.match(String(await failing.then(() => null, (error: unknown) => error)), 'work may fail')
  assert.is(a.running, 1)
  const down = next(web, 'down')
  const draining = a.drain()
  await down
  assert.equal([web.instances, a.state, a.running], [[], 'draining', 1])
  // Who found it before calls still.
  let more: () => void = () => undefined
  void a.track(new Promise<void>((resolve) => { more = resolve }))
  finish()
  await other.sync()
  assert.is(a.state, 'draining')
  more()
  assert.is(await draining, true)
  assert.equal([a.state, states], ['closed', ['draining', 'closed']])
  assert.is(await a.drain(), true)

  const b = await register(zk, '/s', { name: 'web', id: 'b', address: 'h' })
  void b.track(new Promise(() => undefined))
  assert.is(await b.drain({ waitMs: 1 }), false)
  const c = await register(zk, '/s', { name: 'web', id: 'c', address: 'h' })
  void c.track(new Promise(() => undefined))
  const controller = new AbortController()
  const aborting = rejects(c.drain({ signal: controller.signal }), 'Aborted')
  controller.abort()
  await aborting
  await web.caughtUp()
  assert.equal([b.state, c.state, web.instances], ['closed', 'closed', []])
})

test('names of services', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  assert.equal(await services(zk, '/s'), [])
  for (const name of ['web', 'mail', 'db']) closing(t, await register(zk, '/s', { name, address: 'h' }))
  assert.equal(await services(zk, '/s'), ['db', 'mail', 'web'])
  await rejects(services(zk, '/s', { signal: AbortSignal.abort() }), 'Aborted')
})

test('one of many is found by its path alone, as others keep it by their own means', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const web = closing(t, await discover(zk, '/s', 'web'))
  const kept = await presence(zk, '/s/web/x', { id: 'x', address: 'h' })
  assert.is((await web.pick()).id, 'x')
  await kept.close()
})

test('wrong arguments', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const good = { name: 'web', address: 'h' }
  for (const wrong of [
    () => register(null as never, '/s', good), () => register(zk, '/s', null as never),
    () => register(zk, '/s', { name: 'web' } as never), () => register(zk, '/s', { ...good, name: 'a/b' }),
    () => register(zk, '/s', { ...good, id: '' }), () => register(zk, '/s', { ...good, port: 1.5 }),
    () => register(zk, '/s', { ...good, uriSpec: '{scheme' }), () => register(zk, '/s', { ...good, uriSpec: '}' }),
    () => register(zk, '/s', { ...good, payload: (() => 1) as never }),
    () => register(zk, '/s', { ...good, payload: [1], weight: 1 }),
    () => register(zk, '/s', { ...good, health: 1 as never }),
    () => register(zk, '/s', { ...good, health: { check: () => true, everyMs: 0 } }),
    () => discover(zk, '/s', ''), () => discover(zk, '/s', 'web', { strategy: 'best' as never }),
    () => discover(zk, '/s', 'web', { avoid: { threshold: 0 } }), () => discover(zk, '/s', 'web', { what: 1 } as never),
    () => discover(zk, '/s', 'web', { strategy: { sticky: 7 as never } }), () => services({} as never, '/s'),
  ]) {
    const error = await wrong().then(() => null, (thrown: unknown) => thrown)
    assert.instance(error, TypeError, String(wrong))
  }
  await rejects(register(zk, 's', good), 'BadArguments')
  await rejects(discover(zk, '/s', 'web', { signal: AbortSignal.abort() }), 'Aborted')
  await rejects(register(zk, '/s', { ...good, signal: AbortSignal.abort() }), 'Aborted')
  const web = closing(t, await discover(zk, '/s', 'web'))
  assert.throws(() => web.tryPick({ what: 1 } as never), /not known/)
  assert.equal(web.instances, [])
})

test.run()
