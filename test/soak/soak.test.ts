import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { freePorts } from '../ports.ts'
import { Soak } from './soak.ts'
import type { SoakOptions } from './soak.ts'
import { Lane, Wire } from './wire.ts'

const test = suite('soak')

/** A server that gives back what it gets, and a wire to it. */
async function echo(t: Case): Promise<{ wire: Wire, there: Lane, back: Lane, dial: () => Promise<Socket> }> {
  const server = createServer((socket) => socket.on('error', (error) => void error).pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const [port] = await freePorts(1)
  const [there, back] = [new Lane(), new Lane()]
  const wire = await Wire.open(port!, (server.address() as AddressInfo).port, there, back)
  t.defer(async () => {
    await wire.close()
    server.close()
  })
  const dial = async (): Promise<Socket> => {
    const socket = connect(port!, '127.0.0.1')
    socket.on('error', (error) => void error)
    // Also when it is refused.
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve)
      socket.once('close', () => resolve())
    })
    return socket
  }
  return { wire, there, back, dial }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

async function answer(socket: Socket): Promise<string> {
  const [chunk] = await once(socket, 'data') as [Buffer]
  return chunk.toString()
}

/** Bytes go there and back on lanes that nobody holds: so much time has passed. */
async function elsewhere(t: Case): Promise<void> {
  const socket = await (await echo(t)).dial()
  socket.write('passes')
  assert.is(await answer(socket), 'passes')
  socket.destroy()
}

test('a wire carries bytes both ways, and holds them on either', async (t) => {
  const { there, back, dial } = await echo(t)
  const [socket, second] = [await dial(), await dial()]
  socket.write('one')
  second.write('one')
  assert.equal([await answer(socket), await answer(second)], ['one', 'one'])
  for (const lane of [there, back]) {
    lane.set({ isHeld: true })
    let heard = ''
    const onData = (chunk: Buffer): void => void (heard += chunk.toString())
    socket.on('data', onData)
    socket.write('held')
    await elsewhere(t)
    assert.is(heard, '')
    socket.off('data', onData)
    lane.set({ isHeld: false })
    assert.is(await answer(socket), 'held')
  }
  socket.destroy()
  second.destroy()
})

test('what ends during silence is told after it', async (t) => {
  const { there, dial } = await echo(t)
  const socket = await dial()
  socket.write('one')
  assert.is(await answer(socket), 'one')
  there.set({ isHeld: true })
  let heard = ''
  socket.on('data', (chunk: Buffer) => void (heard += chunk.toString()))
  socket.end('last')
  await elsewhere(t)
  assert.equal([heard, socket.readableEnded], ['', false])
  there.set({ isHeld: false })
  await once(socket, 'end')
  assert.is(heard, 'last')
})

test('a cut wire resets what there is, and refuses what comes', async (t) => {
  const { wire, dial } = await echo(t)
  const socket = await dial()
  socket.write('one')
  assert.is(await answer(socket), 'one')
  wire.isCut = true
  wire.reset()
  await closed(socket)
  await closed(await dial())
  wire.isCut = false
  const again = await dial()
  again.write('two')
  assert.is(await answer(again), 'two')
  again.destroy()
})

function soak(t: Case, options: Partial<SoakOptions>): Soak {
  const made = new Soak({
    folder: t.tempFolder(), seed: 1, forMs: 4_000, rate: 150, clients: 12, everyMs: 2_000, kinds: ['kill the leader'],
    volumeMegabytes: null, isLying: false, onWrong: () => undefined, ...options,
  })
  t.defer(() => made.end(false))
  return made
}

/** How many timers keep this process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

test('a short one, in which all holds', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  process.stdout.write(`seed ${seed}\n`)
  // Each of them comes before any comes again.
  const kinds = ['kill the leader', 'isolate the leader', 'disk of the leader stalls']
  const run = soak(t, { seed, kinds, forMs: 10_000, everyMs: 2_500, toldGapMs: 0 })
  await run.run()
  const { checks, world: { counts } } = run
  assert.equal(checks.failed.flatMap((check) => checks.wrongs(check)), [])
  assert.ok(run.faults >= 3 && counts.writes > 50 && counts.reads > 50 && checks.counted('digests') > 0)
  // What is said of a gap tells who leads then.
  const after = run.longGaps.find(({ fault }) => fault === 'kill the leader')?.lines ?? []
  assert.ok(after.some((line) => line.includes('"leading"')))
  assert.ok(run.longGaps.every(({ fault, lines }) => lines[0]?.includes(`fault: ${fault}`)))
}, { timeoutMs: 200_000 })

test('disks that say written and forget are noticed', async (t) => {
  const before = timers()
  let found: () => void
  const isFound = new Promise<void>((resolve) => { found = resolve })
  const run = soak(t, { kinds: ['kill all'], forMs: 60_000, isLying: true, onWrong: () => found() })
  // What was lost may leave no quorum that is whole: then the run does not come to its end.
  const ending = run.run().catch((error: unknown) => void error)
  await Promise.race([isFound, ending])
  assert.ok(run.checks.failed.length > 0)
  await run.end(false)
  assert.is(timers(), before)
  await ending
}, { timeoutMs: 150_000 })

test('a run may be ended before it has begun', async (t) => {
  const before = timers()
  const run = soak(t, {})
  const running = run.run()
  await Promise.all([run.end(false), rejects(running)])
  assert.equal([timers(), run.peers?.leader ?? null], [before, null])
}, { timeoutMs: 60_000 })

test.run()
