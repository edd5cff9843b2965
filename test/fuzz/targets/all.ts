import type { Target } from '../target.ts'
import { clientsTarget } from './clients.ts'
import { configsTarget } from './configs.ts'
import { framesTarget } from './frames.ts'
import { handshakeTarget } from './handshake.ts'
import { peerMessagesTarget } from './peer-messages.ts'
import { recoveryTarget } from './recovery.ts'
import { repliesTarget } from './replies.ts'
import { replicasTarget } from './replicas.ts'
import { requestsTarget } from './requests.ts'
import { serversTarget } from './servers.ts'
import { shellTarget } from './shell.ts'
import { snapshotFilesTarget } from './snapshot-files.ts'
import { snapshotsTarget } from './snapshots.ts'
import { groupsTarget, journalsTarget, markersTarget, statesTarget } from './storage-records.ts'
import { textsTarget } from './texts.ts'
import { txnsTarget } from './txns.ts'

/** Everything that is fuzzed. */
export const TARGETS: readonly Target[] = [
  framesTarget, peerMessagesTarget, handshakeTarget, txnsTarget, snapshotsTarget, requestsTarget, repliesTarget,
  groupsTarget, statesTarget, markersTarget, journalsTarget, snapshotFilesTarget, recoveryTarget, configsTarget,
  shellTarget, textsTarget, clientsTarget, serversTarget, replicasTarget,
]
