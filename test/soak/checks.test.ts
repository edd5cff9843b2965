import type { Storage } from '../../lib/ports/storage.ts'
import { assert, suite } from '../harness.ts'
import { Checks, Horizon, Sight } from './checks.ts'
import type { Check } from './checks.ts'
import { watched } from './disk.ts'
import { Gaps } from './gaps.ts'
import { Levels, slope } from './levels.ts'
import { Line } from './line.ts'
import { Lives, OUTLIVING_MS } from './lives.ts'
import { Nodes } from './nodes.ts'
import { Registers } from './registers.ts'
import { tellStalls } from './stalls.ts'
import { Testimony } from './testimony.ts'

const test = suite('soak > checks')

/** What is known, and what was wrong so far. */
class Scene {
  readonly checks = new Checks()
  readonly horizon = new Horizon()
  readonly sight = new Sight(this.horizon)
  readonly other = new Sight(this.horizon)
  readonly registers = new Registers(this.checks, this.horizon)
  readonly nodes = new Nodes(this.checks, this.horizon)
  readonly line = new Line(this.checks, this.horizon)
  readonly lives = new Lives(this.checks)
  readonly testimony = new Testimony('w', this.checks)

  constructor() {
    this.registers.made('/r', 'first', { version: 0, mzxid: 1 })
  }

  get failed(): readonly Check[] {
    return this.checks.failed
  }

  /** A write over the version `guard` is acknowledged with this zxid. */
  write(guard: number, text: string, mzxid: number): void {
    this.registers.begin('/r', guard, text).acked({ version: guard + 1, mzxid }, this.sight)
  }

  read(version: number, text: string, mzxid: number, floor = 0): void {
    this.registers.read('/r', text, { version, mzxid }, floor, this.other)
  }
}

test('nothing is wrong where all is right', () => {
  const scene = new Scene()
  scene.write(0, 'a', 2)
  const unknown = scene.registers.begin('/r', 1, 'b')
  scene.registers.begin('/r', 1, 'c').refused()
  scene.read(1, 'a', 2, 2)
  scene.read(2, 'b', 3, 2)
  void unknown
  scene.registers.final('/r', 'b', { version: 2, mzxid: 3 })
  scene.nodes.making('/n', 'text')(4, scene.sight)
  scene.nodes.making('/unknown', 'text')
  scene.nodes.read('/n', scene.nodes.known('/n'), 'text')
  scene.nodes.final(new Map([['/n', 'text']]))
  scene.line.making('x')(0, 5, scene.sight)
  scene.line.making('y')
  scene.line.making('z')(2, 7, scene.sight)
  scene.line.final(new Map([[0, 'x'], [1, 'y'], [2, 'z']]), 3)
  assert.equal(scene.failed, [])
})

/** Each of these is a lie, and the check that has to notice it. */
const LIES: Readonly<Record<string, readonly [Check, (scene: Scene) => void]>> = {
  'two writers of one version': ['versions', (scene) => {
    scene.write(0, 'a', 2)
    scene.write(0, 'b', 3)
  }],
  'a version that is left out': ['versions', (scene) => {
    scene.write(0, 'a', 2)
    scene.registers.begin('/r', 2, 'c')
    scene.registers.final('/r', 'c', { version: 3, mzxid: 5 })
  }],
  'a text that nobody wrote': ['versions', (scene) => scene.read(1, 'a', 2)],
  'a refused write that is there': ['versions', (scene) => {
    scene.registers.begin('/r', 0, 'a').refused()
    scene.read(1, 'a', 2)
  }],
  'a write that is refused after it was read': ['versions', (scene) => {
    const attempt = scene.registers.begin('/r', 0, 'a')
    scene.read(1, 'a', 2)
    attempt.refused()
  }],
  'an acknowledged write that is lost': ['written', (scene) => {
    scene.write(0, 'a', 2)
    scene.registers.final('/r', 'first', { version: 0, mzxid: 1 })
  }],
  'a write in the past': ['order', (scene) => {
    scene.horizon.raise(9)
    scene.write(0, 'a', 2)
  }],
  'a read that goes back': ['session', (scene) => {
    scene.write(0, 'a', 5)
    scene.read(0, 'first', 1, 5)
  }],
  'a read that had gone back, as it turns out': ['session', (scene) => {
    const attempt = scene.registers.begin('/r', 0, 'a')
    scene.read(0, 'first', 1, 7)
    scene.horizon.zxid = 0
    attempt.acked({ version: 1, mzxid: 5 }, scene.sight)
  }],
  'a node that is lost': ['written', (scene) => {
    scene.nodes.making('/n', 'text')(4, scene.sight)
    scene.nodes.final(new Map())
  }],
  'a node that cannot be read': ['written', (scene) => {
    scene.nodes.making('/n', 'text')(4, scene.sight)
    scene.nodes.read('/n', 'there', null)
  }],
  'a deleted node that is there': ['written', (scene) => {
    scene.nodes.making('/n', 'text')(4, scene.sight)
    scene.nodes.deleting('/n')()
    scene.nodes.final(new Map([['/n', 'text']]))
  }],
  'a node that nobody made': ['written', (scene) => scene.nodes.final(new Map([['/n', 'text']]))],
  'a number given twice': ['sequence', (scene) => {
    scene.line.making('x')(0, 5, scene.sight)
    scene.line.making('y')(0, 6, scene.sight)
  }],
  'a number lower than one before': ['sequence', (scene) => {
    scene.line.making('x')(3, 5, scene.sight)
    scene.line.making('y')(1, 6, scene.sight)
  }],
  'a number that nobody got': ['sequence', (scene) => {
    scene.line.making('x')(0, 5, scene.sight)
    scene.line.making('y')(2, 6, scene.sight)
    scene.line.final(new Map([[0, 'x'], [2, 'y']]), 3)
  }],
  'an item taken twice': ['written', (scene) => {
    scene.line.making('x')(0, 5, scene.sight)
    scene.line.taking(0)()
    scene.line.taking(0)()
  }],
  'an item that is lost': ['written', (scene) => {
    scene.line.making('x')(0, 5, scene.sight)
    scene.line.final(new Map(), 1)
  }],
  'a change that a watch leaves out': ['watch', (scene) => {
    scene.testimony.begin(1)
    scene.write(0, 'a', 2)
    scene.write(1, 'b', 3)
    scene.testimony.told('/r', 3)
    scene.testimony.judge(scene.registers, ['/r'])
  }],
  'a change that a watch leaves out at last': ['watch', (scene) => {
    scene.testimony.begin(1)
    scene.write(0, 'a', 2)
    scene.testimony.complete(2)
    scene.testimony.judge(scene.registers, ['/r'])
  }],
  'a watch that tells twice': ['watch', (scene) => {
    scene.testimony.begin(1)
    scene.testimony.told('/r', 2)
    scene.testimony.told('/r', 2)
  }],
  'an ephemeral node that outlives its session': ['ephemeral', (scene) => {
    scene.lives.born('/e', 1_000).overMs = 0
    scene.lives.seen(['/e'], 1_000 + OUTLIVING_MS + 1, 0)
  }],
  'an ephemeral node that comes back': ['ephemeral', (scene) => {
    scene.lives.born('/e', 1_000).overMs = 0
    scene.lives.seen([], 10, 0)
    scene.lives.seen(['/e'], 20, 0)
  }],
  'an ephemeral node that is lost': ['ephemeral', (scene) => {
    scene.lives.born('/e', 1_000)
    scene.lives.final([])
  }],
}

for (const [lie, [check, tell]] of Object.entries(LIES)) {
  test(`noticed: ${lie}`, () => {
    const scene = new Scene()
    tell(scene)
    assert.ok(scene.failed.includes(check), `${check} says nothing, ${scene.failed.join() || 'as do all'}`)
  })
}

test('an ephemeral node may live for its timeout after the last trouble', () => {
  const scene = new Scene()
  scene.lives.born('/e', 1_000).overMs = 0
  scene.lives.seen(['/e'], 6_000 + OUTLIVING_MS, 5_000)
  assert.equal([scene.failed, scene.lives.dying, scene.lives.longestMs], [[], 1, 5_000 + OUTLIVING_MS])
})

test('what a watch says after a gap need not hold what happened in it', () => {
  const scene = new Scene()
  scene.testimony.begin(1)
  scene.write(0, 'a', 2)
  scene.testimony.told('/r', 2)
  scene.write(1, 'b', 3)
  scene.testimony.begin(3)
  scene.write(2, 'c', 4)
  scene.testimony.complete(4)
  assert.equal(scene.failed, [])
  scene.testimony.judge(scene.registers, ['/r'])
  assert.equal(scene.checks.wrongs('watch'), ['w was told of all from 3 to 4 but 4 at /r'])
})

test('the longest time without a write is that of the fault that made it', () => {
  const gaps = new Gaps(0)
  gaps.begin('none')
  gaps.written(10, 1)
  gaps.begin('kill')
  gaps.written(2_010, 2_500)
  gaps.written(2_020, 3)
  gaps.end()
  assert.equal([gaps.rows.get('none')!.longestMs, gaps.rows.get('kill')!.longestMs], [[10], [2_000]])
  assert.equal([gaps.rows.get('kill')!.waitMs, gaps.calmMs(2_500), gaps.calmMs(9_000)], [2_500, 2_010, 9_000])
})

test('growth is the slope of the nearest line', () => {
  const points = [[0, 10], [1, 12], [2, 14], [3, 16]].map(([minute, value]) => ({ minute: minute!, value: value! }))
  assert.is(slope(points), 2)
})

/** Whether it is level after an hour in which, at each minute, the folder or the heap has so many MB. */
function isLevel(quantity: 'disk' | 'heap', megabytes: (minute: number) => number): boolean | null {
  const levels = new Levels(0)
  for (let second = 1; second <= 3_600; second++) {
    const size = megabytes(second / 60) * 1e6
    levels.add(1, {
      rssBytes: 1e8, heapBytes: quantity === 'heap' ? size : 3e7, diskBytes: quantity === 'disk' ? size : 3e7,
      nodes: 900, sessions: 60, ageS: second, cpuS: 0, snapshots: 0, purges: 0, elections: 0, diffs: 0, truncs: 0,
      snaps: 0,
    }, second * 1_000)
  }
  return levels.growths().find((growth) => growth.quantity === quantity)!.isLevel
}

test('what rises and falls all the time is level, and what rises on top of that is not', () => {
  for (const period of [0.5, 4, 7, 12]) {
    const saw = (minute: number): number => 30 + 100 * (minute % period) / period
    assert.is(isLevel('disk', saw), true, `a folder, every ${period} minutes`)
    assert.is(isLevel('disk', (minute) => saw(minute) + minute * 1.5), false, `a folder that grows, every ${period}`)
  }
  const heap = (minute: number): number => 20 + 30 * (minute % 0.3) / 0.3
  assert.is(isLevel('heap', heap), true)
  assert.is(isLevel('heap', (minute) => heap(minute) + minute * 0.5), false)
})

test('what finds its size at the beginning is level', () => {
  assert.is(isLevel('disk', (minute) => Math.min(100, 10 + minute * 12)), true)
  assert.is(isLevel('heap', (minute) => Math.min(40, 15 + minute * 5)), true)
})

test('a write that takes long is told of while it waits and when it ends', async () => {
  let done: () => void = () => undefined
  const slow: Storage = {
    features: { persistent: true, durable: true }, open: () => Promise.reject(new Error('not here')),
    write: () => new Promise((resolve) => { done = resolve }), close: () => Promise.resolve(),
  }
  const told: string[] = []
  let tell: () => void = () => undefined
  const storage = watched(slow, { snapshots: 0, purges: 0 }, (text) => {
    told.push(text.replace(/\d+/, 'N'))
    tell()
  }, 20)
  const isTold = new Promise<void>((resolve) => { tell = resolve })
  const writing = storage.write({})
  await isTold
  assert.equal(told, ['a write waits since N ms'])
  done()
  await writing
  assert.equal(told, ['a write waits since N ms', 'a write took N ms'])
})

test('a process that stood still tells so', async () => {
  let timer: NodeJS.Timeout | undefined
  const told = new Promise<string>((resolve) => { timer = tellStalls(resolve).ref() })
  await new Promise((resolve) => { setImmediate(resolve) })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500)
  assert.match(await told, /^stood still for \d+ ms$/)
  clearInterval(timer)
})

test.run()
