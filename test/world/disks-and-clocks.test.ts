import { acquire } from '../../lib/recipes/index.ts'
import { ROUGH_FAULTS, simulate, STORM_FAULTS } from '../../lib/testing/index.ts'
import type { World } from '../../lib/testing/index.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('disks and clocks of a world')

/** What all peers have at a path, when all of them have caught up. */
async function everywhere(world: World, path: string): Promise<readonly (string | null)[]> {
  await world.ready()
  const zk = await world.connect()
  await zk.create('/mark')
  await world.until(() => world.ids.every((id) => world.peer(id).tree.has('/mark')))
  await zk.delete('/mark')
  return world.ids.map((id) => {
    const data = world.peer(id).tree.get(path)?.data
    return data === undefined || data === null ? null : new TextDecoder().decode(data)
  })
}

test('a disk that fails stops its peer and nothing else, and a restart goes on from what it has', async () => {
  await using world = simulate({ seed: 21 })
  await world.run(async () => {
    await world.ready()
    const leader = world.leader()!
    const [zk, inside] = [await world.connect(), await world.connect({ inside: leader })]
    await zk.create('/a', 'before')
    world.failDisk(leader)
    await Promise.all([zk.set('/a', 'after').catch(() => zk.set('/a', 'after')),
      world.until(() => !world.isRunning(leader))])
    await world.until(() => inside.state === 'closed')
    await world.until(() => world.leader() !== null)
    await world.sleep(inside, 10)
    await Promise.all([world.restart(leader), world.restart(leader)])
    assert.equal(await everywhere(world, '/a'), ['after', 'after', 'after'])
    await world.connect({ inside: leader })
  })
})

test('a full disk stops its peer again after each start, until there is room', async () => {
  await using world = simulate({ seed: 22 })
  await world.run(async () => {
    await world.ready()
    const full = world.ids.find((id) => id !== world.leader())!
    const zk = await world.connect({ to: world.ids.filter((id) => id !== full) })
    world.fillDisk(full)
    await zk.create('/a', 'yes')
    await world.until(() => !world.isRunning(full))
    for (let time = 0; time < 2; time++) {
      await world.restart(full)
      assert.ok(world.isRunning(full))
      await zk.set('/a', `yes ${time}`)
      await world.until(() => !world.isRunning(full))
    }
    world.freeDisk(full)
    await world.restart(full)
    assert.equal(await everywhere(world, '/a'), ['yes 1', 'yes 1', 'yes 1'])
  })
})

test('a peer that is killed while it is to be started again stays down', async () => {
  await using world = simulate({ seed: 23 })
  await world.run(async () => {
    const zk = await world.connect({ to: [1, 2] })
    world.failDisk(3)
    await Promise.all([zk.create('/a').catch(() => zk.sync('/')), world.until(() => !world.isRunning(3))])
    world.pause(3, 1_000)
    const restarting = world.restart(3)
    await world.advance(10)
    world.wipe(3)
    await world.until(restarting, { limitMs: 1_000 })
    assert.is(world.isRunning(3), false)
    await world.calm()
    await world.until(() => world.isWhole(3))
  })
})

test('calm frees every disk, and starts whoever stopped', async () => {
  await using world = simulate({ seed: 23 })
  await world.run(async () => {
    await world.ready()
    const zk = await world.connect({ sessionTimeoutMs: 20_000 })
    for (const id of world.ids) world.fillDisk(id)
    await rejects(zk.create('/a', 'unknown'), 'ConnectionLoss')
    await world.until(() => world.ids.filter((id) => world.isRunning(id)).length < 2)
    await world.calm()
    await zk.set('/a', 'yes').catch(() => zk.create('/a', 'yes'))
    assert.equal(await everywhere(world, '/a'), ['yes', 'yes', 'yes'])
  })
})

test('the only peer loses nothing that was acknowledged when its disk fails', async () => {
  await using world = simulate({ seed: 24, peers: 1 })
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 20_000 })
    for (let round = 0; round < 5; round++) {
      await zk.create(`/kept-${round}`)
      world.failDisk(1)
      await rejects(zk.create(`/unknown-${round}`), 'ConnectionLoss')
      await world.restart(1)
    }
    assert.equal((await zk.children('/')).filter((name) => name.startsWith('kept')).length, 5)
  })
})

test('a voter whose disk was wiped is brought up to date', async () => {
  await using world = simulate({ seed: 25 })
  await world.run(async () => {
    const zk = await world.connect()
    await zk.create('/a', 'yes')
    await world.ready()
    const leader = world.leader()!
    world.wipe(leader)
    await world.until(() => world.leader() !== null)
    await world.restart(leader)
    assert.equal(await everywhere(world, '/a'), ['yes', 'yes', 'yes'])
  })
})

test('with too many disks gone for a quorum nobody leads, and with all gone the ensemble is new', async () => {
  await using world = simulate({ seed: 26 })
  await world.run(async () => {
    const zk = await world.connect()
    await zk.create('/a', 'yes')
    await world.ready()
    for (const id of world.ids) world.crash(id)
    for (const id of [1, 2]) world.wipe(id)
    for (const id of [1, 2]) await world.restart(id)
    await world.advance(30_000)
    assert.is(world.leader(), null)
    await world.restart(3)
    await world.advance(30_000)
    assert.equal([world.leader(), world.ids.map((id) => world.isWhole(id))], [null, [false, false, true]])
    world.wipe(3)
    await world.restart(3)
    assert.equal(await everywhere(world, '/a'), [null, null, null])
  })
})

test('what rots on one disk is found and mended, whatever it is', async () => {
  const lost = new Set<string>()
  for (let seed = 1; lost.size < 3; seed++) {
    assert.ok(seed < 40, `only ${[...lost].join()} rotted`)
    await using world = simulate({ seed, limits: { snapshotTxns: 10, retainedTxns: 5 } })
    await world.run(async () => {
      const zk = await world.connect()
      for (let at = 0; at < 30; at++) await zk.create(`/a-${at}`, 'yes')
      await world.ready()
      const victim = world.leader()!
      world.rot(victim)
      lost.add(/(\w+) gone/.exec(world.story(1)[0] ?? '')?.[1] ?? '')
      await world.restart(victim)
      assert.equal(await everywhere(world, '/a-29'), ['yes', 'yes', 'yes'])
    })
  }
})

test('timers go by the clock of their machine, also one that changes under way', async () => {
  await using world = simulate({ seed: 27 })
  await world.run(async () => {
    const zk = await world.connect()
    const other = await world.connect()
    const sleeping = world.sleep(zk, 1_000)
    const [startedMs, atMs, wallMs] = [world.nowMs, zk.clock.now(), zk.clock.wall()]
    await world.advance(500)
    world.drift(zk, 2)
    await sleeping
    assert.is(Math.round(world.nowMs - startedMs), 750)
    assert.equal([zk.clock.now() - atMs, zk.clock.wall() - wallMs], [1_000, 1_000])
    assert.is(other.clock.now(), Math.floor(world.nowMs))
    await world.calm()
    await world.sleep(zk, 100)
    assert.is(Math.round(world.nowMs - startedMs), 850)
  })
})

test('a clock that jumps makes due what would have been due, and never goes back', async () => {
  await using world = simulate({ seed: 28 })
  await world.run(async () => {
    const zk = await world.connect()
    const order: number[] = []
    for (const ms of [400, 300, 9_000]) void world.sleep(zk, ms).then(() => order.push(ms))
    const [startedMs, atMs] = [world.nowMs, zk.clock.now()]
    world.jumpClock(zk, 1_000)
    await world.until(() => order.length === 2)
    assert.equal([world.nowMs - startedMs, zk.clock.now() - atMs], [0, 1_000])
    await world.until(() => order.length === 3)
    assert.is(Math.round(world.nowMs - startedMs), 8_000)
    assert.throws(() => world.jumpClock(zk, -1), /only jump ahead/)
    assert.throws(() => world.drift(zk, 0), /above 0/)
  })
})

test('a lock is given up when the calendar of its holder says that his session may be over', async () => {
  await using world = simulate({ seed: 29 })
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 10_000 })
    const lock = await acquire(zk, '/lock')
    const atMs = zk.clock.now()
    world.jumpWall(zk, 60_000)
    assert.equal([zk.clock.now() - atMs, lock.held], [0, false])
  })
})

test('peers whose clocks go and jump as they like keep what was acknowledged', async () => {
  await using world = simulate({ seed: 30 })
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 20_000 })
    await zk.create('/a', '0')
    world.drift(1, 1.5)
    world.drift(2, 0.5)
    for (let round = 1; round <= 10; round++) {
      world.jumpClock(1 + round % 3, 2_000)
      world.jumpWall(1 + round % 3, round % 2 === 0 ? 86_400_000 : -86_400_000)
      await zk.set('/a', String(round)).catch(() => zk.set('/a', String(round)))
    }
    world.crash(1)
    world.drift(1, 1)
    await world.restart(1)
    assert.equal(await everywhere(world, '/a'), ['10', '10', '10'])
  })
})

test('whatever happens to disks and clocks, what was acknowledged is there', async () => {
  const reached = new Set<string>()
  for (let seed = 1; seed <= 5 || reached.size < ROUGH_FAULTS.length; seed++) {
    assert.ok(seed < 100, `only ${[...reached].join()} happened`)
    await using world = simulate({ seed, limits: { snapshotTxns: 20, retainedTxns: 10 } })
    await world.run(async () => {
      const zk = await world.connect({ sessionTimeoutMs: 40_000 })
      const acknowledged: string[] = []
      const storm = world.storm(10_000, { faults: [...ROUGH_FAULTS, ...STORM_FAULTS.slice(0, 9)], clients: () => [] })
      let isOver = false
      const counting = storm.then((counts) => {
        isOver = true
        for (const kind of ROUGH_FAULTS) if (counts[kind] !== undefined) reached.add(kind)
      })
      for (let at = 0; !isOver; at++) {
        const path = `/a-${at}`
        await zk.create(path).then(() => acknowledged.push(path), () => world.sleep(zk, 20))
        await world.sleep(zk, 20)
      }
      await counting
      await everywhere(world, '/')
      for (const id of world.ids) {
        assert.equal(acknowledged.filter((path) => !world.peer(id).tree.has(path)), [], `peer ${id}`)
        await world.until(() => world.isWhole(id), { limitMs: 60_000 })
      }
    })
  }
}, { timeoutMs: 60_000 })

test.run()
