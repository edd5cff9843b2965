/** Watches over the wire: their order among the replies, what they miss, and their end. */
import assert from 'node:assert/strict'
import type { Client, Watcher } from '../../lib/node.ts'
import { fails, untilState } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'
import { next, text, whileAway } from './watching.ts'

const ROUNDS = 30

const ORDER: readonly RemoteCase[] = [{
  name: 'an event comes before the reply that shows the change',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const path = `${scene.root}/a`
    await zk.create(path, '0')
    let heard = 0
    const watch = zk.watch(path, { onItem: () => void (heard += 1) })
    await watch.ready()
    for (let round = 1; round <= ROUNDS; round += 1) {
      const writing = (round % 2 === 0 ? zk : other).set(path, String(round))
      for (let version = -1; version < round;) {
        const reads = await Promise.all([0, 1, 2].map(() => zk.get(path).then(({ stat }) => [stat.version, heard])))
        for (const [read = 0, events = 0] of reads) assert.ok(events >= read, `version ${read} after ${events} events`)
        version = reads.at(-1)?.[0] ?? 0
      }
      await writing
    }
    assert.equal(heard, ROUNDS)
  },
}, {
  name: 'a watch begins with the present state',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const { root } = scene
    await zk.create(`${root}/a/b`, 'deep', { parents: true })
    await zk.create(`${root}/c`, 'x')
    const watch = zk.watch(root, { recursive: true, initial: true })
    const present = [await next(watch), await next(watch), await next(watch), await next(watch)].sort()
    assert.deepEqual(present, ['', '/a', '/a/b', '/c'].map((below) => `present ${root}${below}`))
    await other.delete(`${root}/c`)
    assert.equal(await next(watch), `deleted ${root}/c`)
  },
}, {
  name: 'a reader that is too slow gets one gap',
  async run(scene) {
    const zk = await scene.connect()
    const path = `${scene.root}/a`
    const watch = zk.watch(path, { bufferItems: 2 })
    await watch.ready()
    await zk.create(path)
    for (let i = 0; i < 5; i += 1) await zk.set(path, '')
    assert.deepEqual([await next(watch), await next(watch)], [`created ${path}`, `changed ${path}`])
    const { value: gap } = await watch.next()
    assert.ok(gap?.type === 'gap' && gap.reason === 'overflow')
    await zk.delete(path)
    assert.equal(await next(watch), `deleted ${path}`)
  },
}]

const MISSED: readonly RemoteCase[] = [{
  name: 'what persistent watches missed without a connection is one gap each, and they go on',
  async run(scene) {
    const { root } = scene
    const watches: Watcher[] = []
    const zk = await whileAway(scene, async (other) => {
      for (const name of ['b', 'c', 'd']) await other.create(`${root}/a/${name}`)
      await other.set(`${root}/a`, 'x')
    }, async (client) => {
      await client.create(`${root}/a`)
      watches.push(client.watch(`${root}/a`), client.watch(root, { recursive: true }),
        client.watch(`${root}/a`, { initial: true }))
      for (const watch of watches) await watch.ready()
      assert.equal(await next(watches[2]!), `present ${root}/a`)
    })
    for (const watch of watches) {
      const { value: gap } = await watch.next()
      assert.ok(gap?.type === 'gap' && gap.reason === 'reconnect', gap && text(gap))
    }
    const { value: present } = await watches[2]!.next()
    assert.ok(present?.type === 'present' && present.node.text() === 'x')
    await zk.set(`${root}/a`, 'y')
    assert.equal(await next(watches[0]!), `changed ${root}/a`)
    assert.equal(await next(watches[1]!), `changed ${root}/a`)
    assert.equal(await next(watches[2]!), `changed ${root}/a`)
    await zk.create(`${root}/a/e`)
    assert.deepEqual([await next(watches[0]!), await next(watches[1]!), await next(watches[2]!)],
      [`children ${root}/a`, `created ${root}/a/e`, `children ${root}/a`])
  },
}, {
  name: 'a connection that is cut again and again makes no more than one gap for what was missed once',
  async run(scene) {
    const { root } = scene
    const other = await scene.connect({ hosts: [scene.host(0)] })
    const { zk, proxy } = await scene.proxied()
    const watch = zk.watch(root, { recursive: true })
    await watch.ready()
    for (let round = 0; round < 3; round += 1) {
      const away = untilState(zk, 'suspended')
      proxy.refuse()
      await away
      if (round === 1) await other.create(`${root}/missed`)
      const back = untilState(zk, 'connected')
      proxy.welcome()
      await back
    }
    assert.equal(await next(watch), `gap ${root}`)
    await zk.create(`${root}/seen`)
    assert.equal(await next(watch), `created ${root}/seen`)
  },
}]

/** The events that the server sends for one change. */
async function eventsOf(zk: Client, change: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = []
  const off = zk.on('event', (event) => void seen.push(text(event)))
  await change()
  await zk.sync('/')
  off()
  return seen
}

const ENDS: readonly RemoteCase[] = [{
  name: 'watches that are left or removed are gone at the server too',
  async run(scene) {
    const zk = await scene.connect()
    const path = `${scene.root}/a`
    const both = [zk.watch(path), zk.watch(path)]
    const below = zk.watch(scene.root, { recursive: true })
    for (const watch of [...both, below]) await watch.ready()
    await zk.create(path)
    both[0]?.close()
    assert.equal((await eventsOf(zk, () => zk.set(path, '1'))).length >= 1, true)
    both[1]?.close()
    below.close()
    assert.deepEqual(await eventsOf(zk, () => zk.set(path, '2')), [])
    const once = zk.once(path)
    const child = zk.once(path, { children: true })
    const watch = zk.watch(path)
    await watch.ready()
    assert.deepEqual(await zk.removeWatches(path, 'data'), ['data'])
    await fails(once, 'Closed')
    assert.deepEqual((await zk.removeWatches(path)).sort(), ['children', 'persistent'])
    await fails(child, 'Closed')
    assert.deepEqual(await watch.next(), { done: true, value: undefined })
    await fails(zk.removeWatches(path), 'NoWatcher')
    assert.deepEqual(await eventsOf(zk, () => zk.delete(path)), [])
  },
}, {
  name: 'the end of the client ends its watches',
  async run(scene) {
    const zk = await scene.connect()
    const watch = zk.watch(scene.root)
    const aborted = zk.watch(scene.root, { signal: AbortSignal.abort() })
    await fails(aborted.next(), 'Aborted')
    const reading = watch.next()
    const once = zk.once(scene.root)
    await zk.close()
    assert.deepEqual(await reading, { done: true, value: undefined })
    await fails(once, 'Closed')
    await fails(zk.watch(scene.root).next(), 'Closed')
  },
}]

/** All of them. */
export const REARM_CASES: readonly RemoteCase[] = [...ORDER, ...MISSED, ...ENDS]
