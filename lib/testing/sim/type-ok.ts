import { EPOCH_LIMIT, epochOf, isZxid } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { Leader } from '../../core/zab/leader.ts'
import type { Learner } from '../../core/zab/learner.ts'
import type { Watched } from './ghost.ts'
import { Violation } from './violation.ts'

const HEALTHS = ['ok', 'log', 'meta']
const LEARNER_STAGES = ['asked', 'promised', 'syncing', 'synced', 'upToDate']
const LEADER_STAGES = ['info', 'asked', 'acked', 'syncing', 'live']

/**
 * P16, TypeOK of the published specifications: what a replica that runs knows of itself is well formed. Its role and
 * what it has for that role agree, and sessions are timed by an established leader alone; promises, zxids and counts
 * are in range and in order; it applied nothing that is not committed or not on its own disk.
 */
export function checkTypes(server: Watched): void {
  const what = wrongRole(server) ?? wrongPromises(server) ?? wrongOrder(server) ?? wrongParts(server)
  if (what !== null) throw new Violation('P16', `server ${server.id}: ${what}`)
}

function wrongRole({ replica }: Watched): string | null {
  const { role, leader, learner, election, serving, isVoter, route: { intake } } = replica
  const fits = role === 'looking' ? election !== null && leader === null && learner === null
    : role === 'leading' ? election === null && leader !== null && learner === null && isVoter
    : (role === 'following' || role === 'observing') && election === null && leader === null && learner !== null &&
      (role === 'following') === isVoter
  if (!fits) return `${role} without what belongs to it, or with more`
  // The only timers of sessions, and the only requests that wait for a txn: none outlives the role (A.3).
  if ((intake !== null) !== (leader?.active === true)) {
    return intake === null ? 'leads an established epoch and times no session' : `times sessions while ${role}`
  }
  if (serving && leader?.active !== true && learner?.stage !== 'upToDate') return `serves while ${role}, and may not`
  return null
}

function wrongPromises({ id, replica }: Watched): string | null {
  const { acceptedEpoch, currentEpoch, health, peerId, commitHint } = replica.journal.meta
  if (!isEpoch(acceptedEpoch) || !isEpoch(currentEpoch) || currentEpoch > acceptedEpoch) {
    return `acceptedEpoch ${acceptedEpoch}, currentEpoch ${currentEpoch}`
  }
  if (peerId !== id || !HEALTHS.includes(health) || !isZxid(commitHint)) {
    return `meta of ${peerId}, ${health}, ${String(commitHint)}`
  }
  const { last } = replica.journal.log
  return epochOf(last) > acceptedEpoch ? `logged ${last} without a promise of its epoch` : null
}

function wrongOrder({ replica }: Watched): string | null {
  const { committed, tree: { zxid: applied }, journal: { durableZxid: durable, baseZxid: base, log } } = replica
  const { floor, last } = log
  const areZxids = isZxid(committed) && isZxid(applied) && isZxid(durable) && isZxid(base) && isZxid(floor) &&
    isZxid(last)
  if (!areZxids) return `of ${[committed, applied, durable, base, floor, last].map(String).join()} one is no zxid`
  if (applied > durable && applied > base) return 'applied ahead of its disk'
  if (applied > committed || committed > last || durable > last) {
    return `applied ${applied}, committed ${committed}, durable ${durable}, logged ${last}`
  }
  return floor > applied || base > applied ? `log from ${floor}, snapshot ${base}, applied ${applied}` : null
}

function wrongParts({ replica }: Watched): string | null {
  const { leader, learner, journal: { log, meta } } = replica
  return leader !== null ? wrongLeader(leader, log.last, meta.acceptedEpoch)
    : learner !== null ? wrongLearner(learner, log.last, meta.acceptedEpoch, replica.isVoter) : null
}

function wrongLeader(leader: Leader, last: Zxid, acceptedEpoch: number): string | null {
  const { epoch, committed, active } = leader
  if (!isEpoch(epoch) || epoch > acceptedEpoch || committed > last || (active && epoch === 0)) {
    return `leads epoch ${epoch} of a promised ${acceptedEpoch}, committed ${committed} of ${last}`
  }
  for (const [peer, learner] of leader.learners) {
    const { stage, piecesSent, piecesAcked, acked, cursor, newLeaderAcked, sentCommit } = learner
    const fits = learner.peer === peer && LEADER_STAGES.includes(stage) && piecesAcked >= 0 &&
      piecesAcked <= piecesSent && acked <= cursor && cursor <= last && sentCommit <= committed &&
      (!newLeaderAcked || stage === 'live') && (epoch !== 0 || stage === 'info')
    if (!fits) return `takes learner ${peer} to be ${stage}, at ${acked} of ${cursor}, ${piecesAcked} of ${piecesSent}`
  }
  return null
}

function wrongLearner(
  { stage, epoch, committed }: Learner, last: Zxid, promised: number, binds: boolean,
): string | null {
  if (!LEARNER_STAGES.includes(stage) || !isEpoch(epoch) || (stage === 'asked') !== (epoch === 0)) {
    return `learns epoch ${epoch}, and is ${stage}`
  }
  if (binds && epoch > promised) return `learns epoch ${epoch}, and promised ${promised}`
  return committed > last ? `was told of ${committed} and logged ${last}` : null
}

function isEpoch(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < EPOCH_LIMIT
}
