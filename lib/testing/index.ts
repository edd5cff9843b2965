/**
 * What vivarium is tested with: whole ensembles in virtual time, each under one seed (`runSeed`) or under a schedule
 * written by hand (`Script`), and transports that deliver the same bytes in awkward pieces.
 */
export { chopped, coalesced, decorated, WrappedLink } from './decorated-transports.ts'
export { runSeed } from './sim/run.ts'
export type { SeedResult } from './sim/run.ts'
export { Script } from './sim/script.ts'
export type { ScriptOptions, ScriptPeer, ScriptReply } from './sim/script.ts'
export type { FaultCounts } from './sim/storm.ts'
export { Violation } from './sim/violation.ts'
