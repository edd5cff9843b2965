import { Client, isZkError, ZkError } from '../../lib/node.ts'
import { runCoordinator, schedule } from '../../lib/recipes/index.ts'
import type { Run, Schedule } from '../../lib/recipes/index.ts'
import { timetableOf } from '../../lib/recipes/timetable.ts'
import { SleepyClock } from '../client/wire-server.ts'
import { assert, suite } from '../harness.ts'
import { Losing } from './losing.ts'
import { timedPlace } from './timed.ts'

const test = suite('schedule')

const HOUR_MS = 3_600_000

/** Counts runs, and resolves when there were so many. */
class Runs {
  readonly ticks: number[] = []
  #waiting: { readonly count: number, readonly resolve: () => void }[] = []

  readonly job = (run: Run): void => {
    assert.ok(run.hold.held && !run.signal.aborted)
    this.ticks.push(run.tick.getTime())
    for (const { count, resolve } of this.#waiting) if (this.ticks.length >= count) resolve()
  }

  reach(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.ticks.length >= count) resolve()
      else this.#waiting.push({ count, resolve })
    })
  }
}

/** Everything that was under way has been done when the ensemble has answered a few times. */
async function settle(...schedules: Schedule[]): Promise<void> {
  for (let round = 0; round < 50; round++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(schedules.every((one) => one.next !== null))
}

test('each tick is run by exactly one of three', async (t) => {
  const at = await timedPlace(t)
  const clock = new SleepyClock()
  const runs = new Runs()
  const members: Schedule[] = []
  for (let index = 0; index < 3; index++) {
    const { zk } = await at.connect(clock)
    members.push(await schedule(zk, '/jobs/each', { everyMs: 1_000 }, runs.job, { name: `${index}` }))
  }
  const firstMs = members[0]?.next?.getTime() ?? 0
  for (let tick = 0; tick < 12; tick++) {
    clock.pass(1_000)
    await runs.reach(tick + 1)
    await settle(...members)
  }
  assert.equal(runs.ticks, Array.from({ length: 12 }, (_, index) => firstMs + 1_000 * index))
  await Promise.all(members.map((member) => member.close()))
  clock.pass(5_000)
  await settle()
  assert.is(runs.ticks.length, 12)
})

test('clocks that differ make no run twice', async (t) => {
  const at = await timedPlace(t)
  const [slow, fast] = [await at.connect(), await at.connect()]
  fast.clock.sleep(700)
  const runs = new Runs()
  const members = [await schedule(slow.zk, '/jobs/skew', { everyMs: 1_000 }, runs.job),
    await schedule(fast.zk, '/jobs/skew', { everyMs: 1_000 }, runs.job)]
  for (let step = 0; step < 60; step++) {
    slow.clock.pass(100)
    fast.clock.pass(100)
    await settle(...members)
  }
  assert.ok(runs.ticks.length >= 5)
  assert.is(new Set(runs.ticks).size, runs.ticks.length)
  await Promise.all(members.map((member) => member.close()))
})

test('what was missed is skipped, or the last of it run', async (t) => {
  const at = await timedPlace(t)
  const clock = new SleepyClock()
  const [a, b] = [await at.connect(clock), await at.connect(clock)]
  const runs = new Runs()
  const first = await schedule(a.zk, '/jobs/missed', { everyMs: 1_000 }, runs.job)
  clock.pass(1_000)
  await runs.reach(1)
  await first.close()
  clock.pass(10_500)
  const skipping = await schedule(b.zk, '/jobs/missed', { everyMs: 1_000 }, runs.job)
  await settle(skipping)
  assert.is(runs.ticks.length, 1)
  await skipping.close()
  const catching = await schedule(b.zk, '/jobs/missed', { everyMs: 1_000 }, runs.job, { missed: 'last' })
  await runs.reach(2)
  assert.equal((runs.ticks[1] ?? 0) - (runs.ticks[0] ?? 0), 10_000)
  await settle(catching)
  assert.is(runs.ticks.length, 2)
  await catching.close()
})

test('a machine that slept through ticks runs none of them, or the last', async (t) => {
  const at = await timedPlace(t)
  const [skips, catches] = [await at.connect(), await at.connect()]
  const [skipped, caught] = [new Runs(), new Runs()]
  const members = [await schedule(skips.zk, '/jobs/slept', { everyMs: HOUR_MS }, skipped.job),
    await schedule(catches.zk, '/jobs/slept-too', { everyMs: HOUR_MS }, caught.job, { missed: 'last' })]
  const nextMs = members[0]!.next!.getTime()
  for (const { clock } of [skips, catches]) {
    // It wakes half an hour after the third tick, as far as the wall says.
    clock.sleep(nextMs + 2.5 * HOUR_MS - clock.wall())
    clock.pass(60_000)
  }
  await caught.reach(1)
  await settle(...members)
  assert.equal([skipped.ticks, caught.ticks], [[], [nextMs + 2 * HOUR_MS]])
  for (const { clock } of [skips, catches]) clock.pass(HOUR_MS / 2)
  await Promise.all([skipped.reach(1), caught.reach(2)])
  assert.equal([skipped.ticks, caught.ticks.slice(1)], [[nextMs + 3 * HOUR_MS], [nextMs + 3 * HOUR_MS]])
  await Promise.all(members.map((member) => member.close()))
})

test('a clock that was set ahead and back by a day costs no tick of that day but those claimed', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  const runs = new Runs()
  const member = await schedule(zk, '/jobs/back', { everyMs: HOUR_MS }, runs.job)
  const nextMs = member.next!.getTime()
  clock.pass(nextMs - HOUR_MS / 2 - clock.wall())
  await settle(member)
  clock.sleep(24 * HOUR_MS)
  clock.pass(60_000)
  await settle(member)
  // It has seen the wrong time, at which nothing was due.
  clock.sleep(-24 * HOUR_MS)
  clock.pass(60_000)
  await settle(member)
  assert.equal(runs.ticks, [])
  for (let tick = 0; tick < 3; tick++) {
    clock.pass(nextMs + tick * HOUR_MS - clock.wall())
    await settle(member)
  }
  assert.equal(runs.ticks, [0, 1, 2].map((tick) => nextMs + tick * HOUR_MS))
  await member.close()
})

test('a tick that was claimed early makes those before it nobody\'s, until the last claim is forgotten', async (t) => {
  const at = await timedPlace(t)
  const [ahead, right] = [await at.connect(), await at.connect()]
  const runs = new Runs()
  ahead.clock.sleep(3 * HOUR_MS)
  const members = [await schedule(right.zk, '/jobs/early', { everyMs: HOUR_MS }, runs.job),
    await schedule(ahead.zk, '/jobs/early', { everyMs: HOUR_MS }, runs.job)]
  const firstMs = members[0]!.next!.getTime()
  ahead.clock.pass(firstMs + 3 * HOUR_MS - ahead.clock.wall())
  await runs.reach(1)
  await settle(...members)
  const pass = async (ticks: readonly number[]): Promise<void> => {
    for (const tick of ticks) {
      right.clock.pass(firstMs + tick * HOUR_MS - right.clock.wall())
      await settle(...members)
    }
  }
  await pass([0, 1])
  assert.equal(runs.ticks, [3].map((tick) => firstMs + tick * HOUR_MS))
  await right.zk.delete('/jobs/early/last')
  await pass([2, 3, 4])
  assert.equal(runs.ticks, [3, 2, 3, 4].map((tick) => firstMs + tick * HOUR_MS))
  await Promise.all(members.map((member) => member.close()))
})

test('ticks whose turn comes during the own run are skipped, or the last of them run', async (t) => {
  const at = await timedPlace(t)
  for (const missed of ['skip', 'last'] as const) {
    const { zk, clock } = await at.connect()
    const ticks: number[] = []
    let end: () => void = () => undefined
    const job = (run: Run): Promise<void> => {
      ticks.push(run.tick.getTime())
      return new Promise((resolve) => {
        end = resolve
      })
    }
    const member = await schedule(zk, `/jobs/own-${missed}`, { everyMs: 1_000 }, job, { missed })
    const firstMs = member.next!.getTime()
    clock.pass(firstMs - clock.wall())
    await settle(member)
    clock.pass(3_500)
    end()
    await settle(member)
    end()
    await settle(member)
    assert.equal(ticks, missed === 'skip' ? [firstMs] : [firstMs, firstMs + 3_000])
    clock.pass(500)
    await settle(member)
    assert.equal(ticks.slice(missed === 'skip' ? 1 : 2), [firstMs + 4_000])
    const closing = member.close()
    end()
    await closing
  }
})

test('a member that stood still since it claimed a tick does not begin', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  const runs = new Runs()
  const member = await schedule(zk, '/jobs/late', { everyMs: 1_000 }, runs.job)
  const off = member.on('run', () => clock.sleep(zk.session?.timeoutMs ?? 0))
  const failed = new Promise<unknown>((resolve) => member.on('failed', resolve))
  clock.pass(1_000)
  assert.ok(isZkError(await failed, 'LockLost'))
  off()
  await settle(member)
  clock.pass(1_000)
  await runs.reach(1)
  await member.close()
  assert.is(runs.ticks.length, 1)
})

test('a tick that waited for a connection for too long is missed', async (t) => {
  const at = await timedPlace(t)
  const losing = new Losing(at.ensemble.peer(1)!.endpoint)
  const clock = new SleepyClock()
  const zk = await Client.connect({ endpoints: [losing], clock })
  t.defer(() => zk.close())
  const runs = new Runs()
  const member = await schedule(zk, '/jobs/cut', { everyMs: HOUR_MS }, runs.job)
  let back: () => void = () => undefined
  losing.lose('write', () => new Promise<void>((resolve) => {
    back = resolve
  }))
  const nextMs = member.next!.getTime()
  const away = new Promise<void>((resolve) => {
    zk.on('state', ({ state }) => {
      if (state === 'suspended') resolve()
    })
  })
  clock.pass(nextMs - clock.wall())
  // The loss is told by a real timer.
  await away
  assert.equal([zk.state, losing.losses], ['suspended', 1])
  clock.sleep(120_000)
  back()
  while (zk.state !== 'connected') {
    clock.pass(50)
    await settle(member)
  }
  for (let round = 0; round < 10; round++) {
    clock.pass(50)
    await settle(member)
  }
  assert.equal(runs.ticks, [])
  clock.pass(nextMs + HOUR_MS - clock.wall())
  await runs.reach(1)
  assert.equal(runs.ticks, [nextMs + HOUR_MS])
  await member.close()
})

test('the end of a schedule is told', async (t) => {
  const at = await timedPlace(t)
  const [a, b] = [await at.ensemble.connect(), await at.ensemble.connect()]
  t.defer(() => b.close())
  const one = await schedule(a, '/jobs/ends', { everyMs: 50 }, () => undefined)
  const ended = new Promise<Error | null>((resolve) => one.on('end', resolve))
  await a.close()
  assert.ok(isZkError(await ended, 'Closed'))
  const closed = await schedule(b, '/jobs/ends', { everyMs: 50 }, () => undefined)
  const told = new Promise<Error | null>((resolve) => closed.on('end', resolve))
  await closed.close()
  assert.is(await told, null)
})

test('who has a schedule that was over before it was his hears of its end', async (t) => {
  const at = await timedPlace(t)
  const zk = await at.ensemble.connect()
  t.defer(() => zk.close())
  const one = await schedule(zk, '/jobs/past', { cron: '2020-01-01T00:00:00', timezone: 'UTC' }, () => undefined)
  assert.is(one.next, null)
  assert.is(await new Promise((resolve) => one.on('end', resolve)), null)
  await one.close()
})

test('a schedule that has ended lets go of the signal that would close it', async (t) => {
  const at = await timedPlace(t)
  const a = await at.ensemble.connect()
  const program = new AbortController()
  const one = await schedule(a, '/jobs/ends', { everyMs: 50 }, () => undefined, { signal: program.signal })
  const ended = new Promise<Error | null>((resolve) => one.on('end', resolve))
  let closes = 0
  one.close = (): Promise<void> => {
    closes += 1
    return Promise.resolve()
  }
  await a.close()
  await ended
  program.abort()
  assert.is(closes, 0)
})

test('a run that goes on lets no other begin', async (t) => {
  const at = await timedPlace(t)
  const clock = new SleepyClock()
  const [a, b] = [await at.connect(clock), await at.connect(clock)]
  let end: () => void = () => undefined
  let began: (run: Run) => void = () => undefined
  let running = 0
  let most = 0
  const begun = new Promise<Run>((resolve) => {
    began = resolve
  })
  const job = async (run: Run): Promise<void> => {
    running += 1
    most = Math.max(most, running)
    began(run)
    await new Promise<void>((resolve) => {
      end = resolve
    })
    running -= 1
  }
  const members = [await schedule(a.zk, '/jobs/long', { everyMs: 1_000 }, job),
    await schedule(b.zk, '/jobs/long', { everyMs: 1_000 }, job)]
  clock.pass(1_000)
  await begun
  clock.pass(1_000)
  await settle(...members)
  assert.equal([running, most], [1, 1])
  const closing = members.map((member) => member.close())
  assert.ok((await begun).signal.aborted)
  end()
  await Promise.all(closing)
})

test('a job that throws is told of, and runs at the next tick', async (t) => {
  const at = await timedPlace(t)
  const { zk, clock } = await at.connect()
  let runs = 0
  const member = await schedule(zk, '/jobs/throws', { everyMs: 1_000 }, () => {
    runs += 1
    throw new RangeError('no')
  })
  for (let tick = 1; tick <= 2; tick++) {
    const failed = new Promise<unknown>((resolve) => {
      member.on('failed', resolve)
    })
    clock.pass(1_000)
    assert.instance(await failed, RangeError)
    await settle(member)
    assert.is(runs, tick)
  }
  await member.close()
})

test('node-cron asks, and one may', async (t) => {
  const at = await timedPlace(t)
  const [a, b] = [await at.ensemble.connect(), await at.ensemble.connect()]
  t.defer(() => Promise.all([a.close(), b.close()]))
  const [one, other] = [runCoordinator(a, '/cron'), runCoordinator(b, '/cron')]
  for (const moment of ['2026-01-01T03:00:00.000Z', '2026-01-02T03:00:00.000Z']) {
    const may = await Promise.all([one, other, one].map((each) => each.shouldRun(`node-cron:a/b c:${moment}`, 1_000)))
    assert.is(may.filter(Boolean).length, 1)
  }
  assert.is(await other.shouldRun('node-cron:a/b c:2026-01-01T03:00:00.000Z', 1_000), false)
  assert.is(await other.shouldRun('node-cron:another:2026-01-01T03:00:00.000Z', 1_000), true)
  assert.instance(await one.shouldRun('what', 1).then(() => null, (error: Error) => error), TypeError)
})

test('timetables', () => {
  const at = Date.parse('2026-03-01T10:00:30.000Z')
  const nightly = timetableOf({ cron: '30 3 * * *', timezone: 'UTC' })
  assert.is(nightly.next(at), Date.parse('2026-03-02T03:30:00.000Z'))
  assert.is(nightly.previous(at), Date.parse('2026-03-01T03:30:00.000Z'))
  assert.is(nightly.next(nightly.next(at) ?? 0), Date.parse('2026-03-03T03:30:00.000Z'))
  assert.is(nightly.previous(Date.parse('2026-03-02T03:30:00.000Z')), Date.parse('2026-03-02T03:30:00.000Z'))
  const every = timetableOf({ everyMs: 250 })
  assert.equal([every.next(1_000), every.next(999)], [1_250, 1_000])
  assert.equal([every.previous(1_000), every.previous(999)], [1_000, 750])
  for (const when of ['no', '61 * * * *', { everyMs: 0 }, { everyMs: 1.5 }, { cron: 1 }, null, {}, undefined]) {
    assert.throws(() => timetableOf(when as never), TypeError)
  }
})

test('what is no schedule is refused', async (t) => {
  const at = await timedPlace(t)
  const { zk } = await at.connect()
  const attempts = [
    schedule(zk, '/x', 'no', () => undefined), schedule(zk, '/x', { everyMs: 1 }, 1 as never),
    schedule(zk, '/x', { everyMs: 1 }, () => undefined, { missed: 'all' } as never),
  ]
  for (const attempt of attempts) assert.instance(await attempt.then(() => null, (error: Error) => error), TypeError)
  const relative = await schedule(zk, 'x', { everyMs: 1 }, () => undefined).then(() => null, (error: Error) => error)
  assert.instance(relative, ZkError)
})

test.run()
