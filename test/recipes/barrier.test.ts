import { barrierAt, doubleBarrierAt } from '../../lib/recipes/index.ts'
import type { Stay } from '../../lib/recipes/index.ts'
import type { Client } from '../../lib/node.ts'
import { isZkError } from '../../lib/node.ts'
import { assert, rejects, suite } from '../harness.ts'
import { losingPlace } from './losing.ts'
import { place } from './place.ts'

const barrier = suite('barrier')
const double = suite('double barrier')

/** Resolves when the folder has so many children. */
async function untilChildren(zk: Client, path: string, count: number): Promise<string[]> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      const watch = (): void => resolve()
      zk.children(path, { watch }).catch(() => zk.exists(path, { watch })).catch(watch)
    })
    const names = await zk.children(path).catch(() => [])
    if (names.length === count) return names
    await changed
  }
}

barrier('those who come while it is set wait, and all go on when it is lifted', async (t) => {
  const at = await place(t)
  const [zk, ...others] = await Promise.all([at.connect(), at.connect(), at.connect(), at.connect()])
  const gate = barrierAt(zk, '/app/gate')
  assert.equal([await gate.isSet(), await gate.lift()], [false, false])
  await gate.wait()
  assert.equal([await gate.set(), await gate.set(), await gate.isSet()], [true, false, true])
  const passed: number[] = []
  const waiting = others.map(async (other, index) => {
    await barrierAt(other, '/app/gate').wait()
    passed.push(index)
  })
  await Promise.all(others.map((other) => other.sync()))
  await rejects(gate.wait({ waitMs: 0 }), 'OperationTimeout')
  await rejects(gate.wait({ waitMs: 20 }), 'OperationTimeout')
  assert.equal(passed, [])
  assert.is(await gate.lift(), true)
  await Promise.all(waiting)
  assert.equal(passed.toSorted((a, b) => a - b), [0, 1, 2])
  await gate.wait({ waitMs: 0 })
  assert.equal(await zk.children('/app'), [])
})

barrier('whoever waits goes on, even when it is set again at once', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  const gate = barrierAt(zk, '/gate')
  for (let round = 0; round < 10; round++) {
    await gate.set()
    await other.sync('/gate')
    const waiting = barrierAt(other, '/gate').wait()
    await other.sync('/gate')
    await Promise.all([gate.lift(), gate.set(), waiting])
    await gate.lift()
  }
})

barrier('one who gives up is told so, and nothing of him stays', async (t) => {
  const at = await place(t)
  const zk = await at.connect()
  const gate = barrierAt(zk, '/gate')
  await gate.set()
  const abort = new AbortController()
  const waiting = gate.wait({ signal: abort.signal })
  await zk.sync()
  abort.abort(new Error('enough'))
  assert.is(((await rejects(waiting, 'Aborted')).cause as Error).message, 'enough')
  await rejects(gate.wait({ signal: AbortSignal.abort() }), 'Aborted')
  await rejects(zk.removeWatches('/gate'), 'NoWatcher')
  assert.throws(() => barrierAt(zk, '/'), (error: unknown) => isZkError(error, 'BadArguments'))
  await rejects(gate.wait({ waitMs: -1 }))
})

barrier('a session that ends is told so while it waits', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await barrierAt(zk, '/gate').set()
  await other.sync()
  const waiting = barrierAt(other, '/gate').wait()
  await other.sync()
  await other.close()
  await rejects(waiting, 'Closed')
})

barrier('set and lift happen once, although their answers are lost and others lift and set meanwhile', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const [gate, theirs] = [barrierAt(zk, '/a/gate'), barrierAt(other, '/a/gate')]
  await theirs.set()
  await theirs.lift()
  losing.lose('answer', () => theirs.lift())
  assert.is(await gate.set(), true)
  assert.is(await theirs.isSet(), false)
  losing.lose('write')
  assert.is(await gate.set(), true)
  losing.lose('answer', () => theirs.set())
  assert.is(await gate.lift(), true)
  assert.is(await theirs.isSet(), true)
  losing.lose('write', () => theirs.lift())
  assert.is(await gate.lift(), false)
  assert.is(losing.losses, 4)
  assert.equal(await zk.ephemerals(), [])
})

barrier('a lift while the connection is away is not missed, nor one that was followed by a set', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const theirs = barrierAt(other, '/gate')
  for (const isSetAgain of [false, true]) {
    await theirs.set()
    await zk.sync('/gate')
    const waiting = barrierAt(zk, '/gate').wait()
    await zk.sync('/gate')
    losing.lose('write', async () => {
      await theirs.lift()
      if (isSetAgain) await theirs.set()
    })
    await rejects(zk.create('/x'), 'ConnectionLoss')
    await waiting
    await theirs.lift()
  }
})

const PATH = '/app/double'

double('nobody enters before all have come, nobody has left before all leave, and again', async (t) => {
  const at = await place(t)
  const all = await Promise.all([1, 2, 3, 4].map(() => at.connect()))
  const [first] = all as [Client]
  for (let round = 0; round < 3; round++) {
    let entered = 0
    const enter = (zk: Client): Promise<Stay> => doubleBarrierAt(zk, PATH, { count: 4, name: 'me' }).enter()
      .finally(() => { entered += 1 })
    const entering = all.slice(0, 3).map(enter)
    const names = await untilChildren(first, PATH, 3)
    assert.is((await first.get(`${PATH}/${names[0]}`)).text(), 'me')
    assert.ok(names.every((name) => /^[0-9a-f]{32}$/.test(name)))
    assert.is(entered, 0)
    const stays = await Promise.all([...entering, enter(all[3]!)])
    assert.is((await first.children(PATH)).length, 5)
    let left = 0
    const leaving = stays.slice(1).map((stay) => stay.leave().finally(() => { left += 1 }))
    // All but the first by name, who waits for the others, go at once.
    const isFirst = stays.every(({ path }) => path >= stays[0]!.path)
    await untilChildren(first, PATH, isFirst ? 2 : 3)
    assert.is(left, 0)
    await Promise.all([...leaving, stays[0]!.leave()])
    assert.equal(await first.children(PATH), [])
  }
}, { timeoutMs: 20_000 })

double('one who gives up or dies does not count; the others wait for one more', async (t) => {
  const at = await place(t)
  const [a, b, c, d] = await Promise.all([at.connect(), at.connect(), at.connect(), at.connect()])
  const of = (zk: Client): ReturnType<typeof doubleBarrierAt> => doubleBarrierAt(zk, PATH, { count: 3 })
  const waiting = of(a).enter()
  await untilChildren(a, PATH, 1)
  const abort = new AbortController()
  const aborted = rejects(of(b).enter({ signal: abort.signal }), 'Aborted')
  await untilChildren(a, PATH, 2)
  abort.abort()
  assert.is((await aborted as { mayHaveHappened?: boolean }).mayHaveHappened, true)
  await untilChildren(a, PATH, 1)
  await rejects(of(b).enter({ waitMs: 20 }), 'OperationTimeout')
  await rejects(of(b).enter({ waitMs: 0 }), 'OperationTimeout')
  assert.is((await a.children(PATH)).length, 1)
  const dies = rejects(of(c).enter())
  await untilChildren(a, PATH, 2)
  await c.close()
  await dies
  const later = of(b).enter()
  await untilChildren(a, PATH, 2)
  const stays = await Promise.all([waiting, later, of(d).enter()])
  // A member that dies inside is not waited for.
  const leaving = stays[0].leave()
  await d.close()
  await Promise.all([leaving, stays[1].leave()])
  assert.equal(await a.children(PATH), [])
}, { timeoutMs: 20_000 })

double('more may enter, and whoever leaves alone is told who is still there', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  const one = await doubleBarrierAt(a, PATH, { count: 1 }).enter()
  await b.sync()
  const other = await doubleBarrierAt(b, PATH, { count: 1 }).enter({ waitMs: 0 })
  await a.sync()
  await rejects(one.leave({ waitMs: 20 }), 'OperationTimeout')
  await rejects(one.leave({ waitMs: 0 }), 'OperationTimeout')
  assert.is(await a.exists(one.path), null)
  await other.close()
  await one.leave()
  assert.equal(await a.children(PATH), [])
})

double('a fleet that died at once leaves nothing that opens the next one', async (t) => {
  const at = await place(t)
  const [a, b] = [await at.connect(), await at.connect()]
  await Promise.all([a, b].map((zk) => doubleBarrierAt(zk, PATH, { count: 2 }).enter()))
  await Promise.all([a.close(), b.close()])
  const [c, d] = [await at.connect(), await at.connect()]
  assert.equal(await c.children(PATH), ['ready'])
  await rejects(doubleBarrierAt(c, PATH, { count: 2 }).enter({ waitMs: 0 }), 'OperationTimeout')
  await d.sync()
  assert.equal(await d.children(PATH), [])
  await Promise.all([c, d].map((zk) => doubleBarrierAt(zk, PATH, { count: 2 }).enter()))
})

double('answers that are lost and connections that break let nobody in alone and keep nobody out', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const isCreate = ({ op }: { op: number }): boolean => op === 1
  const isMulti = ({ op }: { op: number }): boolean => op === 14
  for (const loss of ['answer', 'write'] as const) {
    for (const isIt of [isCreate, isMulti]) {
      const theirs = doubleBarrierAt(other, PATH, { count: 2 }).enter()
      await untilChildren(other, PATH, 1)
      await zk.sync()
      losing.lose(loss, undefined, isIt)
      const stays = await Promise.all([doubleBarrierAt(zk, PATH, { count: 2 }).enter(), theirs])
      assert.is((await other.children(PATH)).length, 3)
      await Promise.all(stays.map((stay) => stay.leave()))
      assert.equal(await other.children(PATH), [])
    }
  }
  assert.is(losing.losses, 4)
  // It opens while the connection of one who waits is away.
  const waiting = doubleBarrierAt(zk, PATH, { count: 2 }).enter()
  await untilChildren(other, PATH, 1)
  let theirs: Stay | undefined
  losing.lose('write', async () => {
    theirs = await doubleBarrierAt(other, PATH, { count: 2 }).enter()
  })
  await rejects(zk.create('/x'), 'ConnectionLoss')
  await Promise.all([(await waiting).leave(), theirs?.leave()])
})

double('one whose time runs out after it opened enters all the same', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const isCreate = ({ op }: { op: number }): boolean => op === 1
  await other.create(PATH, '', { parents: true })
  let theirs: Stay | undefined
  let isOver: () => void = () => undefined
  const over = new Promise<void>((resolve) => { isOver = resolve })
  // The answer to its creation is missing until its time is over; meanwhile the other one has opened.
  losing.lose('answer', async () => {
    theirs = await doubleBarrierAt(other, PATH, { count: 2 }).enter()
    await over
  }, isCreate)
  const abandoned = zk.clock.setTimer(60, () => isOver())
  const stay = await doubleBarrierAt(zk, PATH, { count: 2 }).enter({ waitMs: 30 })
  abandoned.cancel()
  assert.ok(await other.exists(stay.path))
  await Promise.all([stay.leave(), theirs!.leave()])
  assert.equal(await other.children(PATH), [])
})

double('one whose time runs out before it came does not enter, however often it opened before', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  const stays = await Promise.all([zk, other].map((each) => doubleBarrierAt(each, PATH, { count: 2 }).enter()))
  await Promise.all(stays.map((stay) => stay.leave()))
  let back: () => void = () => undefined
  losing.lose('write', () => new Promise<void>((resolve) => { back = resolve }))
  await rejects(zk.create('/x'), 'ConnectionLoss')
  const late = rejects(doubleBarrierAt(zk, PATH, { count: 2 }).enter({ waitMs: 5 }), 'OperationTimeout')
  await new Promise<void>((resolve) => void zk.clock.setTimer(30, resolve))
  back()
  await late
  assert.equal(await other.children(PATH), [])
})

double('what happened in another folder at this path, after the one it stood in, lets nobody in', async (t) => {
  const { losing, zk, other } = await losingPlace(t)
  let back: () => void = () => undefined
  const waiting = doubleBarrierAt(zk, PATH, { count: 2 }).enter({ waitMs: 20 })
  await untilChildren(other, PATH, 1)
  await zk.sync()
  losing.lose('write', () => new Promise<void>((resolve) => { back = resolve }))
  await rejects(zk.create('/x'), 'ConnectionLoss')
  await other.delete(PATH, { recursive: true })
  const all = await Promise.all([1, 2].map(() => doubleBarrierAt(other, PATH, { count: 2 }).enter()))
  await Promise.all(all.map((stay) => stay.leave()))
  assert.is((await other.exists(PATH))?.version, 1)
  const late = rejects(waiting, 'OperationTimeout')
  await new Promise<void>((resolve) => void zk.clock.setTimer(40, resolve))
  back()
  await late
  assert.equal(await other.children(PATH), [])
})

barrier.run()
double.run()
