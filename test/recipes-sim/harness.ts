/**
 * Proof of the recipes in virtual time. Each file of `scenarios/` is one recipe: it exports
 *
 *   export async function scenario(world: World, mutant?: string): Promise<StormCounts>
 *
 * which plays the recipe's users (see actors.ts) under the faults of the world, throws a Violation when a promise of
 * the recipe is broken, and returns what `world.storm` counted. How to write one:
 *
 * 1. Start some programs: `play(world, { work, progress })` does the whole of 1 to 4 for the usual case; `live(world,
 *    options, work)` is one of them: it connects, does the work, and starts over with a new session whenever the last
 *    one is over or its program was killed. Nothing of a program may be reached from another one but
 *    through the ensemble; checkers, which see everything, are plain objects of the scenario.
 * 2. Within a program, time is `zk.clock`: `await world.sleep(zk, ms)`. Chance is `world.random`.
 * 3. Let the weather rage: `const counts = await world.storm(20_000)`; it ends calm. Before it, after it and during it,
 *    check invariants at the moment of the event they are about, against ghost state (who holds what by the
 *    ensemble's own account: values of nodes and zxids, not by the time of the answer).
 * 4. After it, check liveness: everybody gets what he waits for `within(world, ms, …)`; then what is left behind.
 *
 * One seed of one recipe: `npm run recipes:sim -- --only lock --seed 17`.
 */
import { readdirSync } from 'node:fs'
import { makeRandom } from '../../lib/core/random.ts'
import type { StormCounts } from '../../lib/testing/index.ts'
import { simulate, Violation } from '../../lib/testing/index.ts'
import type { World } from '../../lib/testing/index.ts'

/** What one file of `scenarios/` exports. */
export interface ScenarioModule {
  scenario(world: World, mutant?: string): Promise<StormCounts>
}

/** One run. */
export interface ScenarioResult {
  readonly recipe: string
  readonly seed: number
  readonly simulatedMs: number
  readonly wallMs: number
  readonly events: number
  readonly fingerprint: number
  readonly faults: StormCounts
  /** What broke, with what happened last. */
  readonly failure: string | null
  /** The check of the violation, or the name of the error. */
  readonly check: string | null
}

/** Every recipe that has a scenario. */
export function recipes(): string[] {
  return readdirSync(new URL('scenarios/', import.meta.url)).filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -3)).toSorted()
}

/** Runs one seed of one recipe. */
export async function runScenario(recipe: string, seed: number, mutant?: string): Promise<ScenarioResult> {
  const module = await import(`./scenarios/${recipe}.ts`) as ScenarioModule
  const startedMs = performance.now()
  const draw = makeRandom(seed * 16 + 5)
  const world = simulate({ seed, peers: draw.below(8) === 0 ? 5 : 3, observers: draw.below(8) === 0 ? 1 : 0 })
  let faults: StormCounts = {}
  let failure: string | null = null
  let check: string | null = null
  try {
    await world.run(async () => {
      faults = await module.scenario(world, mutant)
    })
  } catch (error) {
    failure = error instanceof Error ? error.stack ?? error.message : String(error)
    if (error instanceof Error && error.cause instanceof Error) failure += `\ncaused by ${error.cause.stack ?? ''}`
    check = error instanceof Violation ? error.check : (error as Error).name
  }
  const result = {
    recipe, seed, simulatedMs: world.nowMs, wallMs: performance.now() - startedMs, events: world.events,
    fingerprint: world.fingerprint, faults, failure, check,
  }
  await world.stop()
  return result
}
