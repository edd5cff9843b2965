import type { Presence, PresenceEvents } from '../../lib/recipes/index.ts'
import type { Case } from '../harness.ts'

/** What comes with the next such event. */
export function next<Name extends keyof PresenceEvents>(kept: Presence, event: Name): Promise<PresenceEvents[Name]> {
  return new Promise((resolve) => {
    const off = kept.on(event, (...given) => {
      off()
      resolve(given)
    })
  })
}

export function closing(t: Case, kept: Presence): Presence {
  t.defer(() => kept.close())
  return kept
}
