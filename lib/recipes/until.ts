import type { Client } from '../client/client.ts'
import { retried, signalOf } from './pause.ts'

/** What is waited for. */
export interface Wanted {
  readonly path: string
  readonly is: 'there' | 'gone'
  /** Does not wait: looks once. */
  readonly atOnce?: boolean
}

const CHANGE = { there: 'created', gone: 'deleted' } as const

/**
 * Resolves to true when the node is there, or gone, or was so at a moment since this call, however short; to false when
 * it is not so `atOnce`. What happens while there is no connection counts, too, but for a node that came and went then.
 * Nothing that waits is left behind in the client. Errors: SessionExpired, Closed, Aborted, NoAuth.
 */
export async function untilPresence(
  zk: Client, { path, is, atOnce = false }: Wanted, signal: AbortSignal,
): Promise<boolean> {
  let known: number | null = null
  for (;;) {
    const isSo = await retried(zk, signal, async () => {
      const over = new AbortController()
      // Asked for before the look, so that whatever happens after it is heard of.
      const change = atOnce ? null : zk.once(path, { signal: AbortSignal.any([signal, over.signal]) })
      change?.catch(toldByTheLook)
      try {
        const stat = await zk.exists(path, signalOf(signal))
        if ((stat !== null) === (is === 'there')) return true
        // It went, and came again, since the last look.
        if (stat !== null && known !== null && stat.czxid !== known) return true
        known = stat === null ? null : stat.czxid
        return change !== null && (await change).type === CHANGE[is]
      } finally {
        over.abort()
      }
    })
    if (isSo || atOnce) return isSo
  }
}

/** Whatever keeps a watch from being left keeps the look from its answer, or is told by `await change`. */
function toldByTheLook(): undefined {
  return undefined
}
