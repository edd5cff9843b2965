import type { ReplicaConfig } from '../../core/effects.ts'
import { DEFAULT_LIMITS } from '../../core/limits.ts'
import type { Limits } from '../../core/limits.ts'

/** What a script begins with. */
export interface ScriptOptions {
  readonly voters: number
  readonly observers?: number
  readonly limits?: Partial<Limits>
  /** Txns of one epoch, after which its leader resigns. */
  readonly epochTxns?: number
  /** See ReplicaConfig. */
  readonly catchUpWork?: number
  /** Founds although not all are there; left out: until something is committed. */
  readonly bootstrap?: boolean
  /** So long may learners take to join; 3 s when left out. */
  readonly initMs?: number
  readonly mutant?: string
  /** Checks of emitted messages to leave out, so that a known bug shows its consequences instead of itself: `D2`. */
  readonly ignore?: readonly string[]
}

const TIMING = {
  tickMs: 100, initMs: 3_000, syncMs: 1_000, pingMs: 200, finalizeMs: 50, resendMs: 50, resendMaxMs: 400,
  sessionMinMs: 200, sessionMaxMs: 600_000, reapMs: 60_000,
} as const

/** The configuration of one peer of a script. */
export function scriptConfig(
  { limits, mutant, epochTxns, catchUpWork, initMs = TIMING.initMs }: ScriptOptions,
  own: Pick<ReplicaConfig, 'peerId' | 'members' | 'bootstrap' | 'seed' | 'codec'>,
): ReplicaConfig {
  return {
    ...own, ensembleName: 'script', timing: { ...TIMING, initMs }, limits: { ...DEFAULT_LIMITS, ...limits },
    tree: {
      skipAcl: false, ttlEnabled: true, enforceQuota: false,
      sessionEphemerals: 10_000, sessionEphemeralBytes: 1_000_000,
      multiOperations: 1_000, containerNeverUsedMs: 0,
    },
    // Of another length at each: it must not come into what they have in common.
    newEnsembleId: own.peerId.toString(16).padStart(32, '0'), configData: new Uint8Array(own.peerId).fill(own.peerId),
    ...(mutant === undefined ? {} : { mutant }), ...(epochTxns === undefined ? {} : { epochTxns }),
    ...(catchUpWork === undefined ? {} : { catchUpWork }),
  }
}
