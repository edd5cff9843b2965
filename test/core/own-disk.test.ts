/** An established leader whose own disk is slower than those of the others. */
import { assert, suite } from '../harness.ts'
import { create, led, reasons } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('a slow disk under a leader')

const SLOW = 'its own disk is too slow'

/** All are up, the last of them leads, and its client 1 is connected. */
function lastLeads(voters: number): World {
  const world = led({ voters })
  assert.is(world.leader?.config.peerId, voters)
  world.connect(voters, 1)
  return world
}

test('a leader that others commit without for syncMs gives way; one that waits with them does not', () => {
  for (const [held, gaveWay] of [[[3], true], [[1, 2, 3], false], [[1, 3], false]] as const) {
    const world = lastLeads(3)
    for (const id of held) world.node(id).held = true
    const before = world.replica(3).leader!
    world.request(3, 1, 1, create('/a'))
    world.advance(990)
    assert.is(world.replica(3).leader, before)
    world.advance(10)
    assert.is(reasons(world, 3).includes(SLOW), gaveWay, `with ${held.join()} held`)
  }
  const world = lastLeads(1)
  world.node(1).held = true
  world.request(1, 1, 1, create('/a'))
  world.advance(20_000)
  assert.is(world.replica(1).role, 'leading', 'who is alone leads on')
})

test('what a leader owes its disk is counted anew when that has been written, however much is committed', () => {
  const world = lastLeads(3)
  world.node(3).held = true
  for (let i = 1; i <= 10; i++) {
    const under = world.node(3).writes.length
    world.request(3, 1, i, create(`/${i}`))
    world.advance(450)
    for (let done = 0; done < under; done++) world.complete(3)
    world.settle()
  }
  assert.is(world.replica(3).role, 'leading', 'none waits for syncMs')
  assert.ok(world.replica(3).leader!.committed > world.replica(3).journal.durableZxid)
  world.advance(1_000)
  assert.match(reasons(world, 3), SLOW)
})

test.run()
