import type { Zxid } from '../zxid.ts'
import type { Chain } from './chain.ts'
import type { Log } from './log.ts'

/** How a learner is brought to the leader's history (reference: Zab, synchronization phase). */
export type SyncPlan =
  | { readonly kind: 'diff', readonly from: Zxid }
  | { readonly kind: 'trunc', readonly to: Zxid, readonly chain: Readonly<Chain> }
  | { readonly kind: 'snap', readonly alarm: boolean }

/** What the learner reported of its log. */
export interface LearnerLog extends Chain {
  readonly lastZxid: Zxid
  /** Zxid of its snapshot: it cannot truncate below. */
  readonly base: Zxid
}

/** Whoever would be sent more than `bytes` of the log gets a snapshot, which would be that at `zxid`. */
export interface Shortcut {
  readonly bytes: number
  readonly zxid: Zxid
}

/**
 * The decision table: P is the learner's last zxid, B the leader's floor, L its last.
 * in sync or behind (P in the log or P = B) DIFF · ahead (P > L) TRUNC to L · diverged TRUNC to the greatest entry
 * below P · below B SNAP · too far SNAP · hashes differ SNAP with an alarm. A truncation across epochs is right: P's
 * epoch was established, so the leader's entries below P are a prefix that the learner has.
 */
export function planSync(log: Log, learner: LearnerLog, shortcut: Shortcut | null = null): SyncPlan {
  // Not one from before what it has, which it may have acknowledged, and applied.
  const isFar = (from: Zxid): boolean => shortcut !== null && from <= shortcut.zxid && log.bytes > shortcut.bytes &&
    log.bytesAfter(from) > shortcut.bytes
  const last = learner.lastZxid
  if (last < log.floor) return { kind: 'snap', alarm: false }
  if (log.holds(last)) {
    const chain = log.chainAt(last)
    if (chain !== null && (chain.hash1 !== learner.hash1 || chain.hash2 !== learner.hash2)) {
      return { kind: 'snap', alarm: true }
    }
    return isFar(last) ? { kind: 'snap', alarm: false } : { kind: 'diff', from: last }
  }
  const to = log.pointBelow(last)
  const chain = to === null ? null : log.chainAt(to)
  if (to === null || chain === null) return { kind: 'snap', alarm: false }
  if (to < learner.base) return { kind: 'snap', alarm: true }
  return isFar(to) ? { kind: 'snap', alarm: false } : { kind: 'trunc', to, chain }
}
