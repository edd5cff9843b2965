/** Sessions over the wire: connections that are cut, held or never come about. */
import assert from 'node:assert/strict'
import { isZkError } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import type { Proxy } from './proxy.ts'
import { fails, untilState } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'

const WRITES = 300

/** Sends writes without waiting, and then cuts; gives for each whether it is `done`, `unknown` or `not done`. */
async function cutWriting(zk: Client, root: string, proxy: Proxy, cut: () => Promise<unknown>): Promise<string[]> {
  const results = Promise.all(Array.from({ length: WRITES }, async (_, i) => {
    try {
      assert.equal(await zk.create(`${root}/${i}`), `${root}/${i}`)
      return 'done'
    } catch (error) {
      if (!isZkError(error, 'ConnectionLoss')) throw error
      return error.mayHaveHappened ? 'unknown' : 'not done'
    }
  }))
  const away = untilState(zk, 'suspended')
  await cut()
  proxy.cut()
  await away
  proxy.release()
  return results
}

/** What an error says must be true, and the session must be the same as before. */
async function checkTruth(zk: Client, root: string, results: readonly string[]): Promise<Set<string>> {
  await zk.sync(root)
  const names = new Set(await zk.children(root))
  for (const [i, result] of results.entries()) {
    if (result === 'done') assert.ok(names.has(String(i)), `${i} was done`)
    if (result === 'not done') assert.ok(!names.has(String(i)), `${i} was not done`)
  }
  return names
}

const CUTS: readonly RemoteCase[] = [{
  name: 'writes whose answers are cut off may have happened, and did',
  async run(scene) {
    const other = await scene.connect()
    const { zk, proxy } = await scene.proxied()
    const id = zk.session?.id
    const last = other.once(`${scene.root}/${WRITES - 1}`)
    await other.sync(scene.root)
    proxy.hold('down')
    const results = await cutWriting(zk, scene.root, proxy, () => last)
    assert.deepEqual(new Set(results), new Set(['unknown']))
    assert.equal((await checkTruth(zk, scene.root, results)).size, WRITES)
    assert.equal(zk.session?.id, id)
  },
}, {
  name: 'writes that are cut off on the way may have happened, and did not',
  async run(scene) {
    const { zk, proxy } = await scene.proxied()
    proxy.hold('up')
    const results = await cutWriting(zk, scene.root, proxy, () => new Promise((resolve) => { setImmediate(resolve) }))
    assert.deepEqual(new Set(results), new Set(['unknown']))
    assert.equal((await checkTruth(zk, scene.root, results)).size, 0)
  },
}, {
  name: 'a cut in the middle of writes: every error is true, and nothing happens twice',
  async run(scene) {
    const other = await scene.connect()
    const { zk, proxy } = await scene.proxied()
    const counter = `${scene.root}/counter`
    await zk.create(counter)
    const half = zk.once(`${scene.root}/${WRITES / 2}`)
    const sets = Array.from({ length: WRITES }, () => zk.set(counter, '').then(() => 1, () => 0))
    const results = await cutWriting(zk, scene.root, proxy, () => half)
    const late = await zk.set(counter, 'late')
    await checkTruth(zk, scene.root, results)
    assert.equal(results[0], 'done')
    const done = (await Promise.all(sets)).reduce<number>((sum, one) => sum + one, 0)
    assert.ok(late.version > done && late.version <= WRITES + 1, `${late.version} after ${done} of ${WRITES}`)
    await other.sync(counter)
    assert.equal((await other.exists(counter))?.version, late.version)
  },
}, {
  name: 'reads that are cut off are asked again, and calls wait for a connection',
  async run(scene) {
    const { zk, proxy } = await scene.proxied()
    await zk.create(`${scene.root}/a`, '1')
    proxy.hold('down')
    const read = zk.get(`${scene.root}/a`)
    const away = untilState(zk, 'suspended')
    proxy.refuse()
    assert.ok(((await away).aliveForMs ?? 0) > 0)
    const write = zk.set(`${scene.root}/a`, '2')
    const after = zk.get(`${scene.root}/a`)
    proxy.release()
    proxy.welcome()
    assert.equal((await read).text(), '1')
    assert.equal((await write).version, 1)
    assert.equal((await after).text(), '2')
  },
}, {
  name: 'an aborted call says whether it may have happened',
  async run(scene) {
    const { zk, proxy } = await scene.proxied()
    const path = `${scene.root}/a`
    proxy.hold('up')
    const controller = new AbortController()
    const { signal } = controller
    const write = zk.create(path, '', { signal })
    const read = zk.get(scene.root, { signal })
    const multi = zk.multi().create(`${path}2`).commit({ signal })
    controller.abort(new Error('enough'))
    const error = await fails(write, 'Aborted')
    assert.ok(error.mayHaveHappened && (error.cause as Error).message === 'enough')
    assert.ok((await fails(multi, 'Aborted')).mayHaveHappened)
    assert.equal((await fails(read, 'Aborted')).mayHaveHappened, false)
    assert.equal((await fails(zk.set(path, '', { signal }), 'Aborted')).mayHaveHappened, false)
    proxy.release()
    assert.deepEqual((await zk.children(scene.root)).sort(), ['a', 'a2'])
  },
}, {
  name: 'too large a request fails alone, and the session goes on',
  async run(scene) {
    const zk = await scene.connect()
    const id = zk.session?.id
    await zk.create(`${scene.root}/e`, '', { ephemeral: true })
    const large = zk.create(`${scene.root}/large`, new Uint8Array(3_000_000))
    await fails(large, 'ConnectionLoss')
    const reads = zk.multiRead()
    for (let i = 0; i < 3_000; i += 1) reads.get(`/${String(i).padStart(500, 'x')}`)
    assert.equal((await fails(reads.commit(), 'ConnectionLoss')).mayHaveHappened, false)
    assert.equal(await zk.create(`${scene.root}/fits`, new Uint8Array(1_000_000)), `${scene.root}/fits`)
    assert.deepEqual((await zk.children(scene.root)).sort(), ['e', 'fits'])
    assert.equal(zk.session?.id, id)
  },
}]

/** All of them. */
export const SESSION_CASES: readonly RemoteCase[] = [...CUTS]
