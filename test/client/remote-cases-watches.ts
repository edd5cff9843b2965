/** Watches over the wire. */
import assert from 'node:assert/strict'
import type { WatchChange } from '../../lib/node.ts'
import { fails } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'
import { next, text, whileAway } from './watching.ts'

const ONE_SHOTS: readonly RemoteCase[] = [{
  name: 'a read leaves a watch for one change',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const { root } = scene
    const path = `${root}/a`
    const seen: string[] = []
    const watch = (name: string) => (change: WatchChange): void => void seen.push(`${name}: ${text(change)}`)
    await zk.exists(path, { watch: watch('exists') })
    await zk.children(root, { watch: watch('children') })
    await zk.childrenWithStat(root, { watch: watch('with stat') })
    await zk.get(root, { watch: watch('get') })
    const { stat } = await other.createWithStat(path, '1')
    await other.set(path, '2')
    await other.delete(path)
    await other.set(root, 'x')
    await zk.sync(root)
    assert.deepEqual(seen.splice(0).sort(),
      ['children: children /r', 'exists: created /r/a', 'get: changed /r', 'with stat: children /r']
        .map((line) => line.replace('/r', root)))
    assert.ok(stat.czxid > 0)
    await fails(zk.get(path, { watch: watch('none') }), 'NoNode')
    await other.create(path)
    await zk.sync(path)
    await zk.get(path, { watch: watch('again') })
    await other.delete(path)
    await zk.sync(root)
    assert.deepEqual(seen, [`again: deleted ${path}`])
  },
}, {
  name: 'once waits for the next change, or until it is aborted',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const path = `${scene.root}/a`
    const controller = new AbortController()
    const created = zk.once(path)
    const child = zk.once(scene.root, { children: true })
    const given = zk.once(path, { signal: controller.signal })
    await zk.sync(path)
    controller.abort()
    await fails(given, 'Aborted')
    await other.create(path)
    assert.equal(text(await created), `created ${path}`)
    assert.equal(text(await child), `children ${scene.root}`)
  },
}, {
  name: 'one-shot watches fire for what happened while there was no connection',
  async run(scene) {
    const { root } = scene
    const shots: Promise<WatchChange>[] = []
    await whileAway(scene, async (other) => {
      await other.set(`${root}/data`, 'x')
      await other.create(`${root}/new`)
      await other.delete(`${root}/old`)
      await other.create(`${root}/parent/child`)
    }, async (zk) => {
      for (const name of ['data', 'old', 'parent', 'same']) await zk.create(`${root}/${name}`)
      for (const name of ['data', 'new', 'old', 'same']) shots.push(zk.once(`${root}/${name}`))
      shots.push(zk.once(`${root}/parent`, { children: true }))
      await zk.sync(root)
    })
    const [data, made, old, same, parent] = shots
    assert.deepEqual((await Promise.all([data!, made!, old!, parent!])).map(text),
      [`changed ${root}/data`, `created ${root}/new`, `deleted ${root}/old`, `children ${root}/parent`])
    const other = await scene.connect()
    await other.set(`${root}/same`, 'x')
    assert.equal(text(await same!), `changed ${root}/same`)
  },
}]

const PERSISTENT: readonly RemoteCase[] = [{
  name: 'a persistent watch yields every change of a node and of its children, in order',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const path = `${scene.root}/a`
    const watch = zk.watch(path)
    await watch.ready()
    const { stat } = await other.createWithStat(path, '1')
    await other.set(path, '2')
    await other.create(`${path}/b`)
    await other.set(`${path}/b`, '')
    await other.create(`${path}/b/c`)
    await other.delete(path, { recursive: true })
    const { value: first } = await watch.next()
    assert.equal(first && text(first), `created ${path}`)
    assert.equal(first?.zxid, stat.czxid)
    const rest = [await next(watch), await next(watch), await next(watch), await next(watch)]
    assert.deepEqual(rest, ['changed', 'children', 'children', 'deleted'].map((type) => `${type} ${path}`))
  },
}, {
  name: 'a recursive watch yields every change below',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const { root } = scene
    const seen: string[] = []
    const ended: unknown[] = []
    const watch = zk.watch(root, {
      recursive: true, onItem: (item) => void seen.push(text(item)), onEnd: (error) => void ended.push(error),
    })
    await watch.ready()
    await other.create(`${root}/a/b`, '', { parents: true })
    await other.multi().set(`${root}/a`, '1').delete(`${root}/a/b`).create(`${root}/c`).commit()
    await other.set(root, 'x')
    await zk.sync(root)
    assert.deepEqual(seen, ['created /a', 'created /a/b', 'changed /a', 'deleted /a/b', 'created /c', 'changed ']
      .map((line) => line.replace(/ (.*)$/, ` ${root}$1`)))
    watch.close()
    assert.deepEqual(ended, [null])
  },
}]

/** All of them. */
export const WATCH_CASES: readonly RemoteCase[] = [...ONE_SHOTS, ...PERSISTENT]
