import { drawRun } from '../../lib/testing/sim/reduction.ts'

/** Ms without a word after which a resend without a cap shows itself, where the cap is short. */
const SILENCE_MS = 30_000

/** Storms that are looked at first, of bugs that take a rare one. */
const KNOWN: Readonly<Record<string, number>> = {
  endlessSync: 1_275, fixedInitLimit: 615,
}

/**
 * Bugs that no storm is known to find: their schedules alone do, starts over graphs of links, or the model. What is not
 * covered in lib/core/README.md says why.
 */
export const BEYOND_STORMS: readonly string[] = [
  'anyVoteLeaves', 'anyWordLeaves', 'appliesPastReads', 'countRepeatAck', 'dropsBeforeActive',
  'earlierLivesCount', 'emptyLeads', 'expiresAtBirth', 'founderByItsVote', 'foundsForLife',
  'keepsItsDecision', 'keepsItsVoice', 'leavesWithItsLink', 'namedOnceServing', 'namesWithoutItself',
  'observersUnsettle', 'resignsWhileJoining', 'resumesForgotten', 'retriesAtOnce', 'servesBehind',
  'servesFarBehind', 'slowVotesItsTail', 'standsAlone', 'standsOnDamaged', 'standsOnNarrow',
  'stutterJudgesLast', 'stutterNeverExpires', 'turnsRound', 'uncappedResend', 'unsettledByItsOwn',
  'unsettledWhileJoining', 'waitsForWhoVotes',
]

/**
 * Those of them that starts over graphs of links find (graphs/trial.ts), by the number of a drawn start that is known
 * to.
 */
export const SEEN_OVER_GRAPHS: Readonly<Record<string, number>> = {
  keepsItsVoice: 552, standsAlone: 7, standsOnDamaged: 565, standsOnNarrow: 168, waitsForWhoVotes: 34,
}

/** Drawn starts to look for such a bug in: the known one, then the first so many. */
export function* startsFor(mutant: string, count: number): Generator<number> {
  const known = SEEN_OVER_GRAPHS[mutant]
  if (known !== undefined) yield known
  for (let start = 1; start <= count; start++) yield start
}

/**
 * Storms to look for a bug in: the first so many seeds; for one that shows itself only after a silence that is long
 * beside the time of an election, the first so many with such a silence, one in fifty of all.
 */
export function* stormsFor(mutant: string, count: number): Generator<number> {
  const known = KNOWN[mutant]
  if (known !== undefined) yield known
  for (let seed = 1, found = 0; found < count; seed++) {
    if (mutant === 'uncappedResend') {
      const { finalSilenceMs, world: { timing } } = drawRun(seed).plan
      if (finalSilenceMs < SILENCE_MS || timing.resendMaxMs * 100 > SILENCE_MS) continue
    }
    found++
    yield seed
  }
}
