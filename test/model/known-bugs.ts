import type { Bounds } from './ensemble.ts'
import type { ExposedCore } from './exposed-core.ts'
import { Search } from './search.ts'
import type { SearchResult } from './search.ts'

/** A known bug that is in reach of the model. */
export interface KnownBug {
  /** Checks of which one must see it. */
  readonly seenBy: readonly string[]
  /** Found by random walks; the others breadth first, on a shortest path. */
  readonly isDeep: boolean
  /** What it takes, where that is not what most of them take. */
  readonly bounds?: Bounds
  /** True: it is looked for from an established epoch on, and not from the end of an election. */
  readonly established?: boolean
  /** True: without what is left out it is behind more states than a search takes, so that is not compared. */
  readonly isWide?: boolean
  /** The dice of the walks, where those of most of them come to it late. */
  readonly dice?: number
}

const SHALLOW: Readonly<Record<string, readonly string[]>> = {
  ackNewLeaderEarly: ['D2'], epochAtUpToDate: ['D2'], proposeEpochUnsynced: ['D2'], snapshotUncommitted: ['P16'],
  readTailBeforeDrain: ['D2', 'D5'],
}

const DEEP: Readonly<Record<string, readonly string[]>> = {
  epochBeforeHistory: ['P15', 'P12'], ackTxnBeforeEpochMark: ['D2'], applyBeyondDurable: ['P16'],
  holeInServingCache: ['A2', 'L1'], truncOneTooMany: ['A1', 'P13', 'P15'], diffWithoutTrunc: ['P15', 'A1', 'D4', 'A2'],
  voteFromTree: ['L1', 'P12', 'D4', 'A2'], commitNeedsPostNewleaderProposal: ['A2'], rejectEarlyAck: ['A2', 'L1'],
  forwardToAckedOnly: ['A2'], applyDuringTruncSync: ['D5', 'D4', 'P16'], refuseEpochMismatch: ['A1'],
  commitOldEpochByCount: ['D3', 'P12', 'P2'],
}

const EPOCHS = 8

/** Walks with these dice come to it within some hundred states, and those with the others after thousands. */
const DICE: Readonly<Record<string, number>> = {
  truncOneTooMany: 12, diffWithoutTrunc: 12, applyDuringTruncSync: 12, commitOldEpochByCount: 12,
  refuseEpochMismatch: 9,
}

/** Those that take something else. */
const OTHERS: Readonly<Record<string, KnownBug>> = {
  // Two candidates of one epoch take turns with the only other voter: each pair of them is parted once.
  countRepeatAck: {
    seenBy: ['P1'], isDeep: false, isWide: true,
    bounds: { txns: 0, crashes: 0, losses: 3, timeouts: 0, epochs: EPOCHS },
  },
  turnsRound: { seenBy: ['L8'], isDeep: false, isWide: true, established: true },
}

function bugsOf(table: typeof DEEP, isDeep: boolean): [string, KnownBug][] {
  return Object.entries(table).map(([mutant, seenBy]) => [mutant, { seenBy, isDeep, dice: DICE[mutant] ?? 1 }])
}

/**
 * By the name of the mutant. The model has no snapshots, no failing writes, no lossy links and no sessions, and
 * elections are over at once in it: the others are out of its reach.
 */
export const KNOWN_BUGS: Readonly<Record<string, KnownBug>> =
  { ...Object.fromEntries([...bugsOf(SHALLOW, false), ...bugsOf(DEEP, true)]), ...OTHERS }

/** Looks for it; with `isFull` nothing is reduced. */
export function searchFor(core: ExposedCore, mutant: string, bug: KnownBug, isFull = false): SearchResult {
  const { isDeep, established = false, dice = 1 } = bug
  const most = isDeep ? 2 : 1
  const { bounds = { txns: most, crashes: most, losses: most, timeouts: 0, epochs: EPOCHS } } = bug
  const limits = { states: 100_000, depth: 200, ms: 100_000 }
  const search = new Search(core, { size: 3, bounds, established, mutant, isFull, elections: false })
  return isDeep ? search.walk(limits, dice) : search.run(limits)
}
