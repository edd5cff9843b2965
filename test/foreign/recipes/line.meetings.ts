/** Single meetings of a client of kazoo and one of this package at the same lock or election. */
import { strict as assert } from 'node:assert'
import type { Client } from '../../../lib/node.ts'
import {
  acquire, acquireRead, acquireWrite, contenders, lead, leaderOf, tryAcquire,
} from '../../../lib/recipes/index.ts'
import type { Meeting } from './meeting.ts'
import type { Scene } from './scene.ts'
import type { Script } from './script.ts'

const OTHER = '../kazoo/other.py'

/** The program with kazoo, started. */
async function meet(scene: Scene, timeoutSeconds = 6): Promise<Script> {
  const other = scene.script(OTHER, String(timeoutSeconds))
  assert.equal(await other.says(), 'started')
  return other
}

/** Resolves when these stand in line, as they call themselves. */
async function inLine(zk: Client, path: string, ...wanted: readonly string[]): Promise<void> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      zk.children(path, { watch: () => resolve() }).catch(() => resolve())
    })
    const names = (await contenders(zk, path)).map(({ name }) => name)
    if (names.join() === wanted.join()) return
    assert.ok(names.length < wanted.length, `${names.join()} are in line, not ${wanted.join()}`)
    await changed
  }
}

async function waitsForKazoo(scene: Scene): Promise<void> {
  const [zk, other] = [await scene.connect(), await meet(scene)]
  other.tell('acquire', '/l', 'Lock')
  assert.equal(await other.says(), 'acquired /l')
  assert.equal(await tryAcquire(zk, '/l'), null)
  const [holder] = await contenders(zk, '/l')
  assert.deepEqual([holder?.name, holder?.holds], ['other', true])
  const mine = acquire(zk, '/l', { name: 'mine' })
  await inLine(zk, '/l', 'other', 'mine')
  other.tell('release', '/l')
  assert.equal(await other.says(), 'released')
  const lock = await mine
  assert.ok(lock.held)
  await lock.release()
}

async function kazooWaits(scene: Scene): Promise<void> {
  const [zk, observer, other] = [await scene.connect(), await scene.connect(), await meet(scene)]
  const lock = await acquire(zk, '/l', { name: 'mine' })
  other.tell('acquire', '/l', 'Lock')
  await inLine(observer, '/l', 'mine', 'other')
  assert.ok(lock.held)
  // The session ends, and nobody has released anything.
  await zk.close()
  assert.equal(await other.says(), 'acquired /l')
  assert.equal(lock.held, false)
}

async function kazooDies(scene: Scene): Promise<void> {
  const [zk, other] = [await scene.connect(), await meet(scene, 1.5)]
  other.tell('acquire', '/l', 'Lock')
  assert.equal(await other.says(), 'acquired /l')
  const mine = acquire(zk, '/l', { name: 'mine' })
  await inLine(zk, '/l', 'other', 'mine')
  await other.kill()
  const lock = await mine
  assert.deepEqual((await contenders(zk, '/l')).map(({ name }) => name), ['mine'])
  await lock.release()
}

async function readersShare(scene: Scene): Promise<void> {
  const [zk, writer, other, late] = [
    await scene.connect(), await scene.connect(), await meet(scene), await meet(scene),
  ]
  other.tell('acquire', '/rw', 'ReadLock')
  assert.equal(await other.says(), 'acquired /rw')
  const read = await acquireRead(zk, '/rw', { waitMs: 10_000, name: 'reader' })
  const writing = acquireWrite(writer, '/rw', { name: 'writer' })
  await inLine(zk, '/rw', 'other', 'reader', 'writer')
  late.tell('acquire', '/rw', 'ReadLock')
  await inLine(zk, '/rw', 'other', 'reader', 'writer', 'other')
  assert.deepEqual((await contenders(zk, '/rw')).map(({ holds }) => holds), [true, true, false, false])
  await read.release()
  other.tell('release', '/rw')
  assert.equal(await other.says(), 'released')
  const lock = await writing
  assert.ok(lock.held)
  await lock.release()
  assert.equal(await late.says(), 'acquired /rw')
  late.tell('release', '/rw')
  assert.equal(await late.says(), 'released')
}

async function leadInTurn(scene: Scene): Promise<void> {
  const [zk, other] = [await scene.connect(), await meet(scene)]
  other.tell('elect', '/e')
  assert.equal(await other.says(), 'leads')
  assert.equal((await leaderOf(zk, '/e'))?.name, 'other')
  const mine = lead(zk, '/e', async (term) => {
    assert.equal((await leaderOf(zk, '/e'))?.path, term.path)
    await term.guard.create('/by-the-leader')
    other.tell('elect', '/e')
    await inLine(zk, '/e', 'mine', 'other')
    return 'led'
  }, { name: 'mine' })
  await inLine(zk, '/e', 'other', 'mine')
  other.tell('resign', '/e')
  const said = new Set([await other.says(), await other.says()])
  assert.equal(await mine, 'led')
  assert.deepEqual(said, new Set(['led', 'leads']))
}

/** By name. */
export const MEETINGS: Readonly<Record<string, Meeting>> = {
  'ours waits while kazoo has the lock': waitsForKazoo,
  'kazoo waits while ours has the lock, and gets it when our session ends': kazooWaits,
  'ours gets the lock of a kazoo that was killed': kazooDies,
  'readers of both share, a writer waits for both, and a reader for the writer': readersShare,
  'they lead one after the other, and each sees who does': leadInTurn,
}
