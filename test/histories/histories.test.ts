import { checkLinearizable, HistoryRecorder, RecordedClient, simulate, znodeModel } from '../../lib/testing/index.ts'
import type { ZnodeInput, ZnodeOutput } from '../../lib/testing/index.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { assert, rejects, suite } from '../harness.ts'
import { Campaign } from './campaign.ts'
import { simulated } from './simulated.ts'
import { SPOILERS } from './spoilers.ts'

const test = suite('histories')

test('of an ensemble in bad weather are linearizable, and spoiled ones are not', async () => {
  const campaign = new Campaign(null)
  for (const seed of [1, 2, 9]) {
    const { history } = await simulated(seed)
    await campaign.judgeRecorded('simulated', `seed ${seed}`, history, seed)
  }
  assert.equal(campaign.problems, [])
  const good = campaign.tallies.get('simulated')!
  assert.ok(good.operations > 300 && good.unknown > 5, JSON.stringify(good))
  for (const way of Object.keys(SPOILERS)) {
    assert.ok(campaign.tallies.get(`spoiled: ${way}`)!.violated > 0, `${way} was not tried`)
  }
}, { timeoutMs: 60_000 })

test('one seed gives one history', async () => {
  const [one, other] = [await simulated(8, { operations: 20 }), await simulated(8, { operations: 20 })]
  assert.equal(one.history, other.history)
}, { timeoutMs: 30_000 })

test('a read without a sync may be stale, and that is seen', async () => {
  await using world = simulate({ seed: 12 })
  await world.run(async () => {
    await world.ready()
    const leader = world.leader()!
    const [follower = 0, other = 0] = world.ids.filter((id) => id !== leader)
    const [near, far] = [await world.connect({ to: [leader, other] }), await world.connect({ to: [follower] })]
    for (const isSynced of [false, true]) {
      const recorder = new HistoryRecorder<ZnodeInput, ZnodeOutput>(() => world.nowMs)
      const [writer, reader] = [new RecordedClient(near, recorder, 'w'), new RecordedClient(far, recorder, 'r')]
      const path = `/synced-${isSynced}`
      await writer.create(path, 'old')
      await reader.get(path)
      world.partition([follower], [leader, other])
      await writer.set(path, 'new')
      const read = reader.get(path, { sync: isSynced })
      // The one without asks nobody; the other waits until the follower is back.
      if (!isSynced) assert.is((await read).text(), 'old')
      world.heal()
      if (isSynced) assert.is((await read).text(), 'new')
      const result = checkLinearizable(recorder.history(), znodeModel)
      assert.is(result.verdict, isSynced ? 'linearizable' : 'violated')
      if (result.verdict === 'violated') assert.equal(result.window.before, [{ value: 'new', version: 1 }])
      await world.ready()
    }
  })
}, { timeoutMs: 30_000 })

test('a recorded client notes answers, failures and what nobody knows', async () => {
  await using world = simulate({ seed: 13 })
  await world.run(async () => {
    const recorder = new HistoryRecorder<ZnodeInput, ZnodeOutput>(() => world.nowMs)
    const zk = await world.connect()
    const client = new RecordedClient(zk, recorder, 'c')
    await rejects(client.get('/a'), 'NoNode')
    assert.is(await client.create('/a', 'one'), '/a')
    await rejects(client.create('/a', 'two'), 'NodeExists')
    assert.is((await client.set('/a', 'two', 0)).version, 1)
    await rejects(client.set('/a', 'three', 0), 'BadVersion')
    assert.is((await client.get('/a')).text(), 'two')
    world.loseReplies(zk)
    await rejects(client.set('/a', 'four'), 'ConnectionLoss')
    assert.is((await client.get('/a')).text(), 'four')
    await client.delete('/a')
    await zk.close()
    await rejects(client.set('/a', 'five'))
    await rejects(client.get('/a'))
    const history = recorder.history()
    assert.equal(history.map(({ outcome, output }) => output ?? outcome), [
      { error: 'NoNode' }, { done: true }, { error: 'NodeExists' }, { version: 1 }, { error: 'BadVersion' },
      { value: 'two', version: 1 }, 'unknown', { value: 'four', version: 2 }, { done: true }, 'failed', 'failed',
    ])
    assert.is(checkLinearizable(history, znodeModel).verdict, 'linearizable')
    for (const spoil of Object.values(SPOILERS)) {
      const spoiled = spoil(history, makeRandom(1))
      if (spoiled !== null) assert.is(checkLinearizable(spoiled, znodeModel).verdict, 'violated')
    }
  })
})

test.run()
