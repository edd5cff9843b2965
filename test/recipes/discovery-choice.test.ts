import { DownList } from '../../lib/recipes/down-list.ts'
import { Instance } from '../../lib/recipes/instance.ts'
import { chooserOf } from '../../lib/recipes/strategy.ts'
import type { Strategy } from '../../lib/recipes/strategy.ts'
import { discover } from '../../lib/recipes/index.ts'
import { FakeClock } from '../client/fakes.ts'
import { assert, rejects, suite } from '../harness.ts'
import { timedPlace } from './timed.ts'

const test = suite('discovery, choice')

function instance(id: string, payload: object = {}): Instance {
  return new Instance<unknown>({
    name: 'web', id, address: 'h', port: 1, sslPort: null, payload, registrationTimeUTC: 0, serviceType: 'DYNAMIC',
    uriSpec: null, enabled: true,
  })
}

/** The ids that are chosen one after the other. */
function chosen(strategy: Strategy, instances: readonly Instance[], count: number): (string | undefined)[] {
  const choose = chooserOf(strategy, Math)
  return Array.from({ length: count }, () => choose(instances)?.id)
}

function counts(all: readonly (string | undefined)[]): Record<string, number> {
  const seen: Record<string, number> = {}
  for (const id of all) seen[id ?? ''] = (seen[id ?? ''] ?? 0) + 1
  return seen
}

const ABC = [instance('a'), instance('b'), instance('c')]

test('round robin: in turn, from anywhere; who comes and goes disturbs nobody', () => {
  const turns = chosen('roundRobin', ABC, 30).join('')
  assert.ok('abcabcabcabcabcabcabcabcabcabcabc'.includes(turns), turns)
  const starts = new Set(Array.from({ length: 200 }, () => chosen('roundRobin', ABC, 1)[0]))
  assert.is(starts.size, 3)
  const choose = chooserOf('roundRobin', Math)
  while (choose(ABC)?.id !== 'a');
  assert.is(choose([instance('a'), instance('aa'), instance('b'), instance('c')])?.id, 'aa')
  assert.is(choose([instance('c')])?.id, 'c')
  assert.is(choose(ABC)?.id, 'a')
})

test('random: each of them', () => {
  const seen = counts(chosen('random', ABC, 3_000))
  assert.equal(Object.keys(seen).toSorted(), ['a', 'b', 'c'])
  // Seven standard deviations.
  for (const count of Object.values(seen)) assert.ok(count > 820 && count < 1_180, JSON.stringify(seen))
})

test('weighted: in proportion, evenly spread', () => {
  const weighed = [['a', 5], ['b', 1], ['c', 0]].map(([id, weight]) => instance(`${id}`, { weight }))
    .concat(instance('d'))
  const all = chosen('weighted', weighed, 701)
  const seen = counts(all)
  assert.ok(Math.abs((seen['a'] ?? 0) - 500) <= 2, JSON.stringify(seen))
  assert.ok(Math.abs((seen['b'] ?? 0) - 100) <= 2 && Math.abs((seen['d'] ?? 0) - 100) <= 2, JSON.stringify(seen))
  assert.is(seen['c'], undefined)
  // Nobody waits for longer than it takes.
  assert.ok(!/[^b]{14}/.test(all.join('')), 'b is left out for long')
  assert.equal(Object.keys(counts(chosen('weighted', [instance('x', { weight: 0 }), instance('y', { weight: 0 })], 20)))
    .toSorted(), ['x', 'y'])
})

test('sticky: the same for as long as it is there', () => {
  const choose = chooserOf({ sticky: (instances) => instances.at(-1) }, Math)
  assert.equal([choose(ABC)?.id, choose([...ABC, instance('d')])?.id], ['c', 'c'])
  assert.equal([choose(ABC.slice(0, 2))?.id, choose(ABC)?.id], ['b', 'b'])
  assert.is(new Set(chosen('sticky', ABC, 20)).size, 1)
})

test('nearest: by the tags, the first counting most', () => {
  const best = instance('best', { tags: { zone: 'a', region: 'eu' } })
  const zone = [instance('java', { zone: 'a', region: 'us' }), instance('zone', { tags: { zone: 'a', region: 'us' } })]
  const region = instance('region', { tags: { region: 'eu' } })
  const nearest = { zone: 'a', region: 'eu' }
  assert.equal(counts(chosen({ nearest }, [best, instance('far'), region, ...zone], 10)), { best: 10 })
  assert.equal(counts(chosen({ nearest }, [instance('far'), region, ...zone], 10)), { zone: 5, java: 5 })
  assert.equal(counts(chosen({ nearest }, [instance('far'), region], 10)), { region: 10 })
  assert.equal(counts(chosen({ nearest, among: (some) => some[0] }, [instance('x'), instance('y')], 10)), { x: 10 })
})

test('instances that failed are avoided from some failures on, for a while', () => {
  const clock = new FakeClock()
  const list = new DownList(clock, { threshold: 2, forMs: 1_000 })
  list.add('a')
  assert.equal([list.has('a'), list.nextMs], [false, null])
  clock.pass(400)
  list.add('a')
  assert.equal([list.has('a'), list.has('b'), list.nextMs], [true, false, 600])
  list.add('b')
  list.add('b')
  list.delete('b')
  assert.is(list.has('b'), false)
  clock.pass(599)
  assert.is(list.has('a'), true)
  clock.pass(1)
  assert.equal([list.has('a'), list.nextMs, list.isEmpty], [false, null, true])
})

test('pick avoids who is down, falls back when nobody else is there, or waits', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  for (const id of ['a', 'b']) await zk.create(`/s/web/${id}`, { address: id }, { parents: true })
  const web = await discover(zk, '/s', 'web')
  t.defer(() => web.close())
  const [a, b] = web.instances
  if (a === undefined || b === undefined) throw new Error('both are there')
  web.down(a)
  for (let n = 0; n < 4; n++) assert.is((await web.pick()).id, 'b')
  assert.equal(web.avoided, [a])
  // An update is no new beginning, another node is.
  await zk.set('/s/web/a', { address: 'a', port: 1 })
  await web.caughtUp()
  assert.equal(web.avoided.map(({ port }) => port), [1])
  clock.pass(10_000)
  web.down(b)
  assert.equal(new Set([web.tryPick()?.id, web.tryPick()?.id]), new Set(['a', 'b']))
  assert.is(web.tryPick({ fallBack: false }), null)
  const waiting = web.pick({ fallBack: false })
  const inVain = rejects(web.pick({ fallBack: false, waitMs: 100 }), 'NobodyThere')
  clock.pass(100)
  await inVain
  clock.pass(19_900)
  assert.is((await waiting).id, 'a')
  web.up(b)
  assert.equal(web.avoided, [])
  web.down(a)
  web.down(web.instances[0] ?? a)
  assert.equal(web.avoided.map(({ id }) => id), ['a'])
  await zk.delete('/s/web/a')
  await zk.create('/s/web/a', { address: 'anew' })
  await web.caughtUp()
  assert.equal(web.avoided, [])
  // One that is gone may be told down: nothing happens.
  web.down(a)
  assert.equal(web.avoided, [])
})

test('a strategy of one\'s own: what it refuses is waited for, what it throws is told', async (t) => {
  const at = await timedPlace(t)
  const { zk } = await at.connect()
  await zk.create('/s/web/a', { address: 'a' }, { parents: true })
  const web = await discover(zk, '/s', 'web', { strategy: (all) => all.find(({ id }) => id === 'b') })
  t.defer(() => web.close())
  assert.is(web.tryPick(), null)
  const waiting = web.pick()
  await zk.create('/s/web/b', { address: 'b' })
  assert.is((await waiting).id, 'b')
  const throwing = await discover(zk, '/s', 'web', { strategy: () => { throw new Error('no idea') } })
  t.defer(() => throwing.close())
  assert.match(String(await throwing.pick().then(() => null, (error: unknown) => error)), 'no idea')
})

test.run()
