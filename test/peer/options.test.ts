import { isZkError } from '../../lib/core/errors.ts'
import { digestIdentities } from '../../lib/peer/digest.ts'
import { readOptions, configText, DEFAULT_TIMING } from '../../lib/peer/options.ts'
import type { PeerOptions } from '../../lib/peer/options.ts'
import type { Storage } from '../../lib/ports/storage.ts'
import { assert, suite } from '../harness.ts'

const test = suite('peer options')

const storage = { features: { persistent: true, durable: true }, open: () => undefined } as unknown as Storage
const good: PeerOptions = {
  id: 1, transports: [], storage,
  ensemble: { name: 'garden', members: { 10: 'tcp://c:65535', 1: ['tcp://a:1', 'ws://a:2'], 2: { addresses: [],
    role: 'observer' } } },
}

test('defaults are filled in and members sorted', () => {
  const settings = readOptions(good)
  assert.equal(settings.members, [
    { id: 1, role: 'voter', addresses: ['tcp://a:1', 'ws://a:2'] }, { id: 2, role: 'observer', addresses: [] },
    { id: 10, role: 'voter', addresses: ['tcp://c:65535'] },
  ])
  assert.equal(settings.timing, DEFAULT_TIMING)
  assert.is(settings.bootstrap, false)
  assert.is(settings.ttl, true)
  const alone = readOptions({ ...good, ensemble: { name: 'x', members: { 1: [] } } })
  assert.is(alone.bootstrap, true)
  assert.is(configText(alone.members), '')
  assert.is(configText(settings.members),
    'server.1=a:1:2|a:2:3:participant\nserver.2=0.0.0.0:0:1:observer\nserver.10=c:65535:65534:participant\nversion=0')
})

test('wrong arguments are TypeErrors', () => {
  const weak = { ...storage, features: { persistent: true, durable: false } }
  const members = good.ensemble.members
  const wrong: readonly Record<string, unknown>[] = [
    { id: 0 }, { id: 1.5 }, { id: '1' }, { id: 3 }, { ensemble: undefined }, { ensemble: { name: '', members } },
    { ensemble: { name: 'x', members: null } }, { ensemble: { name: 'x', members: { one: 'tcp://a:1' } } },
    { ensemble: { name: 'x', members: { 1: 7 } } }, { ensemble: { name: 'x', members: { 1: { addresses: [],
      role: 'x' } } } },
    { ensemble: { name: 'x', members: { 1: { addresses: [], role: 'observer' } } } },
    { transports: null }, { storage: {} }, { storage: weak }, { secret: '' }, { secret: 7 },
    { timing: { tickMs: 0 } }, { timing: { tikMs: 5 } }, { timing: { syncMs: 100 } },
    { timing: { sessionMinMs: 9_000, sessionMaxMs: 8_000 } }, { limits: { frameBytes: 10 } }, { limits: { other: 10 } },
  ]
  for (const change of wrong) {
    assert.throws(() => readOptions({ ...good, ...change } as PeerOptions),
      (error: unknown) => error instanceof TypeError && !error.message.endsWith('.'), JSON.stringify(change))
  }
  assert.throws(() => readOptions({ ...good, listen: ['nowhere'] }), (error: unknown) => isZkError(error,
    'AddressInvalid'))
  readOptions({ ...good, id: 2, storage: weak })
})

test('digest identities are those of ZooKeeper', async () => {
  const auth = new TextEncoder().encode('super:admin')
  const digest = 'super:xQJmxLMiHGwaqBvst5y6rkB6HQs='
  assert.equal(await digestIdentities(auth), [{ scheme: 'digest', id: digest }])
  assert.equal(await digestIdentities(auth, digest), [{ scheme: 'super', id: '' }, { scheme: 'digest', id: digest }])
  assert.ok((await digestIdentities(new TextEncoder().encode('bob')))[0]?.id.startsWith('bob:'))
})

test.run()
