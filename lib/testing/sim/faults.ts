import { makeRandom } from '../../core/random.ts'
import { untilNext } from '../draws.ts'

/** Every kind of fault of a storm, in the order of the table. */
export const FAULT_KINDS = [
  'crash', 'partition', 'clog', 'break', 'halfOpen', 'pause', 'slow', 'fail', 'full', 'stop', 'rolling', 'wall', 'jump',
  'wipe', 'rot', 'spoil', 'promise', 'misdirect', 'clients', 'cramped', 'hang',
] as const
/** So many of them are drawn from the plan's own dice; later ones have their own, so that no seed became another. */
export const FIRST_KINDS = 17

/**
 * crash: one peer, some or all die · partition: see partitions.ts · clog: links that stand still one after another ·
 * break: a link ends · halfOpen: a link ends and one side does not learn of it · pause: a process stands still · slow:
 * a disk is · fail: one write fails · full: every write fails for a while, restarts too · stop: a clean end · rolling:
 * of one peer after the other · wall, jump: the clock of the calendar, of the timers, jumps · wipe: an empty disk ·
 * rot: txns, the snapshot or the promises of a disk are gone, and it knows · spoil: a proposal is lost or comes twice
 * within a link that lives on, which no transport does · promise: one dies, and has promised a much later epoch to
 * somebody nobody else has heard of ·
 * misdirect: a write is said to be done and lands elsewhere, on what was there; the next start finds that · clients:
 * ways between clients and peers stand still, end on one side, or are slow in between: see client-faults.ts ·
 * cramped: no snapshot has room on a disk for a while, the log does · hang: a disk ends no write for three to
 * ten times as long as anybody waits for one.
 */
export type FaultKind = typeof FAULT_KINDS[number]

/** Mean ms between two faults of a kind, Infinity for none. */
export type FaultPlan = Readonly<Record<FaultKind, number>>

/** How often each kind of fault happened. */
export type FaultCounts = Record<FaultKind, number>

/** One fault of a storm: when, and the dice for all else about it. Taking one out leaves the others as they are. */
export interface Fault {
  readonly atMs: number
  readonly kind: FaultKind
  readonly dice: number
  /** What is left of every time that belongs to it, how long it lasts most of all; 1 when left out. */
  readonly share?: number
}

/** Nothing goes wrong from then to then. */
export interface Calm {
  readonly fromMs: number
  readonly toMs: number
}

/** Nothing has happened yet. */
export function noFaults(): FaultCounts {
  return Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as FaultCounts
}

/**
 * The faults of a storm, in the order in which they happen. They are as many as without its calms: a calm puts off all
 * that comes after.
 */
export function drawFaults(seed: number, plan: FaultPlan, stormMs: number, calms: readonly Calm[] = []): Fault[] {
  const faults: Fault[] = []
  const calmMs = calms.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
  const stormyMs = stormMs - calmMs
  for (const [at, kind] of FAULT_KINDS.entries()) {
    if (plan[kind] === Infinity) continue
    const random = makeRandom(seed ^ ((at + 1) * 0x9e3779b1))
    for (let atMs = 0; ;) {
      atMs += untilNext(random, plan[kind])
      if (atMs >= stormyMs) break
      faults.push({ atMs: putOff(atMs, calms), kind, dice: random.next() })
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs)
}

/** What makes a founding hard: whoever promises, marks or leads first is gone soon, and some of their disks. */
const FOUNDING_KINDS: readonly FaultKind[] = [
  'crash', 'crash', 'crash', 'crash', 'wipe', 'wipe', 'wipe', 'break', 'break', 'break', 'partition', 'partition',
  'halfOpen', 'pause', 'slow', 'promise', 'rot', 'stop',
]

/** A founding that goes wrong. */
export interface FoundingPlan {
  readonly forMs: number
  /** In the mean something goes wrong that often. */
  readonly everyMs: number
  /** Disks are lost although those that are left may never lead again. */
  readonly isReckless: boolean
}

/** The faults of a founding, in their order, besides those of the storm. */
export function drawFoundingFaults(seed: number, { forMs, everyMs }: FoundingPlan): Fault[] {
  const random = makeRandom(seed ^ 0xf0d1)
  const faults: Fault[] = []
  for (let atMs = untilNext(random, everyMs); atMs < forMs; atMs += untilNext(random, everyMs)) {
    faults.push({ atMs, kind: FOUNDING_KINDS[random.below(FOUNDING_KINDS.length)]!, dice: random.next() })
  }
  return faults
}

function putOff(atMs: number, calms: readonly Calm[]): number {
  let laterMs = atMs
  for (const { fromMs, toMs } of calms) if (laterMs >= fromMs) laterMs += toMs - fromMs
  return laterMs
}
