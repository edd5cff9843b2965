import { setTimeout as pause } from 'node:timers/promises'
import { makeRandom } from '../../lib/core/random.ts'
import { assert, suite } from '../harness.ts'
import { deal, foundingBlows } from '../kill/rounds.ts'
import type { Blow } from '../kill/rounds.ts'
import { Trio } from '../kill/trio.ts'

const test = suite('kill, long')

/** So often each. */
const BLOWS: Readonly<Record<Blow, number>> = {
  one: 8, leader: 10, two: 6, all: 4, start: 5, stop: 8, wipe: 6, 'wipe-amid': 5, freeze: 5,
}

test('sixty processes die, and nothing acknowledged is lost', async (t) => {
  const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 32))
  const random = makeRandom(seed)
  const startedMs = performance.now()
  const trio = await Trio.start(t.tempFolder())
  t.defer(() => trio.end())
  const blows = Object.entries(BLOWS).flatMap(([blow, times]) => Array.from({ length: times }, () => blow as Blow))
  process.stdout.write(`seed ${seed}\n`)
  const slowestMs = await deal(trio, blows, random)
  assert.equal(await trio.audit(), [])
  const { kills, stops, wipes, ledger } = trio
  process.stdout.write(`${kills} kills, ${stops} clean stops, ${wipes} wipes; ` +
    `${ledger.acknowledged} acknowledged writes checked, ${ledger.unknown} with unknown outcome; ` +
    `slowest round ${Math.round(slowestMs)} ms, ${Math.round((performance.now() - startedMs) / 1_000)} s in all\n`)
  assert.ok(kills >= 50 && stops >= 5 && wipes >= 5)
}, { timeoutMs: 1_200_000 })

test('a wiped peer makes no majority with one that is not', async (t) => {
  const trio = await Trio.start(t.tempFolder())
  t.defer(() => trio.end())
  await trio.progress()
  await trio.kill(1, 2)
  trio.wipe(2)
  const wiped = trio.startPeer(2)
  const whole = trio.children.get(3)!
  // What was under way at the kill is heard of first. Then the two have much longer than an election takes.
  await pause(1_000)
  const acknowledged = whole.acknowledged
  await pause(5_000)
  assert.is(whole.acknowledged, acknowledged, 'an empty peer was counted')
  assert.not.ok(wiped.isUp)
  trio.startPeer(1)
  await trio.allUp()
  await trio.progress()
  assert.equal(await trio.audit(), [])
}, { timeoutMs: 120_000 })

test('peers die while they found the ensemble', async (t) => {
  for (let founding = 0; founding < 10; founding++) {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = makeRandom(seed)
    const trio = await Trio.begin(t.tempFolder())
    t.defer(() => trio.end())
    await foundingBlows(trio, random)
    await trio.allUp()
    await trio.progress()
    assert.equal(await trio.audit(), [], `seed ${seed}`)
    await trio.end()
  }
}, { timeoutMs: 300_000 })

test.run()
