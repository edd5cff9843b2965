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

/** Those that measure any server of ZooKeeper's protocol. */
export const ANY_SERVER: readonly ScalingBench[] =
  [reads, znodes, watches, inFlight, connections, children, depth, multi, ephemerals]

/** In the order in which they are run. */
export const SCALING: readonly ScalingBench[] = [...ANY_SERVER, memory, start]
