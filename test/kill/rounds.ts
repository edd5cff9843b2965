import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../lib/core/random.ts'
import { IDS } from './trio.ts'
import type { Trio } from './trio.ts'

/** One way to hurt a trio whose peers are all up. */
export type Blow = 'one' | 'leader' | 'two' | 'all' | 'start' | 'stop' | 'wipe' | 'wipe-amid' | 'freeze'

/** A blow falls at a random moment within so long. */
const MOMENT_MS = 300
/** Longer than a silent link lives, and shorter than a silent session. */
const FROZEN_MS = 2_000

/** Deals the blows in random order, and stops at the first that does harm. The duration of the slowest round. */
export async function deal(trio: Trio, blows: readonly Blow[], random: Random): Promise<number> {
  let slowestMs = 0
  for (const blow of shuffled(blows, random)) {
    const startedMs = performance.now()
    const failure = await round(trio, blow, random).then(() => [], (error: unknown) => [String(error)])
    slowestMs = Math.max(slowestMs, performance.now() - startedMs)
    const problems = [...failure, ...trio.problems()]
    if (problems.length === 0) continue
    const logs = trio.running.flatMap(({ name, log }) => log.map((line) => `${name}: ${line}`))
    throw new Error([`in ${blow}`, ...problems, ...logs].join('; '))
  }
  return slowestMs
}

/** Deals one blow, and waits until all peers are up again and every one of them has writes acknowledged. */
async function round(trio: Trio, blow: Blow, random: Random): Promise<void> {
  const moment = (): Promise<void> => pause(random.below(MOMENT_MS))
  await moment()
  const [one, other] = pickTwo(random)
  switch (blow) {
    case 'one': await without(trio, one, random); break
    case 'leader': await without(trio, trio.leader ?? one, random); break
    case 'two':
      await trio.kill(one, other)
      await moment()
      trio.startPeer(one)
      await moment()
      trio.startPeer(other)
      break
    case 'all':
      await trio.kill(...IDS)
      for (const id of IDS) trio.startPeer(id)
      break
    case 'start':
      // Killed while it starts, or while it is brought up to date.
      await trio.kill(one)
      trio.startPeer(one)
      await pause(100 + random.below(MOMENT_MS))
      await trio.kill(one)
      trio.startPeer(one)
      break
    case 'stop':
      await trio.stop(one)
      await trio.progress()
      trio.startPeer(one)
      break
    case 'wipe':
      await trio.kill(one)
      trio.wipe(one)
      trio.startPeer(one)
      break
    case 'freeze': await frozen(trio, trio.leader ?? one); break
    case 'wipe-amid': await wipeAmid(trio, one, other, random); break
  }
  await trio.allUp()
  await trio.progress()
}

/** The two that are left go on without it, sometimes for long. */
async function without(trio: Trio, id: number, random: Random): Promise<void> {
  await trio.kill(id)
  if (random.below(2) === 0) await trio.progress()
  trio.startPeer(id)
}

/** The others find another leader, and the sessions of the frozen process live on. */
async function frozen(trio: Trio, id: number): Promise<void> {
  const child = trio.children.get(id)!
  child.freeze()
  await pause(FROZEN_MS)
  child.thaw()
}

/** While a wiped peer comes back, it or another is killed. */
async function wipeAmid(trio: Trio, wiped: number, other: number, random: Random): Promise<void> {
  await trio.kill(wiped)
  trio.wipe(wiped)
  trio.startPeer(wiped)
  await pause(100 + random.below(2 * MOMENT_MS))
  const second = random.below(2) === 0 ? wiped : other
  await trio.kill(second)
  await pause(random.below(MOMENT_MS))
  trio.startPeer(second)
}

/** Kills of peers that found the ensemble or have just done so; in the end all are running. */
export async function foundingBlows(trio: Trio, random: Random): Promise<void> {
  for (let blow = 0; blow < 6; blow++) {
    await pause(random.below(MOMENT_MS))
    const id = IDS[random.below(IDS.length)]!
    if (trio.children.has(id)) await trio.kill(id)
    if (random.below(3) > 0) trio.startPeer(id)
  }
  for (const id of IDS) {
    if (!trio.children.has(id)) trio.startPeer(id)
  }
}

function pickTwo(random: Random): [number, number] {
  const one = random.below(IDS.length)
  const other = (one + 1 + random.below(IDS.length - 1)) % IDS.length
  return [IDS[one]!, IDS[other]!]
}

/** Blows in random order, every kind as often as it is named. */
function shuffled(blows: readonly Blow[], random: Random): Blow[] {
  const left = blows.slice()
  return blows.map(() => left.splice(random.below(left.length), 1)[0]!)
}
