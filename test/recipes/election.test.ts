import { isZkError } from '../../lib/node.ts'
import type { Client, ZkError } from '../../lib/node.ts'
import { acquire, lead, leaderOf, standFor, watchLeader } from '../../lib/recipes/index.ts'
import type { Contender, Election, LeaderView, Term } from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import { place } from './place.ts'

const test = suite('elections')

/** Resolves when the view tells a leader of that name. */
function tells(view: LeaderView, name: string | null): Promise<Contender | null> {
  return new Promise((resolve) => {
    const look = (leader: Contender | null): void => {
      if ((leader?.name ?? null) !== name) return
      off()
      resolve(leader)
    }
    const off = view.on('leader', look)
    look(view.leader)
  })
}

function lost(election: Election): Promise<Term> {
  return new Promise((resolve) => {
    election.on('lost', resolve)
  })
}

test('one leads at a time, and the next follows', async (t) => {
  const at = await place(t)
  const clients = await Promise.all([at.connect(), at.connect(), at.connect()])
  let leaders = 0
  const terms: Term[] = []
  const results = await Promise.all(clients.map((zk, index) => lead(zk, '/leader', async (term) => {
    leaders += 1
    assert.equal([leaders, term.held], [1, true])
    terms.push(term)
    await term.guard.multi().create(`/by-${index}`, `${index}`).commit()
    leaders -= 1
    return index
  }, { name: `candidate ${index}` })))
  assert.equal(results, [0, 1, 2])
  for (const [index, term] of terms.slice(1).entries()) assert.ok(term.token.isNewerThan(terms[index]!.token))
  assert.ok(terms.every(({ held, signal }) => !held && signal.aborted))
  assert.is(await leaderOf(clients[0]!, '/leader'), null)
})

test('what the work throws is the caller\'s, and the office is let go', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const failed = await lead(zk, '/leader', () => {
    throw new RangeError('no')
  }, { requeue: true }).then(() => null, (error: Error) => error)
  assert.instance(failed, RangeError)
  assert.is(await leaderOf(zk, '/leader'), null)
  assert.is(await lead(zk, '/leader', () => 7), 7)
})

test('a leader that lost its office leads again when it requeues', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const abort = new AbortController()
  let terms = 0
  await lead(a, '/leader', async (term) => {
    terms += 1
    if (terms === 2) {
      abort.abort()
      return
    }
    const over = new Promise((resolve) => term.signal.addEventListener('abort', resolve, { once: true }))
    await b.delete(term.path)
    await over
    throw term.signal.reason as ZkError
  }, { requeue: true, signal: abort.signal })
  assert.is(terms, 2)
})

test('a candidate, its observers, and its successor', async (t) => {
  const at = await place(t)
  const [a, b, c] = [await at.connect(), await at.connect(), await at.connect()]
  const view = await watchLeader(c, '/latch')
  t.defer(() => view.close())
  assert.equal([view.leader, view.isStale], [null, false])
  const first = standFor(a, '/latch', { name: 'a' })
  t.defer(() => first.close())
  const term = await first.elected()
  assert.ok(first.isLeader && first.term === term && term.held)
  await tells(view, 'a')
  const second = standFor(b, '/latch', { name: 'b' })
  t.defer(() => second.close())
  assert.is((await first.leader())?.name, 'a')
  await rejects(second.elected({ signal: AbortSignal.abort() }), 'Aborted')
  assert.is(second.isLeader, false)
  const over = lost(first)
  await a.close()
  assert.is(await over, term)
  const next = await second.elected()
  assert.ok(next.token.isNewerThan(term.token) && !term.held && !first.isLeader)
  await tells(view, 'b')
  await rejects(first.elected(), 'Closed')
  assert.is(view.isStale, false)
  const nobody = tells(view, null)
  await c.close()
  assert.is(await nobody, null)
  assert.is(view.isStale, true)
})

test('a view of the leader looks once at each change, whoever comes while it looks', async (t) => {
  const at = await place(t)
  const [a, b, zk] = [await at.connect(), await at.connect(), await at.connect()]
  await a.create('/latch')
  const [children, get] = [zk.children.bind(zk), zk.get.bind(zk)]
  let whileEmpty: (() => Promise<void>) | null = null
  let reads = 0
  zk.children = async (path, options) => {
    const names = await children(path, options)
    const come = whileEmpty
    if (names.length > 0 || options?.watch !== undefined || come === null) return names
    whileEmpty = null
    await come()
    await zk.sync('/latch')
    return names
  }
  zk.get = (path, options) => {
    reads += 1
    return get(path, options)
  }
  const view = await watchLeader(zk, '/latch')
  t.defer(() => view.close())
  let leader = await acquire(a, '/latch', { name: 'first' })
  await tells(view, 'first')
  for (const name of ['second', 'third', 'fourth']) {
    const next = new Promise<Term>((resolve) => {
      whileEmpty = async () => resolve(await acquire(b, '/latch', { name }))
    })
    await leader.release()
    leader = await next
    await tells(view, name)
  }
  reads = 0
  await b.set(leader.path, 'renamed')
  await tells(view, 'renamed')
  await zk.sync('/latch')
  assert.is(reads, 1)
})

test('whoever resigns stands again, as the last', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const first = standFor(a, '/latch', { name: 'a' })
  const term = await first.elected()
  const second = standFor(b, '/latch', { name: 'b' })
  const elected = second.elected()
  first.resign()
  const next = await elected
  assert.ok(!term.held && next.held)
  const again = first.elected()
  await second.close()
  assert.ok((await again).held)
  assert.equal((await second.candidates()).map(({ name }) => name), ['a'])
  await first.close()
  assert.equal(await first.candidates(), [])
  const failed = await second.elected().then(() => null, (error: Error) => error)
  assert.ok(isZkError(failed, 'Closed'))
})

test('the end of a candidacy is told, once', async (t) => {
  const at = await place(t)
  const [a, b, c] = [await at.connect(), await at.connect(), await at.connect()]
  const ends: (string | null)[] = []
  const stand = (zk: Client): Election => {
    const election = standFor(zk, '/latch')
    election.on('end', (error) => void ends.push(isZkError(error) ? error.code : null))
    return election
  }
  const first = stand(a)
  await first.elected()
  const [second, third] = [stand(b), stand(c)]
  // One that waits hears of it as one that leads does.
  const over = new Promise((resolve) => second.on('end', resolve))
  await b.close()
  await over
  assert.equal(ends, ['Closed'])
  await first.close()
  await third.close()
  await second.close()
  assert.equal(ends, ['Closed', null, null])
})

test('whoever asks for the end after it is told, once', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  await zk.close()
  const election = standFor(zk, '/latch')
  const ends: (Error | null)[] = []
  election.on('end', (error) => void ends.push(error))
  election.on('end', (error) => void ends.push(error))()
  await election.close()
  assert.equal(ends.map((error) => isZkError(error, 'Closed')), [true])
})

test('a candidacy that cannot be says why', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  assert.throws(() => standFor(zk, 'relative'), /path/)
  assert.throws(() => standFor(zk, '/x', { name: 1 } as never), TypeError)
  await zk.create('/closed', '', { acl: [{ perms: 1, scheme: 'world', id: 'anyone' }] })
  const election = standFor(zk, '/closed')
  await rejects(election.elected(), 'NoAuth')
  await election.close()
})

test.run()
