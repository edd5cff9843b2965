import { createEnsemble, createPeer, isZkError } from '../../lib/node.ts'
import type { Client, CreatePeerOptions, Ensemble, ZkError } from '../../lib/node.ts'
import { level } from '../../storage/level.ts'
import { memory as memoryStorage } from '../../storage/memory.ts'
import { websocket } from '../../transports/websocket.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'

/** Wrong arguments: each is the caller's own error, and nobody else's. */
const test = suite('arguments')

async function start(t: Case, size = 3): Promise<{ readonly ensemble: Ensemble, readonly zk: Client }> {
  const ensemble = await createEnsemble({ size, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect()
  t.defer(() => zk.close())
  return { ensemble, zk }
}

async function refuses(run: () => unknown, message: RegExp): Promise<void> {
  const error = await (async () => run())().then(() => null, (thrown: unknown) => thrown)
  assert.instance(error, TypeError, String(message))
  assert.match((error as Error).message, message)
}

/** The calls as JavaScript sees them. */
type Loose = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>

const GARBAGE: readonly unknown[] = [
  undefined, null, 0, -1, NaN, 5, 2 ** 53, '', 'x', '/', '/a', '//', true, [], [null], {}, { length: 3 }, Symbol('s'),
  () => 1, new Map(), new Date(0), Object.create(null), 10n, new Uint8Array(3), { signal: {} }, { acl: 'x' },
  { acl: [null] }, { version: 'x' }, { watch: true }, { parents: 'foo' }, AbortSignal.abort(), { signal: null },
]
const CALLS = [
  'get', 'exists', 'children', 'childrenWithStat', 'getAcl', 'countChildren', 'ephemerals', 'sync', 'create',
  'createWithStat', 'set', 'delete', 'setAcl', 'whoAmI', 'once', 'watch', 'addAuth',
] as const

test('no argument whatever harms a peer, the connection or another call', async (t) => {
  const { ensemble, zk } = await start(t)
  const states: string[] = []
  zk.on('state', ({ state }) => states.push(state))
  const attempt = async (run: () => unknown): Promise<void> => {
    try {
      const value = run()
      const { close } = (value ?? {}) as { close?: () => void }
      if (typeof close === 'function') close.call(value)
      // A `once` that was accepted waits for a change.
      else await Promise.race([value, zk.sync()])
    } catch (error) {
      assert.ok(error instanceof Error, 'an Error is thrown')
    }
  }
  for (const name of CALLS) {
    for (const first of GARBAGE) {
      for (const second of name === 'watch' || name === 'whoAmI' ? GARBAGE.slice(0, 8) : GARBAGE) {
        await attempt(() => (zk as unknown as Loose)[name]!(first, second))
        if (first === '/a') await attempt(() => (zk as unknown as Loose)[name]!(first, 'x', second))
      }
    }
  }
  for (const name of ['create', 'createWithStat', 'set', 'delete', 'check', 'commit']) {
    for (const first of GARBAGE) {
      for (const second of GARBAGE) {
        await attempt(() => {
          const multi = zk.multi().create(`/m${Math.random()}`)
          const result = (multi as unknown as Loose)[name]!(first, second)
          return name === 'commit' ? result : multi.commit()
        })
      }
    }
  }
  assert.equal(states, [], 'the connection never went')
  assert.equal(ensemble.status().peers.map(({ isRunning }) => isRunning), [true, true, true])
  await zk.create('/still', 'good')
  assert.is((await zk.get('/still')).text(), 'good')
}, { timeoutMs: 60_000 })

test('an option that nobody knows is refused, and so is what is no object of options', async (t) => {
  const { zk, ensemble } = await start(t, 1)
  const loose = zk as unknown as Loose
  await zk.create('/n', 'a')
  await refuses(() => loose['create']!('/x', 1, { ephemral: true }), /'ephemral' is not known/)
  await refuses(() => loose['create']!('/x', 1, 'ephemeral'), /options must be an object/)
  await refuses(() => loose['create']!('/x', 1, { parents: 'foo' }), /'foo' is no kind of node/)
  await refuses(() => loose['delete']!('/n', 77), /options must be an object/)
  await refuses(() => loose['set']!('/n', 1, 3), /options must be an object/)
  await refuses(() => loose['set']!('/n'), /data is missing/)
  await refuses(() => loose['get']!('/n', { watch: true }), /watch must be a function/)
  await refuses(() => loose['get']!('/n', { signal: {} }), /signal must be an AbortSignal/)
  await refuses(() => loose['get']!('/n', null), /options must be an object, not null/)
  await refuses(() => loose['watch']!('/n', { onItem: 5 }), /onItem must be a function/)
  await refuses(() => zk.watch('/n', { data: false, children: false }), /never yield/)
  await refuses(() => loose['create']!('/x', 1, { acl: 'x' }), /acl must be an array/)
  await refuses(() => loose['setAcl']!('/n', [null]), /an entry of acl/)
  await refuses(() => loose['ephemerals']!({ signal: AbortSignal.timeout(1) }), /a prefix must be a string/)
  await refuses(() => loose['addAuth']!('digest'), /auth must be a string or bytes/)
  await refuses(() => loose['on']!('state'), /the listener must be a function/)
  await refuses(() => ensemble.connect({ session: {} } as never), /session must be/)
  await refuses(() => ensemble.connect({ sesion: 1 } as never), /'sesion' is not known/)
  assert.is((await zk.get('/n')).text(), 'a')
  assert.is(await zk.exists('/x'), null)
})

test('a request that is too large says how large it is, in its turn and alone', async (t) => {
  const { zk } = await start(t, 1)
  const large = 'x'.repeat(2_000_000)
  const before = zk.create('/before')
  const error = await rejects(zk.create('/big', large), 'BadArguments')
  assert.match(error.message, /a request of 20000\d\d bytes, requestBytes is 1048575/)
  assert.is((error as ZkError).path, '/big')
  const half = 'x'.repeat(600_000)
  await rejects(zk.multi().create('/one', half).create('/two', half).commit(), 'BadArguments')
  const entry = { perms: 31, scheme: 'digest', id: `user:${'h'.repeat(28)}` }
  const acl = Array.from({ length: 20_000 }, () => entry)
  await rejects(zk.create('/list', 'x', { acl }), 'BadArguments')
  await before
  assert.equal((await zk.children('/')).sort(), ['before', 'zookeeper'])
})

test('addAuth can be given up', async (t) => {
  const { zk } = await start(t, 1)
  await rejects(zk.addAuth('digest', 'a:b', { signal: AbortSignal.abort() }), 'Aborted')
  await zk.addAuth('digest', 'a:b', { signal: new AbortController().signal })
  assert.ok((await zk.whoAmI()).some(({ scheme }) => scheme === 'digest'))
})

test('wrong options of a peer and of an ensemble', async () => {
  const members = { 1: 'tcp://127.0.0.1:0', 2: 'tcp://127.0.0.1:0', 3: 'tcp://127.0.0.1:0' }
  const good = { id: 1, ensemble: { name: 'e', members }, storage: memoryStorage() }
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ storge: 1 }, /'storge' is not known/],
    [{ bootstrap: 'no' }, /bootstrap must be a boolean/],
    [{ superDigest: 'foo' }, /superDigest must be of the form/],
    [{ logger: {} }, /logger has no function/],
    [{ transports: [() => 1] }, /array of transports/],
    [{ listen: 'tcp://127.0.0.1:1' }, /listen must be an array/],
    [{ storage: '' }, /empty string/],
    [{ signal: {} }, /signal must be an AbortSignal/],
    [{ ensemble: { name: 'e', members: ['tcp://127.0.0.1:0'] } }, /object of addresses by id/],
    [{ ensemble: { name: 'e', members, size: 3 } }, /ensemble: 'size' is not known/],
    [{ ensemble: { name: 'e', members: { 1: 'tcp://h:1', 2: 'tcp://h:1' } } }, /members 1 and 2 have the same address/],
  ]
  for (const [wrong, message] of cases) {
    await refuses(() => createPeer({ ...good, ...wrong } as CreatePeerOptions), message)
  }
  await refuses(() => (createPeer as unknown as () => unknown)(), /options must be an object/)
  for (const [wrong, message] of [
    [5, /options must be an object/], [null, /options must be an object/], [{ sizee: 3 }, /'sizee' is not known/],
    [{ storage: '' }, /empty string/], [{ size: 0 }, /size must be an integer/],
  ] as const) await refuses(() => createEnsemble(wrong as never), message)
})

test('a local read of what is no path, and a storage without a place', async (t) => {
  const { ensemble } = await start(t, 1)
  const { tree } = ensemble.peers[0]!
  for (const read of ['get', 'stat', 'children', 'has'] as const) {
    await refuses(() => tree[read](undefined as never), /a path must be a string, not undefined/)
  }
  for (const location of [undefined, '', 5]) await refuses(() => level(location as never), /name of its folder/)
})

test('where there is no WebSocket, its transport says so at once', () => {
  const { WebSocket } = globalThis as { WebSocket?: unknown }
  if (WebSocket !== undefined) delete (globalThis as { WebSocket?: unknown }).WebSocket
  try {
    assert.throws(() => websocket(), (error: unknown) => isZkError(error, 'Unimplemented'))
  } finally {
    if (WebSocket !== undefined) (globalThis as { WebSocket?: unknown }).WebSocket = WebSocket
  }
})

test.run()
