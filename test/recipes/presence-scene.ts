import type { Client } from '../../lib/node.ts'
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

/** Resolves when there is no such node. */
export async function untilGone(zk: Client, path: string): Promise<void> {
  for (;;) {
    let onChange: () => void = () => undefined
    const changed = new Promise<void>((resolve) => { onChange = resolve })
    if (await zk.exists(path, { watch: () => onChange() }) === null) return
    await changed
  }
}
