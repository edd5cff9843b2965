/** Sessions over the wire whose server is killed. */
import assert from 'node:assert/strict'
import { isZkError } from '../../lib/node.ts'
import { untilState } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'

const WRITES = 50

/** All of them. */
export const KILL_CASES: readonly RemoteCase[] = [{
  name: 'servers are killed one after the other, and the session goes on at another with all it has',
  needs: 'kill',
  async run(scene) {
    const { servers } = scene
    const { hosts } = servers
    const path = `${scene.root}/e`
    const counter = `${scene.root}/counter`
    const other = await scene.connect()
    await other.create(counter)
    for (const [i, host] of hosts.entries()) {
      const zk = await scene.connect({
        hosts: [host, ...hosts.filter((one) => one !== host)], shuffle: false, sessionTimeoutMs: 15_000,
        connectTimeoutMs: 20_000,
      })
      const id = zk.session?.id
      await zk.create(path, '', { ephemeral: true })
      const watch = zk.watch(path)
      await watch.ready()
      const before = (await zk.get(counter)).stat.version
      const away = untilState(zk, 'suspended')
      const killing = servers.kill?.(i)
      const done = (await Promise.all(Array.from({ length: WRITES }, () => zk.set(counter, '').then(() => 'done',
        (error: unknown) => isZkError(error, 'ConnectionLoss') && error.mayHaveHappened ? 'unknown' : String(error)))))
      await killing
      await away
      await zk.set(path, 'still mine')
      assert.deepEqual(await zk.ephemerals(), [path])
      assert.equal(zk.session?.id, id)
      assert.equal((await zk.get(path)).stat.ephemeralOwner, id)
      const { version } = (await zk.get(counter)).stat
      const [sure, unsure] = ['done', 'unknown'].map((result) => done.filter((one) => one === result).length)
      assert.equal(sure! + unsure!, WRITES, done.join())
      assert.ok(version - before >= sure! && version - before <= WRITES, `${version - before} of ${sure} to ${WRITES}`)
      await zk.close()
      await servers.restart?.(i)
    }
  },
}]
