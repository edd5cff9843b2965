/**
 * Runs our client on an ensemble of Apache ZooKeeper that has lost its quorum and goes on reading:
 *   node --import tsx test/foreign/readonly/run.ts
 */
import { strict as assert } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from '../../../lib/node.ts'
import type { Client, RemoteConnectOptions, ZkError } from '../../../lib/node.ts'
import { tellFailure } from '../../failures.ts'
import { startApache } from '../apache.ts'

const READ_ONLY_MS = 60_000
const POLL_MS = 50

/** The session writes again, or is over: then it is an error. */
function untilWriting(zk: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const isOver = zk.state === 'expired' || zk.state === 'closed'
      if (!isOver && (zk.state !== 'connected' || zk.status().readOnly)) return
      stop()
      if (isOver) reject(new Error(`the session is ${zk.state}`))
      else resolve()
    }
    const stop = zk.on('state', look)
    look()
  })
}

/** A leader learns some time later that it has no quorum, and gives out sessions until then. */
async function untilReadOnly(i: number): Promise<void> {
  const limitMs = performance.now() + READ_ONLY_MS
  for (let mode = await servers.mode(i); mode !== 'read-only'; mode = await servers.mode(i)) {
    if (performance.now() > limitMs) throw new Error(`after ${READ_ONLY_MS} ms it is ${mode ?? 'silent'}`)
    await pause(POLL_MS)
  }
}

const servers = await startApache({
  servers: 3, jvm: ['-Dreadonlymode.enabled=true'],
  // Such a server gives out sessions of its own only.
  extra: ['tickTime=500', 'localSessionsEnabled=true', 'localSessionsUpgradingEnabled=true',
    'maxSessionTimeout=120000'],
})
let passed = 0
const ok = (text: string): void => {
  passed += 1
  process.stdout.write(`ok   ${text}\n`)
}
const address = `zk://${servers.hosts.join(',')}`
const clients: Client[] = []
async function open(options: RemoteConnectOptions): Promise<Client> {
  const zk = await connect(address, options)
  clients.push(zk)
  return zk
}
let failed = 0
try {
  const before = await open({})
  await before.create('/kept', 'all the time')
  await before.close()
  const holder = await open({ readOnly: true, sessionTimeoutMs: 120_000, connectTimeoutMs: 60_000 })
  await holder.create('/held', 'by a session', { mode: 'ephemeral' })
  const id = holder.session?.id
  await servers.kill(1)
  await servers.kill(2)
  await untilReadOnly(0)
  const plain = await connect(`zk://${servers.hosts[0] ?? ''}`, { connectTimeoutMs: 4_000 })
    .then(() => null, (error: ZkError) => error)
  assert.equal(plain?.code, 'OperationTimeout')
  ok('a client that did not ask for it gets no session')
  const zk = await open({ readOnly: true, connectTimeoutMs: 60_000 })
  assert.equal(zk.status().readOnly, true)
  assert.equal((await zk.get('/kept')).text(), 'all the time')
  ok('reads are answered')
  const error = await zk.set('/kept', 'x').then(() => null, (reason: ZkError) => reason)
  assert.deepEqual([error?.code, error?.mayHaveHappened], ['NotReadOnly', false])
  ok('a write is refused')
  assert.equal(holder.state, 'suspended')
  ok('a session of the ensemble, which such a server refuses, waits')
  await servers.restart(1)
  await untilWriting(zk)
  assert.equal((await zk.set('/kept', 'y')).version, 1)
  ok('it moves to a server that writes')
  await untilWriting(holder)
  await holder.set('/held', 'still')
  assert.deepEqual([holder.session?.id, await zk.ephemerals()], [id, []])
  assert.deepEqual(await holder.ephemerals(), ['/held'])
  ok('and so does the session of the ensemble, with what it holds')
} catch (error) {
  failed += 1
  process.stdout.write(`${tellFailure(`after ${passed} checks`, error)}\n`)
} finally {
  await Promise.all(clients.map((client) => client.close()))
  await servers.stop()
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
