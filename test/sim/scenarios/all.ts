import { CANDIDACIES } from './candidacies.ts'
import { DISCOVERY } from './discovery.ts'
import { ELECTION } from './election.ts'
import { LAG } from './lag.ts'
import { LIFETIMES } from './lifetimes.ts'
import { MEMORY_AND_DISK } from './memory-disk.ts'
import { PASSWORDS } from './passwords.ts'
import { READS } from './reads.ts'
import type { Section } from './scenario.ts'
import { SESSIONS } from './sessions.ts'
import { STORAGE } from './storage.ts'
import { SYNC_PHASE } from './sync-phase.ts'
import { WATCHES } from './watches.ts'

/** Every scenario of the correctness plan that is built. */
export const SCENARIOS: Section = [
  ...DISCOVERY, ...MEMORY_AND_DISK, ...SYNC_PHASE, ...ELECTION, ...CANDIDACIES, ...STORAGE, ...SESSIONS, ...LIFETIMES,
  ...PASSWORDS, ...WATCHES, ...LAG, ...READS,
]

/** The names of all bugs that can be switched on: each of them is seen by a schedule. */
export const MUTANTS: readonly string[] =
  Array.from(new Set(SCENARIOS.flatMap(({ mutants }) => mutants.map(({ mutant }) => mutant)))).sort()
