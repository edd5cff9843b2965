import { isZkError } from '../../lib/node.ts'
import { contenders, partition } from '../../lib/recipes/index.ts'
import type { Hold, Partition } from '../../lib/recipes/index.ts'
import { sharesOf } from '../../lib/recipes/shares.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'
import { place } from './place.ts'

const test = suite('partition')

const ITEMS = Array.from({ length: 20 }, (_, index) => `shard ${index}`)

/** Who has which item, checked at every change: never two. */
class Ledger {
  readonly owners = new Map<string, string>()
  readonly moves: string[] = []

  options(name: string): { onItem(item: string, hold: Hold): void, onRelease(item: string): void, name: string } {
    return {
      name,
      onItem: (item, hold) => {
        assert.is(this.owners.get(item), undefined)
        assert.ok(hold.held)
        this.owners.set(item, name)
        this.moves.push(`${item} to ${name}`)
        hold.signal.addEventListener('abort', () => {
          if (this.owners.get(item) === name) this.owners.delete(item)
        }, { once: true })
      },
      onRelease: (item) => {
        assert.is(this.owners.get(item), name)
        this.owners.delete(item)
      },
    }
  }
}

async function settled(...members: Partition[]): Promise<number[]> {
  // Whoever gives up does so in several rounds: all must be there at one moment.
  for (;;) {
    await Promise.all(members.map((member) => member.settled()))
    const counts = members.map(({ items }) => items.length)
    if (counts.reduce((sum, count) => sum + count, 0) === ITEMS.length) return counts
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('shares are equal, whole and stable', () => {
  for (let size = 1; size <= 7; size++) {
    const members = Array.from({ length: size }, (_, index) => `member ${index}`)
    const shares = sharesOf(ITEMS, members)
    const all = [...shares.values()].flat().sort()
    assert.equal(all, [...ITEMS].sort())
    const counts = [...shares.values()].map(({ length }) => length)
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
    assert.equal(sharesOf([...ITEMS].reverse(), [...members].reverse()).get('member 0')?.sort(),
      shares.get('member 0')?.sort())
  }
  assert.equal([...sharesOf(ITEMS, [])], [])
  assert.equal([...sharesOf([], ['a'])], [['a', []]])
})

test('a member that comes takes little more than its share', () => {
  const items = Array.from({ length: 1_000 }, (_, index) => `item ${index}`)
  const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
  const before = ownersOf(sharesOf(items, members))
  const after = ownersOf(sharesOf(items, [...members, 'j']))
  const moved = items.filter((item) => before.get(item) !== after.get(item)).length
  assert.ok(moved < 250, `${moved} of 1,000 items moved to or besides the tenth member`)
})

function ownersOf(shares: ReadonlyMap<string, string[]>): Map<string, string> {
  return new Map([...shares].flatMap(([member, items]) => items.map((item) => [item, member] as const)))
}

test('members come and go, and no item ever has two', async (t) => {
  const at = await place(t)
  const ledger = new Ledger()
  const [a, b, c] = [await at.connect(), await at.connect(), await at.connect()]
  const first = await partition(a, '/shards', ITEMS, ledger.options('a'))
  assert.equal(await settled(first), [20])
  const second = await partition(b, '/shards', ITEMS, ledger.options('b'))
  assert.equal(await settled(first, second), [10, 10])
  const third = await partition(c, '/shards', ITEMS, ledger.options('c'))
  assert.equal((await settled(first, second, third)).sort((x, y) => x - y), [6, 7, 7])
  assert.is(ledger.owners.size, 20)
  await second.close()
  assert.equal([second.items, await settled(first, third)], [[], [10, 10]])
  // One that dies without a word.
  await c.close()
  assert.equal(await settled(first), [20])
  assert.ok([...ledger.owners.values()].every((owner) => owner === 'a'))
  await first.close()
  assert.is(ledger.owners.size, 0)
  assert.equal(await b.children('/shards/members'), [])
})

test('an item moves when its owner has let it go, and not before', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  let letGo: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const asked: string[] = []
  const first = await partition(a, '/slow', ['x', 'y'], {
    onRelease: (item) => {
      asked.push(item)
      return gate
    },
  })
  await first.settled()
  const got: string[] = []
  const second = await partition(b, '/slow', ['x', 'y'], { onItem: (item) => void got.push(item) })
  const moving = sharesOf(['x', 'y'], await a.children('/slow/members'))
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const [item = ''] = asked
  assert.equal([...moving.values()].map(({ length }) => length), [1, 1])
  assert.ok(first.holdOf(item)?.held)
  while ((await contenders(b, `/slow/items/${item}`)).length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(got, [])
  letGo()
  await second.settled()
  assert.equal([got, second.items, first.items.includes(item)], [[item], [item], false])
  await Promise.all([first.close(), second.close()])
})

test('what is no partition is refused', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  for (const items of ['x', [''], [1], null]) {
    const error = await partition(zk, '/p', items as never).then(() => null, (reason: Error) => reason)
    assert.instance(error, TypeError)
  }
  const error = await partition(zk, '/p', [], { onItem: 1 } as never).then(() => null, (reason: Error) => reason)
  assert.instance(error, TypeError)
})

test('the end of the session, or of the membership, is told', async (t) => {
  const at = await place(t)
  const ends: (string | null)[] = []
  const onEnd = (error: Error | null): void => void ends.push(isZkError(error) ? error.code : null)
  const zk = await at.connect()
  const member = await partition(zk, '/p', ITEMS, { onEnd })
  await member.settled()
  const hold = member.holdOf(ITEMS[0]!)
  await zk.close()
  assert.equal([ends, member.items, hold?.held], [['Closed'], [], false])
  await rejects(member.settled(), 'Closed')
  await member.close()
  const other = await partition(await at.connect(), '/p', ITEMS, { onEnd })
  await other.settled()
  await other.close()
  assert.equal(ends, ['Closed', null])
  await rejects(other.settled(), 'Closed')
})

test('a member that may not look says so, and leaves', async (t) => {
  const at = await place(t)
  const [zk, admin] = [await at.connect(), await at.connect()]
  // Everything but to read.
  await admin.create('/p')
  await admin.create('/p/members', '', { acl: [{ perms: 30, scheme: 'world', id: 'anyone' }] })
  const ended = new Promise<Error | null>((resolve, reject) => {
    partition(zk, '/p', ITEMS, { onEnd: resolve }).catch(reject)
  })
  assert.ok(isZkError(await ended, 'NoAuth'))
  await admin.setAcl('/p/members', [{ perms: 31, scheme: 'world', id: 'anyone' }])
  while ((await admin.exists('/p/members'))?.numChildren !== 0) await zk.sync()
})

test('any text may be an item, but for what UTF-8 cannot hold', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const items = ['.', '..', 'a/b', '%2E', '\u0000', 'é', 'a b']
  const member = await partition(zk, '/p', items)
  await member.settled()
  assert.equal(member.items, [...items].sort())
  assert.is(new Set((await zk.children('/p/items')).toSorted()).size, items.length)
  await member.close()
  const error = await partition(zk, '/p', ['\ud800']).then(() => null, (reason: Error) => reason)
  assert.instance(error, TypeError)
})

test('a member that may not take its items says so, and leaves them to the others', async (t) => {
  const at = await place(t)
  const [zk, admin] = [await at.connect(), await at.connect()]
  // Nobody may create below it.
  await admin.create('/p')
  await admin.create('/p/items', '', { acl: [{ perms: 27, scheme: 'world', id: 'anyone' }] })
  const ended = new Promise<Error | null>((resolve, reject) => {
    partition(zk, '/p', ITEMS, { onEnd: resolve }).catch(reject)
  })
  assert.ok(isZkError(await ended, 'NoAuth'))
  while ((await admin.exists('/p/members'))?.numChildren !== 0) await zk.sync()
})

test('a member whose node somebody deleted comes again, and has its share', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const ledger = new Ledger()
  const first = await partition(a, '/p', ITEMS, ledger.options('a'))
  const second = await partition(b, '/p', ITEMS, ledger.options('b'))
  assert.equal(await settled(first, second), [10, 10])
  const [own = ''] = await a.children('/p/members')
  await b.delete(`/p/members/${own}`)
  for (;;) {
    const names = await b.children('/p/members')
    if (names.length === 2 && !names.includes(own)) break
    await a.sync()
  }
  assert.equal(await settled(first, second), [10, 10])
  await Promise.all([first.close(), second.close()])
  assert.equal(await b.children('/p/members'), [])
})

test('one whose time is over when it is to let an item go is not asked to', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const released: string[] = []
  const member = await partition(zk, '/p', ITEMS, { onRelease: (item) => void released.push(item) })
  await member.settled()
  await zk.close()
  await member.close()
  assert.equal(released, [])
})

test('it looks often, and leaves one watch', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  let reads = 0
  const counting = new Proxy(zk, {
    get: (client, name) => {
      const value: unknown = Reflect.get(client, name, client)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        if (name === 'children' && (given[1] as { watch?: unknown } | undefined)?.watch !== undefined) reads += 1
        return (value as (...all: unknown[]) => unknown).apply(client, given)
      }
    },
  })
  const member = await partition(counting, '/p', ITEMS)
  await member.settled()
  // Each one that is lost is taken again, after a look.
  for (const item of ITEMS) {
    const dir = `/p/items/${encodeURIComponent(item)}`
    const [name = ''] = await other.children(dir)
    await other.delete(`${dir}/${name}`)
    for (;;) {
      const names = await other.children(dir).catch(() => [])
      if (names.length === 1 && names[0] !== name) break
      await other.sync()
    }
  }
  await member.settled()
  assert.is(reads, 1)
  await member.close()
})

test('one who gives up joining while he is cut off is not kept, and is no member', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  await other.create('/p/members', '', { parents: true })
  await zk.sync()
  const { away, back } = losing.cutOff('answer')
  const abort = new AbortController()
  const joining = rejects(partition(zk, '/p', ITEMS, { signal: abort.signal }), 'Aborted')
  await away
  abort.abort()
  await joining
  assert.is((await other.children('/p/members')).length, 1)
  back()
  while ((await other.children('/p/members')).length > 0) await other.sync()
})

test.run()
