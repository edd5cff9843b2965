import { connect } from '../../lib/node.ts'
import type { Client, RemoteConnectOptions } from '../../lib/node.ts'
import { lead } from '../../lib/recipes/index.ts'
import { simulate } from '../../lib/testing/index.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('programs of a world')

/** Code that opens its session itself. */
async function worker(address: string, leaders: Client[], options: RemoteConnectOptions): Promise<void> {
  const zk = await connect(address, { sessionTimeoutMs: 3_000, ...options })
  await lead(zk, '/leader', async ({ signal }) => {
    leaders.push(zk)
    await new Promise((resolve) => { signal.addEventListener('abort', resolve) })
  })
}

test('code that calls connect itself runs in a world, and its program dies and stands still as a whole', async () => {
  await using world = simulate({ seed: 31 })
  await world.run(async () => {
    const programs = ['one', 'two', 'three'].map((name) => world.program(name))
    const leaders: Client[] = []
    for (const { options } of programs) void worker(world.address, leaders, options)
    await world.until(() => leaders.length === 1)
    const [first] = leaders
    world.kill(first!)
    await world.until(() => leaders.length === 2)
    const killed = programs.find(({ clock }) => clock === first!.clock)!
    await world.killed(killed)
    assert.equal(world.programs.map(({ name }) => name), programs.filter((each) => each !== killed)
      .map(({ name }) => name))
    const second = programs.find(({ clock }) => clock === leaders[1]!.clock)!
    world.pause(second, 6_000)
    assert.ok(world.isPaused(leaders[1]!))
    await world.until(() => leaders.length === 3)
    assert.is(world.clients.length, 0)
  })
})

test('code that takes connect as a parameter gets clients of which the world knows', async () => {
  await using world = simulate({ seed: 32 })
  const program = world.program()
  const open = program.connect
  const [zk, other] = [await open(`${world.address}/app`, { sessionTimeoutMs: 3_000 }), await open('zk://peer2')]
  await world.run(async () => {
    await other.create('/app')
    await zk.create('/mine', '', { ephemeral: true })
    assert.equal([(await other.children('/app')), world.clients.length], [['mine'], 2])
    await world.expire(zk)
    await world.until(() => zk.state === 'expired')
    assert.is(world.clients.length, 1)
    const atMs = zk.clock.now()
    world.jumpClock(program, 5_000)
    assert.is(other.clock.now() - atMs, 5_000)
  })
})

test('what may not be connects in a world as it does anywhere', async () => {
  await using world = simulate({ seed: 33 })
  const { connect: open } = world.program()
  await rejects(open('nowhere://peer1'), 'AddressInvalid')
  await rejects(open('zk://elsewhere:2181', { connectTimeoutMs: 2_000 }), 'OperationTimeout')
  assert.match((await rejects(connect('zk://peer1', { clock: {} as never }))).message, /clock must be a Clock/)
  assert.match((await rejects(connect('zk://peer1', { random: 1 as never }))).message, /random must be a function/)
  assert.throws(() => world.program('peer1'), /there is a peer1 already/)
})

test('nothing of a program that was killed while it connected goes on', async () => {
  await using world = simulate({ seed: 34 })
  await world.run(async () => {
    const [program, by] = [world.program(), world.program()]
    let isSettled = false
    const settle = (): void => { isSettled = true }
    void program.connect(world.address).then(settle, settle)
    void connect(world.address, by.options).then(settle, settle)
    world.kill(program)
    world.kill(by)
    await world.ready()
    await world.advance(30_000)
    assert.is(isSettled, false)
  })
})

test('storms hit programs of whose clients the world does not know, and equal seeds give equal runs', async () => {
  const prints: number[] = []
  for (const seed of [35, 35, 36]) {
    await using world = simulate({ seed })
    await world.run(async () => {
      const leaders: Client[] = []
      for (const { options } of [world.program(), world.program()]) void worker(world.address, leaders, options)
      const counts = await world.storm(20_000, { faults: ['client pause', 'cut', 'lost replies'], everyMs: 300 })
      assert.ok(Object.keys(counts).length > 0)
    })
    prints.push(world.fingerprint)
  }
  assert.is(prints[0], prints[1])
  assert.is.not(prints[1], prints[2])
})

test.run()
