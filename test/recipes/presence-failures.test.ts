import type { Client } from '../../lib/node.ts'
import { presence } from '../../lib/recipes/index.ts'
import type { Presence } from '../../lib/recipes/index.ts'
import { untilState } from '../client/remote-scene.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'
import { place } from './place.ts'
import { closing, next, untilGone } from './presence-scene.ts'

const test = suite('presence, failures')

for (const loss of ['write', 'answer'] as const) {
  test(`the ${loss} of a create or a change is lost: one node, with the newest data`, async (t) => {
    const { losing, zk, other } = await losingPlace(t)
    losing.lose(loss)
    const kept = await presence(zk, '/p', 'x')
    assert.is((await other.get('/p')).text(), 'x')
    losing.lose(loss)
    await kept.set('y')
    assert.is((await other.get('/p')).text(), 'y')
    losing.lose(loss, undefined, ({ op }) => op === 2)
    await kept.close()
    assert.is(await other.exists('/p'), null)
    losing.lose(loss)
    const numbered = await presence(zk, '/g/n-', 'x', { mode: 'ephemeralSequential' })
    assert.is((await other.children('/g')).length, 1)
    await numbered.close()
    assert.equal(await other.children('/g').catch(() => []), [])
    assert.is(losing.losses, 4)
  })

  test(`closed while the ${loss} of its create is lost: nothing is left`, async (t) => {
    const { losing, zk, other } = await losingPlace(t)
    const controller = new AbortController()
    losing.lose(loss, () => {
      controller.abort()
      return Promise.resolve()
    })
    await rejects(presence(zk, '/p', 'x', { signal: controller.signal }), 'Aborted')
    // Its close goes on: what this session asks for comes after it.
    await untilState(zk, 'connected')
    await untilGone(other, '/p')
    assert.is(losing.losses, 1)
  })
}

/** The client, but before its call of this name that follows so many others something else happens. */
function before(zk: Client, method: 'set' | 'delete', others: number, work: () => Promise<unknown>): Client {
  let calls = 0
  return new Proxy(zk, {
    get: (client, name) => {
      const value: unknown = Reflect.get(client, name, client)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        const call = (): unknown => (value as (...all: unknown[]) => unknown).apply(client, given)
        if (name !== method || calls++ !== others) return call()
        return work().then(call)
      }
    },
  })
}

for (const sets of [0, 1]) {
  test(`somebody takes its place just before it writes or leaves, set ${sets} times: his stays as it is`, async (t) => {
    const at = await place(t)
    const [zk, other] = [await at.connect(), await at.connect()]
    let second: Presence | undefined
    const takeOver = async (): Promise<void> => {
      second = closing(t, await presence(other, '/p', 'second', { replace: true }))
    }
    const first = closing(t, await presence(before(zk, 'set', sets, takeOver), '/p', 'first'))
    for (let time = 0; time < sets; time++) await first.set('once more')
    const absent = next(first, 'absent')
    const writing = rejects(first.set('late'), 'Closed')
    await absent
    assert.equal([(await other.get('/p')).text(), second?.isPresent], ['second', true])
    await first.close()
    await writing
    await second?.close()
    const third = await presence(before(zk, 'delete', 0, takeOver), '/p', 'third')
    for (let time = 0; time < sets; time++) await third.set('once more')
    await third.close()
    await other.sync()
    const { stat } = await other.get('/p')
    assert.is(stat.ephemeralOwner, other.session?.id)
    await second?.set('still there')
    assert.is((await other.get('/p')).stat.czxid, stat.czxid)
  })
}

/** The client of a server that answers a create in a multi without its stat, as Apache ZooKeeper 3.6 does. */
function withoutStats(zk: Client): Client {
  return new Proxy(zk, {
    get: (client, name) => {
      const value: unknown = Reflect.get(client, name, client)
      if (typeof value !== 'function') return value
      if (name !== 'multi') return value.bind(client) as unknown
      return (): unknown => {
        const multi = client.multi()
        const commit = multi.commit.bind(multi)
        const strip = (result: unknown): unknown =>
          typeof result === 'object' && result !== null && 'path' in result ? { ...result, stat: undefined } : result
        return Object.assign(multi, {
          commit: async () => (await commit() as readonly unknown[]).map((result) => strip(result)),
        })
      }
    },
  })
}

test('a server that gives no stat in a multi: taken over, made again and left all the same', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const first = await presence(other, '/p', 'first')
  const second = await presence(withoutStats(zk), '/p', 'second', { replace: true })
  assert.is((await other.get('/p')).text(), 'second')
  await first.close()
  assert.is((await other.get('/p')).text(), 'second')
  const present = next(second, 'present')
  await other.delete('/p')
  await present
  assert.is((await other.get('/p')).stat.ephemeralOwner, zk.session?.id)
  await second.close()
  await other.sync()
  assert.is(await other.exists('/p'), null)
})

test.run()
