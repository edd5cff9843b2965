import type { Tree } from '../tree/tree.ts'
import type { ZabContext } from './context.ts'
import { NO_VOTE } from './election.ts'
import { reportedTail } from './learner.ts'
import type { Vote } from './messages.ts'
import { mayStand, votedTail } from './own-disk.ts'
import type { Slowness } from './own-disk.ts'

/**
 * Whom this peer proposes before it has heard of others: itself, by the tail of its log, never of its tree (rule R4).
 * Who must not count proposes nobody, nor who was too slow: its tail, of which that disk may have nothing yet, would
 * beat those who can lead, again and again. Nor who is not linked with a quorum: it could not lead, and those who hear
 * its vote from others could not follow it. `hasVoice`: it proposes itself already.
 */
export function ownVote(context: ZabContext, tree: Tree, slow: Slowness | null, hasVoice: boolean): Vote {
  const { config: { peerId, mutant }, journal: { meta: { currentEpoch } }, founding } = context
  if (!context.isVoter || !founding.counts(peerId, founding.health)) return NO_VOTE
  if (!mayStand(slow, context)) return NO_VOTE
  const isBound = mutant !== 'standsAlone' && (mutant !== 'keepsItsVoice' || !hasVoice)
  if (isBound && !context.reach.mayStand) return NO_VOTE
  const zxid = votedTail(slow, reportedTail(context, tree), context)
  return { leader: peerId, zxid, peerEpoch: currentEpoch }
}
