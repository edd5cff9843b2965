import type { ConnectOptions } from '../../client/connect-options.ts'
import type { Client } from '../../client/client.ts'
import type { Timing } from '../../core/effects.ts'
import type { Limits } from '../../core/limits.ts'
import type { Logger } from '../../ports/logger.ts'
import type { WorldProgram } from './world-program.ts'

/** A peer by its id, a program, or that of a client. */
export type Place = number | Client | WorldProgram

/** What a world is made of. */
export interface SimulateOptions {
  /** Voters, with the ids 1, 2, 3 …; 3 when left out. */
  readonly peers?: number
  /** Peers that do not vote, with the ids that follow; 0 when left out. */
  readonly observers?: number
  /** Decides all that is left to chance; another one for each world when left out. */
  readonly seed?: number
  /** As of every peer; those of a real one when left out. */
  readonly timing?: Partial<Timing>
  readonly limits?: Partial<Limits>
  /** How long bytes are under way: from, to. 0.1 to 3 ms when left out. */
  readonly latencyMs?: readonly [number, number]
  /** Of the peers. */
  readonly logger?: Logger
}

/** How a client of the world connects. */
export interface WorldConnectOptions extends ConnectOptions {
  /** The peers it connects to over the network, in this order; all of them in an order of chance when left out. */
  readonly to?: readonly number[]
  /** It lives in the process of this peer, stands still and dies with it, and connects to it without a network. */
  readonly inside?: number
}

/** How long something may take. */
export interface WaitOptions {
  /** In virtual time; 10 minutes when left out. */
  readonly limitMs?: number
}
