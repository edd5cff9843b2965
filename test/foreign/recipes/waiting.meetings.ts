/** Clients of kazoo, of Curator and of this package at the same barrier and double barrier, and at kazoo's queue. */
import { strict as assert } from 'node:assert'
import type { Client } from '../../../lib/node.ts'
import { barrierAt, contenders, doubleBarrierAt, queueAt } from '../../../lib/recipes/index.ts'
import { CuratorProgram } from './curator-program.ts'
import type { Meeting } from './meeting.ts'
import type { Scene } from './scene.ts'
import type { Script } from './script.ts'

const OTHER = '../kazoo/other.py'
const ITEMS = 60

async function meet(scene: Scene): Promise<Script> {
  const other = scene.script(OTHER, '10')
  assert.equal(await other.says(), 'started')
  return other
}

const curators = new CuratorProgram('Barriers')

async function meetCurator(scene: Scene): Promise<Script> {
  const other = scene.keep(await curators.start(scene.hosts))
  assert.equal(await other.says(), 'started')
  return other
}

/** Resolves when the folder has so many children. */
async function untilChildren(zk: Client, path: string, count: number): Promise<void> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      const watch = (): void => resolve()
      zk.children(path, { watch }).catch(() => zk.exists(path, { watch })).catch(watch)
    })
    if ((await zk.children(path).catch(() => [])).length === count) return
    await changed
  }
}

async function oneBarrier(scene: Scene, other: Script): Promise<void> {
  const zk = await scene.connect()
  const barrier = barrierAt(zk, '/barrier')
  assert.equal(await barrier.set(), true)
  // Its server may be behind until it has written.
  other.tell('set', '/barrier')
  assert.equal(await other.says(), 'set')
  other.tell('wait', '/barrier')
  other.tell('set', '/barrier')
  assert.equal(await other.says(), 'set')
  assert.equal(await barrier.lift(), true)
  assert.equal(await other.says(), 'passed')
  other.tell('set', '/barrier')
  assert.equal(await other.says(), 'set')
  await zk.sync()
  assert.equal(await barrier.set(), false)
  let isOpen = false
  const waiting = barrier.wait().then(() => { isOpen = true })
  await zk.sync()
  assert.equal(isOpen, false)
  other.tell('lift', '/barrier')
  assert.equal(await other.says(), 'lifted True')
  await waiting
}

/** Ours comes first, then the other, in turn: each opens what the other waits for. */
async function oneDoubleBarrier(scene: Scene, other: Script): Promise<void> {
  const [zk, watcher] = [await scene.connect(), await scene.connect()]
  const barrier = doubleBarrierAt(zk, '/double', { count: 2, name: 'ours' })
  for (let round = 0; round < 6; round++) {
    const isOurFirst = round % 2 === 0
    if (!isOurFirst) other.tell('enter', '/double')
    const entering = isOurFirst ? barrier.enter() : untilChildren(watcher, '/double', 1).then(() => barrier.enter())
    await untilChildren(watcher, '/double', 1)
    if (isOurFirst) other.tell('enter', '/double')
    const stay = await entering
    assert.equal(await other.says(), 'entered')
    await watcher.sync()
    assert.equal((await watcher.children('/double')).length, 3)
    if (round < 3) {
      other.tell('leave', '/double')
      await stay.leave()
    } else {
      const leaving = stay.leave()
      await zk.sync()
      other.tell('leave', '/double')
      await leaving
    }
    assert.equal(await other.says(), 'left')
    await untilChildren(watcher, '/double', 0)
  }
}

async function oneItem(scene: Scene): Promise<void> {
  const [zk, other] = [await scene.connect(), await meet(scene)]
  const queue = queueAt(zk, '/queue')
  await queue.put('idle', { priority: 200 })
  other.tell('locked_put', '/queue', 'plain', '100')
  assert.equal(await other.says(), 'put')
  await queue.put('urgent', { priority: 3 })
  await zk.sync()
  const first = await queue.take()
  assert.equal(first.text(), 'urgent')
  other.tell('get', '/queue')
  assert.equal(await other.says(), 'got plain')
  await zk.sync()
  assert.deepEqual(await queue.size(), { waiting: 1, taken: 2, delayed: 0 })
  await first.done()
  // It gives back what it had: it is the first again, and ours gets it.
  other.tell('give', '/queue')
  assert.equal(await other.says(), 'given True')
  await zk.sync()
  const second = await queue.take()
  assert.equal(second.text(), 'plain')
  other.tell('get', '/queue')
  assert.equal(await other.says(), 'got idle')
  other.tell('consume', '/queue')
  assert.equal(await other.says(), 'consumed True')
  // It waits for what ours has, and gets it when our session ends.
  other.tell('get', '/queue')
  await zk.sync()
  await zk.close()
  assert.equal(await other.says(), 'got plain')
  other.tell('consume', '/queue')
  assert.equal(await other.says(), 'consumed True')
}

async function oursGetsWhatDies(scene: Scene): Promise<void> {
  const [zk, observer, other] = [await scene.connect(), await scene.connect(), scene.script(OTHER, '1.5')]
  assert.equal(await other.says(), 'started')
  await queueAt(zk, '/queue').put('a')
  other.tell('get', '/queue')
  assert.equal(await other.says(), 'got a')
  const waiting = queueAt(zk, '/queue').take()
  await untilChildren(observer, '/queue/takers', 1)
  await other.kill()
  const item = await waiting
  assert.equal(item.text(), 'a')
  await item.done()
  assert.deepEqual(await contenders(observer, '/queue/takers'), [])
}

/** Both take from one queue until it is empty: each its share, as kazoo waits for ever for what is not there. */
async function manyItems(scene: Scene): Promise<string> {
  const [zk, second, other] = [await scene.connect(), await scene.connect(), await meet(scene)]
  await queueAt(zk, '/queue').putAll(Array.from({ length: ITEMS }, (_, index) => `item${index}`))
  await second.sync()
  const [ours, theirs]: [string[], string[]] = [[], []]
  let left = ITEMS * 3 / 4
  const work = async (client: Client): Promise<void> => {
    while (left > 0) {
      left -= 1
      const item = await queueAt(client, '/queue').take()
      ours.push(item.text())
      await item.done()
    }
  }
  const working = [zk, second].map(work)
  for (let n = 0; n < ITEMS / 4; n++) {
    other.tell('get', '/queue')
    theirs.push((await other.says()).replace('got ', ''))
    other.tell('consume', '/queue')
    assert.equal(await other.says(), 'consumed True')
  }
  await Promise.all(working)
  await zk.sync()
  assert.deepEqual(await queueAt(zk, '/queue').size(), { waiting: 0, taken: 0, delayed: 0 })
  assert.equal(new Set([...ours, ...theirs]).size, ITEMS)
  assert.equal(ours.length + theirs.length, ITEMS)
  return `${ours.length} and ${theirs.length} of ${ITEMS}`
}

/** By name. */
export const MEETINGS: Readonly<Record<string, Meeting>> = {
  'each waits at the barrier that the other sets and lifts': async (scene) => oneBarrier(scene, await meet(scene)),
  'they enter a double barrier together and leave it together, six times': async (scene) =>
    oneDoubleBarrier(scene, await meet(scene)),
  'Curator and ours wait at the barrier that the other sets and lifts': async (scene) =>
    oneBarrier(scene, await meetCurator(scene)),
  'Curator and ours enter a double barrier together and leave it together, six times': async (scene) =>
    oneDoubleBarrier(scene, await meetCurator(scene)),
  'each takes items of a queue that the other put, gave back, or left behind': oneItem,
  'ours takes the item of a kazoo that was killed': oursGetsWhatDies,
  'they share the items of a queue': manyItems,
}
