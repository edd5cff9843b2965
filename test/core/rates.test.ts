/** Bursts over links and onto disks that take time for every byte. */
import { assert, suite } from '../harness.ts'
import { create, led } from './cluster.ts'
import { Rates } from './rates.ts'
import type { RateOptions } from './rates.ts'

const test = suite('rates')

const WRITE_BYTES = 1_000_000
const FAST = 1_000_000

/** So many clients of one peer write at once. */
function burst(options: RateOptions, clients: number, at: 'leader' | 'follower', isOneDown: boolean): Rates {
  const rates = new Rates(options)
  const { leader } = rates
  const [follower, other] = [1, 2, 3].filter((id) => id !== leader) as [number, number]
  if (isOneDown) rates.remove(other)
  rates.pass(100)
  const peer = at === 'leader' ? leader : follower
  for (let conn = 1; conn <= clients; conn++) rates.connect(peer, conn)
  rates.pass(300)
  assert.is(rates.connected.size, clients)
  rates.said.length = 0
  for (let conn = 1; conn <= clients; conn++) rates.create(peer, conn, 1, WRITE_BYTES)
  return rates
}

test('a burst over slow links costs neither the leader nor a link, where each peer is needed', () => {
  for (const at of ['leader', 'follower'] as const) {
    const options = { voters: 3, linkRate: 12_500, diskRate: FAST }
    const rates = burst(options, 24, at, true)
    rates.pass(6_000)
    assert.equal(rates.said, [])
    assert.equal([rates.replies.length, rates.closed.length], [24, 0], `at the ${at}`)
  }
})

test('what a link carries is in its limit: a window that it cannot carry in syncMs is one too large', () => {
  const limits = { linkWindowBytes: 64 * 1024 * 1024 }
  const rates = burst({ voters: 3, linkRate: 12_500, diskRate: FAST, limits }, 24, 'follower', true)
  rates.pass(6_000)
  assert.match(rates.said.join(), 'silent or behind for too long')
})

test('a burst onto disks that are equally slow is written in pieces, and its leader leads on', () => {
  const rates = burst({ voters: 3, linkRate: FAST, diskRate: 30_000 }, 60, 'leader', false)
  const { leader } = rates
  rates.pass(6_000)
  assert.equal([rates.leader, rates.replies.length, rates.closed.length], [leader, 60, 0], rates.said.join())
})

test('a learner whose ping is late reports its sessions, if something else comes of its leader', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1)
  const { join, epoch, committed } = world.replica(1).learner!
  const { timing: { pingMs } } = world.config(1)
  // Links are held up from here on but for what is said here.
  const pass = (ms: number): void => {
    world.ms += ms
    world.input(1, { kind: 'tick' })
  }
  const told = (): number => world.sent(1, 'pong').length
  world.inject(3, 1, { kind: 'ping', join, seq: 1, commit: committed, through: committed })
  const before = told()
  pass(2 * pingMs)
  assert.is(told(), before, 'a leader that is silent hears nothing')
  world.inject(3, 1, { kind: 'commit', join, epoch, zxid: committed })
  pass(1)
  assert.is(told(), before + 1)
  assert.equal(world.sent(1, 'pong').at(-1)!.touches.length, 1)
  assert.is(world.sent(1, 'pong').at(-1)!.seq, 1, 'it proves nothing that the last one did not')
  pass(1)
  world.inject(3, 1, { kind: 'commit', join, epoch, zxid: committed })
  pass(pingMs)
  assert.is(told(), before + 1, 'not sooner than a ping can be late')
  pass(pingMs)
  assert.is(told(), before + 2)
})

test('proposals are of a piece each, or of one txn', () => {
  const limits = { syncChunkBytes: 1_000, linkWindowBytes: 100_000 }
  const world = led({ voters: 3, limits })
  world.connect(3, 1)
  const before = world.sent(3, 'proposal').length
  for (let i = 1; i <= 50; i++) {
    world.replica(3).step(world.now, { kind: 'request', conn: 1, xid: i, request: create(`/${i}${'x'.repeat(200)}`) })
  }
  world.request(3, 1, 51, { ...create('/large'), data: new Uint8Array(5_000) })
  const entries = world.sent(3, 'proposal').slice(before).map((proposal) => proposal.entries)
  const bytes = entries.map((some) => some.reduce((sum, entry) => sum + entry.bytes.length, 0))
  assert.ok(entries.every((some, at) => some.length === 1 || bytes[at]! <= 1_000))
  assert.ok(bytes.some((many) => many > 5_000))
  assert.equal(world.replica(1).tree.digest(), world.replica(3).tree.digest())
})

test.run()
