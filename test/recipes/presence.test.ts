import { Client, createEnsemble, Perm } from '../../lib/node.ts'
import { presence, sessionsFrom } from '../../lib/recipes/index.ts'
import { untilState } from '../client/remote-scene.ts'
import { pass, SleepyClock } from '../client/wire-server.ts'
import { assert, rejects, suite } from '../harness.ts'
import { cutPlace } from './cut.ts'
import { Losing } from './losing.ts'
import { place } from './place.ts'
import { closing, next, untilGone } from './presence-scene.ts'
import { timedPlace } from './timed.ts'

const test = suite('presence')

test('the node is there, with its data, and is made again when somebody deletes it', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const kept = closing(t, await presence(zk, '/here/me', 'x'))
  assert.equal([kept.path, kept.isPresent, kept.isOver], ['/here/me', true, false])
  const first = await other.get('/here/me')
  assert.equal([first.text(), first.stat.ephemeralOwner], ['x', zk.session?.id])
  const [absent, present] = [next(kept, 'absent'), next(kept, 'present')]
  await other.delete('/here/me')
  await absent
  assert.equal(await present, ['/here/me'])
  const second = await other.get('/here/me')
  assert.ok(second.stat.czxid > first.stat.czxid)
  assert.is(second.text(), 'x')
  // With its parent, as a container may go when it is empty.
  const again = next(kept, 'present')
  await other.multi().delete('/here/me').delete('/here').commit()
  await again
  assert.is((await other.get('/here/me')).text(), 'x')
})

test('sequential: a name of its own, and another number every time', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const [a, b] = [await presence(zk, '/g/m-', 'a', { mode: 'ephemeralSequential' }),
    await presence(zk, '/g/m-', 'b', { mode: 'ephemeralSequential' })]
  const paths = [a.path ?? '', b.path ?? '']
  for (const path of paths) assert.match(path, /^\/g\/[0-9a-f]{32}m-\d{10}$/)
  const present = next(a, 'present')
  await other.delete(paths[0] ?? '')
  const [again] = await present
  assert.is.not(again, paths[0])
  assert.is(again, a.path)
  assert.equal((await other.children('/g')).sort(), [again.slice(3), (paths[1] ?? '').slice(3)].sort())
  await Promise.all([a.close(), b.close()])
  // The container may be gone already.
  assert.equal(await other.children('/g').catch(() => []), [])
})

test('data: set now, and again whenever the node is made anew', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const kept = closing(t, await presence(zk, '/p', 'one'))
  const { czxid } = (await other.get('/p')).stat
  await Promise.all([kept.set('two'), kept.set({ three: 3 })])
  const node = await other.get('/p')
  assert.equal([node.json(), node.stat.czxid], [{ three: 3 }, czxid])
  const present = next(kept, 'present')
  await other.delete('/p')
  const writing = kept.set('four')
  await present
  await writing
  await other.sync()
  assert.is((await other.get('/p')).text(), 'four')
  await other.set('/p', 'by another')
  await kept.set('five')
  assert.is((await other.get('/p')).text(), 'five')
})

test('data that is refused: its setter hears of it, and the former data stays', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const kept = closing(t, await presence(zk, '/p', 'small'))
  await rejects(kept.set('x'.repeat(1_000_001)), 'BadArguments')
  await rejects(presence(zk, '/q', 'x'.repeat(1_000_001)), 'BadArguments')
  const anyone = { scheme: 'world', id: 'anyone' }
  await other.setAcl('/p', [{ ...anyone, perms: Perm.read | Perm.admin }])
  const [one, two] = [kept.set('one'), kept.set('two')]
  await rejects(one, 'NoAuth')
  await rejects(two, 'NoAuth')
  assert.is((await other.get('/p')).text(), 'small')
  const present = next(kept, 'present')
  await other.delete('/p')
  await present
  assert.is((await other.get('/p')).text(), 'small')
  await kept.set('good')
  assert.is((await other.get('/p')).text(), 'good')
  const aborting = AbortSignal.abort()
  await rejects(kept.set('never', { signal: aborting }), 'Aborted')
  assert.is((await other.get('/p')).text(), 'good')
})

test('closed: the node is gone, and stays away', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const kept = await presence(zk, '/p')
  const [absent, end] = [next(kept, 'absent'), next(kept, 'end')]
  const waiting = kept.present()
  await waiting
  await kept.close()
  assert.equal([await absent, await end], [[], [null]])
  assert.equal([kept.isPresent, kept.path, kept.isOver], [false, null, true])
  await other.sync()
  assert.is(await other.exists('/p'), null)
  await kept.close()
  await rejects(kept.set('x'), 'Closed')
  await rejects(kept.present(), 'Closed')
  assert.equal(zk.state, 'connected')
  const controller = new AbortController()
  const signalled = await presence(zk, '/p', null, { signal: controller.signal })
  const gone = other.once('/p')
  assert.ok(await other.exists('/p'))
  controller.abort()
  assert.is((await gone).type, 'deleted')
  assert.is(signalled.isOver, true)
  await using disposed = await presence(zk, '/q')
  assert.ok(disposed.isPresent)
})

test('somebody else is there: it waits until he goes, or takes his place', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const first = await presence(other, '/p', 'first')
  const controller = new AbortController()
  const inVain = presence(zk, '/p', 'in vain', { signal: controller.signal })
  const opening = presence(zk, '/p', 'second')
  await zk.sync()
  controller.abort()
  await rejects(inVain, 'Aborted')
  assert.is((await zk.get('/p')).text(), 'first')
  await first.close()
  const second = closing(t, await opening)
  assert.is((await other.get('/p')).text(), 'second')
  const absent = next(second, 'absent')
  const third = await presence(other, '/p', 'third', { replace: true })
  await absent
  // It does not fight for it: the third stays until it goes.
  assert.is((await zk.get('/p')).text(), 'third')
  await rejects(second.present({ signal: AbortSignal.abort() }), 'Aborted')
  const present = next(second, 'present')
  await third.close()
  await present
  assert.is((await zk.get('/p')).text(), 'second')
})

test('two of one session: each keeps its own node, and neither takes the other one for it', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const first = await presence(other, '/p', 'first')
  const controller = new AbortController()
  let isThere = false
  const inVain = presence(zk, '/p', 'in vain', { signal: controller.signal }).finally(() => { isThere = true })
  await zk.sync()
  const second = closing(t, await presence(zk, '/p', 'second', { replace: true }))
  const { stat } = await other.get('/p')
  for (let round = 0; round < 5; round++) await zk.sync()
  assert.is(isThere, false)
  controller.abort()
  await rejects(inVain, 'Aborted')
  await first.close()
  for (let round = 0; round < 5; round++) await zk.sync()
  assert.equal([(await zk.get('/p')).stat.czxid, (await zk.get('/p')).text()], [stat.czxid, 'second'])
  const absent = next(second, 'absent')
  const third = closing(t, await presence(zk, '/p', 'third', { replace: true }))
  await absent
  await second.close()
  assert.equal([(await zk.get('/p')).text(), second.isPresent, third.isPresent], ['third', false, true])
})

test('one session: when it is over, so is the presence', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const kept = await presence(zk, '/p')
  const end = next(kept, 'end')
  const writing = rejects(kept.set('x').then(() => kept.set('y')).then(() => zk.close())
    .then(() => kept.present()), 'Closed')
  assert.is((await end)[0]?.code, 'Closed')
  await writing
  await rejects(kept.set('z'), 'Closed')
  await rejects(presence(zk, '/p'), 'Closed')
  await kept.close()
})

test('a presence that is over lets go of the signal that would close it', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const program = new AbortController()
  const kept = await presence(zk, '/p', null, { signal: program.signal })
  const end = next(kept, 'end')
  let closes = 0
  kept.close = (): Promise<void> => {
    closes += 1
    return Promise.resolve()
  }
  await zk.close()
  await end
  program.abort()
  assert.is(closes, 0)
})

test('one session after the other: it comes back in the next', async (t) => {
  const at = await place(t)
  const other = await at.connect()
  let opened = 0
  const sessions = await sessionsFrom(async () => {
    opened += 1
    // What cannot be opened is opened again.
    if (opened === 2) throw new Error('not yet')
    return at.connect()
  })
  t.defer(() => sessions.close())
  const failures: unknown[] = []
  sessions.on('failed', (error) => void failures.push((error as Error).message))
  const kept = closing(t, await presence(sessions, '/p', 'x'))
  const first = sessions.client
  await kept.set('y')
  const told: string[] = []
  kept.on('absent', () => void told.push('absent'))
  const present = next(kept, 'present')
  const session = new Promise<Client>((resolve) => void sessions.on('session', resolve))
  await first.close()
  const writing = kept.set('z')
  await present
  await writing
  const second = await session
  assert.equal([opened, failures, told], [3, ['not yet'], ['absent']])
  assert.is(sessions.client, second)
  assert.is(await sessions.current(), second)
  await other.sync()
  const node = await other.get('/p')
  assert.equal([node.text(), node.stat.ephemeralOwner], ['z', second.session?.id])
  const end = next(kept, 'end')
  await sessions.close()
  assert.is((await end)[0]?.code, 'Closed')
  await rejects(sessions.current(), 'Closed')
  assert.is(second.state, 'closed')
})

test('the session expired while the program was cut off: back in another', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  let zk: Client | null = at.zk
  const sessions = await sessionsFrom(async () => {
    const first = zk
    zk = null
    return first ?? at.connect()
  })
  const kept = closing(t, await presence(sessions, '/p', 'x'))
  const seen: string[] = []
  kept.on('absent', () => void seen.push('absent'))
  const present = next(kept, 'present')
  await at.whileAway(async () => {
    assert.is(kept.isPresent, true)
    await (await at.connect(at.zk.session)).close()
    assert.is(await other.exists('/p'), null)
  })
  await present
  assert.is(at.zk.state, 'expired')
  assert.equal(seen, ['absent'])
  assert.is((await other.get('/p')).stat.ephemeralOwner, sessions.client.session?.id)
  await sessions.close()
})

test('a session that is over here before it is at the ensemble: the next one clears its nodes away', async (t) => {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const [peer] = ensemble.peers
  if (peer === undefined) throw new Error('no peer')
  const clock = new SleepyClock()
  const losing = Object.assign(new Losing(peer.endpoint), { isRemote: true })
  const zk = await Client.connect({ endpoints: [losing], clock })
  const other = await ensemble.connect()
  const all = [await ensemble.connect(), zk]
  const sessions = await sessionsFrom(() => Promise.resolve(all.pop() ?? other))
  const kept = await presence(sessions, '/p', 'x')
  const numbered = await presence(sessions, '/g/n-', 'x', { mode: 'ephemeralSequential' })
  const leaving = await presence(sessions, '/q', 'x')
  losing.lose('write', () => new Promise(() => undefined))
  await rejects(zk.create('/never'), 'ConnectionLoss')
  assert.is(zk.state, 'suspended')
  const closed = leaving.close()
  const again = [next(kept, 'present'), next(numbered, 'present')]
  await pass(clock, 20_000, 500)
  await closed
  await Promise.all(again)
  const former = zk.session?.id
  assert.equal([zk.state, former !== undefined && peer.tree.hasSession(former)], ['expired', true])
  await untilGone(other, '/q')
  const owner = sessions.client.session?.id
  assert.is((await other.get('/p')).stat.ephemeralOwner, owner)
  assert.equal((await other.children('/g')).map((name) => `/g/${name}`), [numbered.path])
  await sessions.close()
  await other.close()
})

test('deleted, or data set, while it is away: made good when it is back', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  const kept = closing(t, await presence(at.zk, '/p', 'x'))
  const present = next(kept, 'present')
  let writing: Promise<void> = Promise.resolve()
  await at.whileAway(async () => {
    await other.delete('/p')
    writing = kept.set('y')
  })
  await present
  await writing
  assert.is((await other.get('/p')).text(), 'y')
  await at.whileAway(() => Promise.resolve())
  await untilState(at.zk, 'connected')
  await kept.set('z')
  assert.is(kept.isPresent, true)
  assert.is((await other.get('/p')).text(), 'z')
})

test('closed while it is away: deleted when it is back', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  const kept = await presence(at.zk, '/p', 'x')
  let closed: Promise<void> = Promise.resolve()
  await at.whileAway(async () => {
    closed = kept.close()
    assert.ok(await other.exists('/p'))
  })
  await closed
  await other.sync()
  assert.is(await other.exists('/p'), null)
})

test('the session may be over: absent, and close does not wait for the network', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  const kept = await presence(zk, '/p', 'x')
  const seen: string[] = []
  kept.on('absent', () => void seen.push(zk.state))
  await at.ensemble.peer(1)?.stop()
  // The peer that carried an in-process session takes it along.
  assert.ok(['closed', 'suspended', 'lost'].includes(zk.state))
  clock.pass(20_000)
  assert.is(kept.isPresent, false)
  assert.is(seen.length, 1)
  await kept.close()
})

test('the most that a node may hold takes a place, too', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  await presence(other, '/p', 'first')
  const second = closing(t, await presence(at.zk, '/p', new Uint8Array(1_000_000), { replace: true }))
  assert.is((await other.exists(second.path ?? ''))?.dataLength, 1_000_000)
})

test('closed at the moment at which a session comes: that one is closed, too', async (t) => {
  const at = await place(t)
  const beside = await at.connect()
  for (let turns = 0; turns < 12; turns++) {
    const zks: Client[] = []
    let onOpened: () => void = () => undefined
    const opened = new Promise<void>((resolve) => { onOpened = resolve })
    const sessions = await sessionsFrom(async () => {
      const zk = await at.connect()
      if (zks.push(zk) === 2) onOpened()
      return zk
    })
    await zks[0]?.close()
    await opened
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    await sessions.close()
    while (zks[1]?.state !== 'closed') await beside.sync()
    await rejects(sessions.current(), 'Closed')
  }
})

test('what the ensemble refuses is tried again, and told', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const anyone = { scheme: 'world', id: 'anyone' }
  await other.create('/dir')
  const kept = closing(t, await presence(zk, '/dir/p', 'x'))
  await other.setAcl('/dir', [{ ...anyone, perms: Perm.read | Perm.delete | Perm.admin }])
  const failed = next(kept, 'failed')
  await other.delete('/dir/p')
  assert.is((await failed)[0].code, 'NoAuth')
  assert.is(kept.isPresent, false)
  const present = next(kept, 'present')
  await other.setAcl('/dir', [{ ...anyone, perms: Perm.all }])
  await present
  assert.is((await other.get('/dir/p')).text(), 'x')
  await other.setAcl('/dir', [{ ...anyone, perms: Perm.read | Perm.admin }])
  await rejects(presence(zk, '/dir/q'), 'NoAuth')
  await other.setAcl('/dir', [{ ...anyone, perms: Perm.all }])
})

test('wrong arguments', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  for (const wrong of [
    () => presence(null as never, '/p'), () => presence({} as never, '/p'), () => presence(zk, '/'),
    () => presence(zk, '/p', 'x', { mode: 'persistent' as never }),
    () => presence(zk, '/p', 'x', { what: 1 } as never),
    () => presence(zk, '/p', 'x', { replace: 1 as never }), () => presence(zk, '/p', (() => 1) as never),
    () => sessionsFrom(null as never), () => sessionsFrom(() => at.connect(), { what: 1 } as never),
  ]) {
    const error = await wrong().then(() => null, (thrown: unknown) => thrown)
    assert.instance(error, TypeError)
  }
  await rejects(presence(zk, 'p'), 'BadArguments')
  const kept = closing(t, await presence(zk, '/p'))
  const error = await kept.set(undefined).then(() => null, (thrown: unknown) => thrown)
  assert.instance(error, TypeError)
  await rejects(sessionsFrom(() => at.connect(), { signal: AbortSignal.abort() }), 'Aborted')
  const none = sessionsFrom(() => Promise.reject(new Error('no')))
  const failure = await none.then(() => null, (thrown: unknown) => thrown)
  assert.match(String(failure), 'no')
})

test.run()
