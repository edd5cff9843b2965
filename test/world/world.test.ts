import { isZkError } from '../../lib/core/errors.ts'
import { acquire, counterAt, doubleBarrierAt } from '../../lib/recipes/index.ts'
import { ROUGH_FAULTS, simulate } from '../../lib/testing/index.ts'
import type { World } from '../../lib/testing/index.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('a world')

/** A run with all kinds of weather. */
async function stormy(world: World): Promise<void> {
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 3_000 })
    const inside = await world.connect({ inside: 2 })
    await Promise.all([zk.create('/a'), inside.create('/b')])
    await world.storm(10_000)
    await world.storm(5_000, { faults: ROUGH_FAULTS })
    await world.ready()
  })
}

test('equal seeds give equal runs, and others do not', async () => {
  const prints: number[] = []
  for (const seed of [3, 3, 4]) {
    await using world = simulate({ seed })
    await stormy(world)
    prints.push(world.fingerprint)
  }
  assert.is(prints[0], prints[1])
  assert.is.not(prints[1], prints[2])
}, { timeoutMs: 30_000 })

test('equal seeds give equal runs of recipes, which leave their pauses and names to chance', async () => {
  const prints: number[] = []
  for (const seed of [7, 7, 8]) {
    await using world = simulate({ seed })
    await world.run(async () => {
      const all = await Promise.all([1, 2, 3].map(() => world.connect()))
      await Promise.all(all.map(async (zk) => {
        for (let turn = 0; turn < 5; turn++) await counterAt(zk, '/counter').add(1)
        const stay = await doubleBarrierAt(zk, '/barrier', { count: 3 }).enter()
        await stay.leave()
      }))
    })
    prints.push(world.fingerprint)
  }
  assert.is(prints[0], prints[1])
  assert.is.not(prints[1], prints[2])
}, { timeoutMs: 30_000 })

test('idle time is free, and time stands still while nobody waits', async () => {
  await using world = simulate({ seed: 1, timing: { pingMs: 500_000, syncMs: 1_000_000 } })
  await world.advance(60_000)
  assert.is(world.nowMs, 60_000)
  assert.ok(world.events < 3_000, `${world.events} events`)
})

test('whoever waited goes on at that moment, before anything else happens', async () => {
  await using world = simulate({ seed: 1 })
  await world.run(async () => {
    await world.ready()
    for (let turn = 0; turn < 20; turn++) {
      const startedMs = world.nowMs
      await world.advance(7)
      assert.is(world.nowMs, startedMs + 7)
    }
    const { events } = world
    await world.until(() => world.events > events)
    assert.is(world.events, events + 1)
  })
})

test('a leader that is cut off is replaced, and the old one does not commit', async () => {
  await using world = simulate({ seed: 5 })
  await world.run(async () => {
    await world.ready()
    const old = world.leader()!
    const others = world.ids.filter((id) => id !== old)
    const zk = await world.connect({ to: [old], sessionTimeoutMs: 4_000 })
    const other = await world.connect({ to: others })
    world.partition([old, zk], [...others, other])
    const write = zk.create('/lost').then(() => 'Ok', (error: unknown) => isZkError(error) ? error.code : 'other')
    await world.until(() => world.leader() !== old)
    await other.create('/kept')
    world.heal()
    assert.is(await write, 'ConnectionLoss')
    await world.ready()
    await other.sync('/')
    assert.equal([await other.exists('/lost'), (await other.exists('/kept'))?.version], [null, 0])
  })
})

test('what was acknowledged survives the crash of every peer at once', async () => {
  await using world = simulate({ seed: 6 })
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 20_000 })
    await zk.create('/kept', 'yes')
    for (const id of world.ids) world.crash(id)
    await world.advance(1_000)
    await world.calm()
    assert.is((await zk.get('/kept')).text(), 'yes')
  })
})

test('a program that stands still does nothing, and finds its session over', async () => {
  await using world = simulate({ seed: 7 })
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 2_000 })
    const lock = await acquire(zk, '/lock')
    let beats = 0
    const beat = (): void => {
      beats += 1
      zk.clock.setTimer(10, beat)
    }
    beat()
    world.pause(zk, 5_000)
    await world.advance(4_999)
    assert.is(beats, 1)
    const next = await acquire(await world.connect(), '/lock')
    assert.is(lock.held, false)
    assert.ok(next.token > lock.token)
    await world.until(() => zk.state === 'expired')
    assert.ok(beats > 1)
  })
})

test('a lost reply leaves the outcome unknown, and the write done', async () => {
  await using world = simulate({ seed: 8 })
  await world.run(async () => {
    const zk = await world.connect()
    world.loseReplies(zk)
    const error = await rejects(zk.create('/done'), 'ConnectionLoss')
    assert.ok((error as { mayHaveHappened?: boolean }).mayHaveHappened)
    assert.is((await zk.exists('/done'))?.version, 0)
  })
})

test('a follower that is cut off from its leader answers its clients for a while', async () => {
  await using world = simulate({ seed: 9 })
  await world.run(async () => {
    await world.ready()
    const leader = world.leader()!
    const [follower = 0, other = 0] = world.ids.filter((id) => id !== leader)
    const zk = await world.connect({ to: [follower] })
    await zk.create('/a')
    world.partition([follower], [leader, other])
    await world.advance(500)
    assert.is((await zk.exists('/a'))?.version, 0)
    assert.is(zk.state, 'connected')
    await world.advance(3_000)
    assert.is(zk.state, 'suspended')
  })
})

test('sessions expire as the ensemble wants it, also of clients that live in a peer', async () => {
  await using world = simulate({ seed: 10 })
  await world.run(async () => {
    const [zk, inside] = await Promise.all([world.connect(), world.connect({ inside: 3 })])
    await Promise.all([zk.create('/a', '', { ephemeral: true }), inside.create('/b', '', { ephemeral: true })])
    await world.expire(zk)
    assert.is(world.peer(world.leader()!).tree.has('/a'), false)
    await world.until(() => zk.state === 'expired')
    await world.expire(inside)
    await world.until(() => inside.state === 'expired')
  })
})

test('two sessions in two of three peers expire one after the other, as no quorum would be left', async () => {
  await using world = simulate({ seed: 10 })
  await world.run(async () => {
    const clients = await Promise.all([1, 2].map((inside) => world.connect({ inside })))
    await Promise.all(clients.map((zk) => world.expire(zk)))
    await world.until(() => clients.every(({ state }) => state === 'expired'))
  })
})

test('whoever waits to be cut off is spared when the weather calms', async () => {
  await using world = simulate({ seed: 10 })
  await world.run(async () => {
    const clients = await Promise.all([1, 2].map((inside) => world.connect({ inside })))
    const expiring = Promise.all(clients.map((zk) => world.expire(zk)))
    await world.advance(100)
    await world.calm()
    await expiring
    await world.advance(5_000)
    assert.equal(clients.map(({ state }) => state), ['connected', 'connected'])
  })
})

test('a killed program leaves its session to expire, and nothing of it goes on', async () => {
  await using world = simulate({ seed: 13 })
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 2_000 })
    await zk.create('/a', '', { ephemeral: true })
    const late = world.sleep(zk, 10).then(() => 'late')
    world.kill(zk)
    await world.killed(zk)
    const startedMs = world.nowMs
    await world.until(() => !world.peer(world.leader()!).tree.has('/a'))
    assert.ok(world.nowMs - startedMs > 1_000)
    assert.equal([await Promise.race([late, Promise.resolve('never')]), world.clients.length], ['never', 0])
  })
})

test('a way that is blocked in one direction lets nothing through until it is free, and loses nothing', async () => {
  await using world = simulate({ peers: 1, seed: 14 })
  await world.run(async () => {
    const zk = await world.connect({ sessionTimeoutMs: 20_000 })
    world.block(1, zk)
    let isAnswered = false
    const created = zk.create('/a').then(() => { isAnswered = true })
    await world.advance(1_000)
    assert.equal([isAnswered, world.peer(1).tree.has('/a')], [false, true])
    world.unblock(1, zk)
    await created
  })
})

test('a slow disk holds up the writes of a single peer', async () => {
  await using world = simulate({ peers: 1, seed: 11 })
  await world.run(async () => {
    const zk = await world.connect()
    world.slowDisk(1, 700)
    const startedMs = world.nowMs
    await zk.create('/slow')
    assert.ok(world.nowMs - startedMs >= 700)
  })
})

test('a failure says which seed repeats it, and what happened', async () => {
  await using world = simulate({ seed: 1_234 })
  const error = await rejects(world.run(async () => {
    world.note('on purpose')
    await world.advance(10)
    assert.is(1, 2)
  }))
  assert.match(error.message, /simulate\(\{ seed: 1234 \}\)/)
  assert.match(error.message, /0\.000 s {2}on purpose/)
})

test('outside of a test, too, what the world throws says how to repeat it, once', async () => {
  await using world = simulate({ peers: 1 })
  const told = new RegExp(`simulate\\(\\{ seed: ${world.seed} \\}\\)`, 'g')
  const times = (error: Error): number => error.message.match(told)?.length ?? 0
  world.crash(1)
  const own = new Error('own')
  const thrown = [
    await rejects(world.until(() => false, { limitMs: 100 })),
    await rejects(world.until(Promise.reject(own))),
    await rejects(world.until(Promise.reject(own))),
    await rejects(world.connect({ inside: 1 })),
    await rejects(world.connect({ connectTimeoutMs: 100 })),
  ]
  assert.is(thrown[2], own)
  assert.equal(thrown.map(times), [1, 1, 1, 1, 1])
  assert.match(own.message, /peer 1 crashes/)
  await world.restart(1)
  assert.is(times(await rejects(world.ready({ limitMs: 1 }))), 1)
  await world.stop()
  assert.equal([times(await rejects(world.advance(1))), times(await rejects(world.ready()))], [1, 1])
})

test('within a test errors are as they are anywhere, until it ends', async () => {
  await using world = simulate({ peers: 1, seed: 15 })
  const error = await rejects(world.run(async () => {
    const zk = await world.connect()
    const inside = await rejects(world.until(zk.get('/nothing')), 'NoNode')
    assert.not.match(inside.message, /simulate/)
    throw inside
  }), 'NoNode')
  assert.match(error.message, /simulate\(\{ seed: 15 \}\)/)
})

test('an error whose message cannot be changed is told by another one', async () => {
  await using world = simulate({ peers: 1, seed: 16 })
  const aborted = AbortSignal.abort()
  const error = await rejects(world.run(async () => aborted.throwIfAborted()))
  assert.match(error.message, /simulate\(\{ seed: 16 \}\)/)
  assert.is(error.cause, aborted.reason)
})

test('waiting has a limit, and a stopped world lets nobody wait', async () => {
  const world = simulate({ seed: 12 })
  assert.match((await rejects(world.until(() => false, { limitMs: 1_000 }))).message, /not within 1000 ms/)
  const waiting = rejects(world.advance(1_000))
  await world.stop()
  assert.match((await waiting).message, /stopped/)
  assert.match((await rejects(world.advance(1))).message, /stopped/)
})

test.run()
