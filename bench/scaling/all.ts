import type { ScalingBench } from './bench.ts'
import { children } from './children.ts'
import { connections } from './connections.ts'
import { depth } from './depth.ts'
import { ephemerals } from './ephemerals.ts'
import { inFlight } from './in-flight.ts'
import { memory } from './memory.ts'
import { multi } from './multi.ts'
import { reads } from './reads.ts'
import { start } from './start.ts'
import { watches } from './watches.ts'
import { znodes } from './znodes.ts'

/** In the order in which they are run. */
export const SCALING: readonly ScalingBench[] =
  [reads, znodes, watches, inFlight, connections, children, depth, multi, ephemerals, memory, start]
