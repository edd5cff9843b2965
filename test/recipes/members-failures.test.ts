import type { Client } from '../../lib/node.ts'
import { join, membersOf, sessionsFrom, watchMembers } from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import { cutPlace } from './cut.ts'
import { datasOf, Gathered } from './gathered.ts'
import { losingPlace } from './losing.ts'

const test = suite('members, when the network fails')

test('cut off for a while: stale, then told exactly what changed', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  const stays = await join(other, '/g', 'stays', { id: 'stays' })
  const leaves = await join(other, '/g', 'l', { id: 'leaves' })
  const member = await join(at.zk, '/g', 'me', { id: 'me' })
  const seen = new Gathered(member)
  await at.whileAway(async () => {
    assert.equal([member.isStale, member.isPresent], [true, true])
    await leaves.close()
    await stays.set('stays, changed')
    await join(other, '/g', 'new', { id: 'new' })
    assert.equal(datasOf(member), ['stays', 'l', 'me'])
  })
  await member.caughtUp()
  await seen.until(({ isStale }) => !isStale)
  assert.equal(datasOf(member), ['stays, changed', 'me', 'new'])
  assert.equal([...seen.told].sort(), ['changed stays stays, changed', 'joined new new', 'left leaves l'])
  await member.close()
  assert.equal((await membersOf(other, '/g')).map(({ id }) => id), ['stays', 'new'])
})

test('its session expired while it was cut off: it comes again, and everybody hears of it', async (t) => {
  const at = await cutPlace(t)
  const other = await at.connect()
  let zk: Client | null = at.zk
  const sessions = await sessionsFrom(async () => {
    const first = zk
    zk = null
    return first ?? at.connect()
  })
  const observer = await watchMembers(other, '/g')
  const member = await join(sessions, '/g', 'me', { id: 'me' })
  await observer.caughtUp()
  const [seen, observed] = [new Gathered(member), new Gathered(observer)]
  await at.whileAway(async () => {
    await (await at.connect(at.zk.session)).close()
    await observed.until(({ size }) => size === 0)
    // Nobody has told it yet.
    assert.equal([member.size, member.isStale], [1, true])
  })
  await observed.until(({ size }) => size === 1)
  await member.caughtUp()
  assert.equal([seen.told, observed.told], [['left me me', 'joined me me'], ['left me me', 'joined me me']])
  assert.is(member.self?.session, sessions.client.session?.id)
  await Promise.all([member.close(), observer.close()])
  await sessions.close()
})

for (const loss of ['write', 'answer'] as const) {
  test(`the ${loss} of join, set and close is lost: once there, and gone`, async (t) => {
    const { losing, zk, other } = await losingPlace(t)
    const view = await watchMembers(other, '/g')
    losing.lose(loss)
    const member = await join(zk, '/g', 'x')
    losing.lose(loss)
    await member.set('y')
    await view.caughtUp()
    assert.equal([datasOf(view), datasOf(member)], [['y'], ['y']])
    losing.lose(loss, undefined, ({ op }) => op === 2)
    await member.close()
    await view.caughtUp()
    assert.equal([view.size, losing.losses], [0, 3])
    await view.close()
  })
}

test('one who gives up joining while he is cut off is not kept, and is no member', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  // His node is there, and the view begins.
  const { away, back } = losing.cutOff('write', (request) => request.op === 106 && request.path === '/g')
  const abort = new AbortController()
  const joining = rejects(join(zk, '/g', 'me', { signal: abort.signal }), 'Aborted')
  await away
  assert.is((await other.children('/g')).length, 1)
  abort.abort()
  await joining
  back()
  while ((await other.exists('/g'))?.numChildren === 1) await other.sync()
})

test.run()
