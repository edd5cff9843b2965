import { join, membersOf, presence, sessionsFrom, watchMembers } from '../../lib/recipes/index.ts'
import type { Membership } from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { datasOf, Gathered } from './gathered.ts'
import { place } from './place.ts'

const test = suite('members')

function closing(t: Case, membership: Membership): Membership {
  t.defer(() => membership.close())
  return membership
}

test('members see each other, what each says, and who comes and goes', async (t) => {
  const at = await place(t)
  const [a, b, c] = [await at.connect(), await at.connect(), await at.connect()]
  const first = closing(t, await join(a, '/group', 'one'))
  assert.equal([datasOf(first), first.isStale, first.isPresent, first.size], [['one'], false, true, 1])
  assert.match(first.id, /^[0-9a-f]{32}__party__$/)
  const own = first.self
  assert.equal([own?.id, own?.session], [first.id, a.session?.id])
  const seen = new Gathered(first)
  const second = closing(t, await join(b, '/group', { is: 'two' }, { id: 'host-2' }))
  assert.equal([second.id, datasOf(second)], ['host-2', ['one', '{"is":"two"}']])
  assert.equal(second.get('host-2')?.node.json(), { is: 'two' })
  const third = await join(c, '/group', 'three')
  await first.caughtUp()
  assert.equal(datasOf(first), ['one', '{"is":"two"}', 'three'])
  await second.set('2')
  await third.close()
  await first.caughtUp()
  assert.equal([datasOf(first), third.isOver, third.isPresent, third.isStale], [['one', '2'], true, false, true])
  // A session that ends without a word.
  await b.close()
  await first.caughtUp()
  assert.equal(seen.told, ['joined host-2 {"is":"two"}', `joined ${third.id} three`, 'changed host-2 2',
    `left ${third.id} three`, 'left host-2 2'])
  await first.close()
  assert.equal(await membersOf(c, '/group'), [])
})

test('an observer: no member, and the same view', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const view = await watchMembers(zk, '/apps/web')
  assert.equal([[...view], await membersOf(zk, '/apps/web'), view.isStale], [[], [], false])
  const seen = new Gathered(view)
  const member = await join(other, '/apps/web', 'x')
  await seen.until(({ size }) => size === 1)
  const [found] = await membersOf(zk, '/apps/web')
  assert.equal([found?.id, found?.node.text(), found?.session], [member.id, 'x', other.session?.id])
  assert.equal([view.has(member.id), view.get(member.id)?.since], [true, found?.since])
  await member.close()
  await view.caughtUp()
  assert.is(view.size, 0)
  await view.close()
  await rejects(view.caughtUp(), 'Closed')
  await view.close()
  assert.equal(await zk.exists('/apps/web').then((stat) => stat?.numChildren ?? 0), 0)
})

test('what others put there: ephemeral nodes are members, and nothing else', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await zk.create('/mixed')
  const view = await watchMembers(zk, '/mixed')
  const hex = '0123456789abcdef0123456789abcdef'
  await other.create(`/mixed/${hex}__party__`, 'of kazoo', { mode: 'ephemeral' })
  await other.create(`/mixed/${hex}-shallow`, '0', { mode: 'ephemeral' })
  await other.create('/mixed/host-1', 'of Curator', { mode: 'ephemeral' })
  await other.create('/mixed/settings', 'of nobody')
  await other.create('/mixed/settings/deep', 'below', { mode: 'ephemeral' })
  await other.set('/mixed', 'data of the folder')
  await view.caughtUp()
  assert.equal(view.members.map(({ id }) => id), [`${hex}__party__`, `${hex}-shallow`, 'host-1'])
  assert.equal((await membersOf(zk, '/mixed')).map(({ id }) => id), view.members.map(({ id }) => id))
  // One that goes and comes again is another one, even if nobody saw that it was gone.
  const seen = new Gathered(view)
  await other.multi().delete('/mixed/host-1').create('/mixed/host-1', 'again', { mode: 'ephemeral' }).commit()
  await view.caughtUp()
  assert.equal(seen.told, ['left host-1 of Curator', 'joined host-1 again'])
  await other.multi().delete('/mixed/host-1').create('/mixed/host-1', 'not ephemeral').commit()
  await view.caughtUp()
  assert.equal(seen.told.slice(2), ['left host-1 again'])
  await view.close()
})

test('an id that somebody has is waited for, or taken over', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const first = await join(a, '/g', 'first', { id: 'me' })
  const controller = new AbortController()
  const inVain = join(b, '/g', 'in vain', { id: 'me', signal: controller.signal })
  await b.sync()
  controller.abort()
  await rejects(inVain, 'Aborted')
  const second = closing(t, await join(b, '/g', 'second', { id: 'me', replace: true }))
  await first.caughtUp()
  assert.equal([datasOf(first), first.isPresent, first.self?.session], [['second'], false, b.session?.id])
  await first.close()
  await second.caughtUp()
  assert.equal([datasOf(second), second.isPresent], [['second'], true])
})

test('one session after the other: the member is there again, and the view knows what changed meanwhile', async (t) => {
  const at = await place(t)
  const other = await at.connect()
  const friend = await join(other, '/g', 'friend', { id: 'friend' })
  const leaver = await join(other, '/g', 'leaver', { id: 'leaver' })
  let open: () => void = () => undefined
  let gate = Promise.resolve()
  const sessions = await sessionsFrom(() => gate.then(() => at.connect()))
  t.defer(() => sessions.close())
  const member = closing(t, await join(sessions, '/g', 'me', { id: 'me' }))
  const seen = new Gathered(member)
  gate = new Promise((resolve) => { open = resolve })
  await sessions.client.close()
  assert.equal([member.isStale, member.isOver, member.isPresent, datasOf(member).slice(0, 2)],
    [true, false, false, ['friend', 'leaver']])
  await leaver.close()
  await friend.set('changed')
  const catching = member.caughtUp()
  const writing = member.set('me again')
  open()
  await Promise.all([catching, writing])
  await seen.until(({ size, isStale }) => size === 2 && !isStale)
  await member.caughtUp()
  assert.equal([datasOf(member), member.isPresent, member.isStale], [['changed', 'me again'], true, false])
  assert.is(member.self?.session, sessions.client.session?.id)
  assert.ok(seen.told.includes('left leaver leaver') && seen.told.includes('changed friend changed'), seen.told.join())
  const ended = new Promise((resolve) => member.on('end', resolve))
  await sessions.close()
  assert.is((await ended as Error & { code: string }).code, 'Closed')
  assert.equal([member.isOver, member.isStale], [true, true])
  await rejects(member.caughtUp(), 'Closed')
  await Promise.all([member.close(), friend.close()])
})

test('a client is one session: when it is over, so are membership and view', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const member = await join(zk, '/g', 'x', { id: 'x' })
  const view = await watchMembers(zk, '/g')
  const ends = Promise.all([member, view].map((each) => new Promise((resolve) => each.on('end', resolve))))
  const waiting = rejects(member.presence.present().then(() => zk.close()).then(() => member.caughtUp()), 'Closed')
  assert.equal((await ends as { code: string }[]).map(({ code }) => code), ['Closed', 'Closed'])
  await waiting
  assert.equal([member.isOver, view.isOver, datasOf(view)], [true, true, ['x']])
  await rejects(member.set('y'), 'Closed')
  await rejects(join(zk, '/g'), 'Closed')
  await rejects(watchMembers(zk, '/g'), 'Closed')
  await Promise.all([member.close(), view.close()])
  assert.equal(await membersOf(other, '/g'), [])
})

test('signals: nobody is left behind', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await rejects(join(zk, '/g', 'x', { signal: AbortSignal.abort() }), 'Aborted')
  await rejects(watchMembers(zk, '/g', { signal: AbortSignal.abort() }), 'Aborted')
  await rejects(membersOf(zk, '/g', { signal: AbortSignal.abort() }), 'Aborted')
  const controller = new AbortController()
  const member = await join(zk, '/g', 'x', { signal: controller.signal })
  const view = await watchMembers(other, '/g', { signal: controller.signal })
  const watching = new Gathered(view)
  controller.abort()
  await member.close()
  assert.equal([member.isOver, view.isOver, member.isPresent], [true, true, false])
  assert.equal([watching.told, await membersOf(other, '/g')], [[], []])
  await using disposed = await join(zk, '/g', 'y')
  assert.ok(disposed.isPresent)
})

test('what is no member is refused, and what nobody may see is told', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const wrong: readonly (() => Promise<unknown>)[] = [
    () => join(null as never, '/g'), () => join(zk, 'g'), () => join(zk, '/g', 'x', { id: 'a/b' }),
    () => join(zk, '/g', 'x', { id: '' }), () => join(zk, '/g', 'x', { name: 'x' } as never),
    () => watchMembers(zk, '/g', { id: 'x' } as never), () => membersOf(zk, 'g'),
    () => join(zk, '/g', Symbol('x') as never),
  ]
  for (const given of wrong) {
    const error = await Promise.resolve().then(given).then(() => null, (reason: Error) => reason)
    assert.ok(error instanceof TypeError || (error as { code?: string } | null)?.code === 'BadArguments', String(error))
  }
  const kept = await presence(zk, '/secret/me')
  await zk.addAuth('digest', 'bob:secret')
  await zk.setAcl('/secret', [{ scheme: 'auth', id: '', perms: 31 }])
  const other = await at.connect()
  await rejects(membersOf(other, '/secret'), 'NoAuth')
  await kept.close()
  await zk.setAcl('/secret', [{ scheme: 'world', id: 'anyone', perms: 31 }])
})

test.run()
