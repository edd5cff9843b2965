import type { Client } from '../../client/client.ts'
import { connectRemote } from '../../client/connect.ts'
import type { RemoteConnectOptions } from '../../client/connect.ts'
import type { Clock } from '../../ports/clock.ts'

/** What `connect` takes instead of the platform's network, time and chance. */
export type ProgramOptions = Required<Pick<RemoteConnectOptions, 'transports' | 'clock' | 'random'>>

/**
 * One program of a world whose code opens its sessions itself, as many as it likes. They stand still together, die
 * together and have one clock. Code that calls `connect` of this package hands `options` on to it:
 *
 *   const zk = await connect(address, { sessionTimeoutMs: 5_000, ...options })
 *
 * and code that takes `connect` as a parameter is given the one of here, which is the same but for the network. The
 * world knows of the clients that come from the latter: they are among its `clients`.
 */
export class WorldProgram {
  /** The host on which it runs, as the story has it. */
  readonly name: string
  /** Time, as this program has it. */
  readonly clock: Clock
  readonly options: ProgramOptions
  /** As `connect` of this package; may be handed on without its program. */
  readonly connect: (address: string, options?: RemoteConnectOptions) => Promise<Client>

  /** `opened` is told of every attempt, and gives what came of it. */
  constructor(name: string, options: ProgramOptions, opened: (connecting: Promise<Client>) => Promise<Client>) {
    this.name = name
    this.clock = options.clock
    this.options = options
    this.connect = (address, given = {}) => opened(connectRemote(address, { ...given, ...options }, options))
  }
}
