/**
 * What vivarium is tested with, and what its users may test their own code with: whole ensembles with their clients in
 * virtual time (`simulate`); the replication core alone, each run under one seed (`runSeed`) or under a schedule
 * written by hand (`Script`); and transports that deliver the same bytes in awkward pieces.
 */
export { chopped, coalesced, decorated, WrappedLink } from './decorated-transports.ts'
export { Lanes } from './sim/lanes.ts'
export type { LaneEvent } from './sim/lanes.ts'
export { runSeed } from './sim/run.ts'
export type { Reader, SeedResult } from './sim/run.ts'
export { Script } from './sim/script.ts'
export type { ScriptOptions, ScriptPeer, ScriptReply } from './sim/script.ts'
export type { FaultCounts } from './sim/storm.ts'
export { Violation } from './sim/violation.ts'
export type { Place, SimulateOptions, WaitOptions, WorldConnectOptions } from './world/options.ts'
export { STORM_FAULTS } from './world/storm.ts'
export type { StormCounts, StormFault, StormOptions } from './world/storm.ts'
export { simulate, World } from './world/world.ts'
