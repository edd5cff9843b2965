/** Makes a path to a violation shorter: what can be left out is left out. */
import { Violation } from '../../lib/testing/sim/violation.ts'
import type { Action } from './actions.ts'
import type { Ensemble } from './ensemble.ts'
import type { World } from './world.ts'

/** Follows a path as far as its actions can happen; those that it took until `check` is violated, null if it is not. */
function follow(ensemble: Ensemble, first: World, path: readonly Action[], check: string): Action[] | null {
  const taken: Action[] = []
  let world = first
  try {
    for (const { kind, peer, other } of path) {
      const action = ensemble.actions(world).find((one) =>
        one.kind === kind && one.peer === peer && one.other === other)
      if (action === undefined) continue
      taken.push(action)
      world = ensemble.after(world, action)
    }
    ensemble.actions(world)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    if (error.check === check) return taken
  }
  return null
}

/** Leaves out halves, quarters and so on to single actions, as long as the same check is violated. */
export function shrink(ensemble: Ensemble, first: World, path: readonly Action[], check: string): readonly Action[] {
  let shortest = path
  for (let size = Math.ceil(path.length / 2); size >= 1;) {
    let isShorter = false
    for (let at = 0; at < shortest.length;) {
      const tried = follow(ensemble, first, [...shortest.slice(0, at), ...shortest.slice(at + size)], check)
      if (tried !== null && tried.length < shortest.length) {
        shortest = tried
        isShorter = true
      } else at += size
    }
    if (size > 1) size = Math.ceil(size / 2)
    else if (!isShorter) size = 0
  }
  return shortest
}
