/**
 * What vivarium is tested with, and what its users may test their own code with: whole ensembles with their clients in
 * virtual time (`simulate`); the replication core alone, each run under one seed (`runSeed`) or under a schedule
 * written by hand (`Script`); transports that deliver the same bytes in awkward pieces; and, for any system, histories
 * of what its clients saw, with a judge of whether they are linearizable.
 */
export { chopped, coalesced, decorated, WrappedLink } from './decorated-transports.ts'
export { HistoryRecorder } from './history.ts'
export type { History, Invocation, Operation, OperationOutcome, RecordOptions } from './history.ts'
export { describeOperation, historyFromJson, historyToJson } from './history-text.ts'
export { checkLinearizable } from './linearizable.ts'
export type { LinearizableOptions, LinearizableResult, OffendingWindow } from './linearizable.ts'
export { registerModel, znodeModel } from './linearizable-models.ts'
export type {
  Model, RegisterInput, RegisterOutput, ZnodeInput, ZnodeOutput, ZnodeState,
} from './linearizable-models.ts'
export { RecordedClient } from './recorded-client.ts'
export type { RecordedReadOptions } from './recorded-client.ts'
export { Lanes } from './sim/lanes.ts'
export type { LaneEvent } from './sim/lanes.ts'
export type { FaultCounts } from './sim/faults.ts'
export { drawRun } from './sim/reduction.ts'
export type { Reduction, Run } from './sim/reduction.ts'
export { play, runSeed } from './sim/run.ts'
export type { PlayOptions, Reader, SeedResult } from './sim/run.ts'
export { Script } from './sim/script.ts'
export type { ScriptPeer, ScriptReply } from './sim/script.ts'
export type { ScriptOptions } from './sim/script-config.ts'
export { shrink } from './sim/shrink.ts'
export type { Shrunk } from './sim/shrink.ts'
export { Violation } from './sim/violation.ts'
export type { Place, SimulateOptions, WaitOptions, WorldConnectOptions } from './world/options.ts'
export { ROUGH_FAULTS, STORM_FAULTS } from './world/storm.ts'
export type { StormCounts, StormFault, StormOptions } from './world/storm.ts'
export { simulate, World } from './world/world.ts'
export { WorldProgram } from './world/world-program.ts'
export type { ProgramOptions } from './world/world-program.ts'
