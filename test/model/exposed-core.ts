/** The real core with its private fields laid open (bundle.ts), so that a state can be told from another completely. */
import type { ReplicaConfig } from '../../lib/core/effects.ts'
import type { RecoveredState } from '../../lib/core/identity.ts'
import type { Replica } from '../../lib/core/replica.ts'
import type { Tree } from '../../lib/core/tree/tree.ts'
import type { TxnCodec } from '../../lib/core/tree/txn.ts'
import type { Now } from '../../lib/core/effects.ts'
import { countJoins } from './repose.ts'

/** What the model uses of it. */
export interface ExposedCore {
  readonly Replica: new (config: ReplicaConfig, recovered: RecoveredState, now: Now) => Replica
  readonly Tree: { empty(): Tree }
  readonly makeTxnCodec: () => TxnCodec
}

/** Loads it from its URL. */
export async function loadCore(url: string): Promise<ExposedCore> {
  const core = await import(url) as ExposedCore
  countJoins(core.Replica.prototype as Replica)
  return core
}
