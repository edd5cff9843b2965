import { createEnsemble } from '../../lib/node.ts'
import { counterAt } from '../../lib/recipes/index.ts'
import { deleteSurely } from '../../lib/recipes/protected-node.ts'
import { assert, suite } from '../harness.ts'

const test = suite('sure deletion')

test('a client that takes no more calls is asked again later, not in an endless turn', async (t) => {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect({ pendingCalls: 1 })
  t.defer(() => zk.close())
  await zk.create('/gone')
  const other = zk.create('/other')
  await deleteSurely(zk, '/gone')
  await other
  assert.is(await zk.exists('/gone'), null)
})

test('recipes work with a client that takes no more than two calls at a time', async (t) => {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect({ pendingCalls: 2 })
  t.defer(() => zk.close())
  const counter = counterAt(zk, '/n')
  await Promise.all([counter.add(), counter.add(), counter.add()])
  assert.is(await counter.get(), 3)
})

test.run()
