import { isZkError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { makeRandom } from '../../core/random.ts'
import type { MemberOption } from '../../peer/options.ts'
import { Peer } from '../../peer/peer.ts'
import { SILENT } from '../../ports/logger.ts'
import { VirtualDisk } from './disk.ts'
import { HostClock } from './host-clock.ts'
import type { VirtualNetwork } from './network.ts'
import type { SimulateOptions } from './options.ts'
import { Program } from './program.ts'
import type { VirtualTime } from './time.ts'

/** What all machines of a world have in common. */
export interface MachineParts {
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly options: SimulateOptions
  readonly members: Readonly<Record<number, MemberOption>>
  readonly note: (text: string) => void
  /** What no fault explains. */
  readonly fail: (error: Error) => void
}

/** Where one peer runs: its disk, its clocks, and the program in which it and the clients inside live. */
export class Machine {
  readonly id: number
  readonly disk: VirtualDisk
  readonly clock: HostClock
  readonly #parts: MachineParts
  #program: Program | null = null
  #peer: Peer | null = null
  /** It stopped for its disk, in a program that goes on. */
  #failed: Peer | null = null
  /** As it was told last: conditions are looked at after every event, and `status()` is a lot to ask for each time. */
  leads = false
  serves = false
  epoch = 0

  constructor(parts: MachineParts, id: number, chance: Random) {
    this.#parts = parts
    this.id = id
    this.disk = new VirtualDisk(parts.time, chance)
    this.clock = new HostClock(parts.time)
  }

  get place(): string {
    return placeOfPeer(this.id)
  }

  /** Null after a crash. */
  get program(): Program | null {
    return this.#program
  }

  /** Null while there is none, or it starts. */
  get peer(): Peer | null {
    return this.#peer
  }

  /** A peer runs here, or starts. */
  get isUp(): boolean {
    return this.#program !== null && this.#failed === null
  }

  /** Kills the program. False: there is none. */
  crash(): boolean {
    const program = this.#program
    if (program === null) return false
    this.#parts.note(`peer ${this.id} crashes`)
    this.#program = null
    this.#peer = null
    this.#failed = null
    this.#rest()
    program.kill()
    this.#parts.network.kill(program)
    this.disk.crash()
    return true
  }

  #rest(): void {
    this.leads = false
    this.serves = false
    this.epoch = 0
  }

  /** The peer that stopped for its disk is at its end: resolves when it has closed all that it had. */
  async ended(): Promise<void> {
    await this.#failed?.stop()
  }

  /** A peer that is not up starts on what the disk has: in the program that there is, or in one of its own. */
  async start(chance: number): Promise<void> {
    const { time, network, options, members, note, fail } = this.#parts
    const { id } = this
    const program = this.#program ??= new Program(time, this.place, this.clock)
    this.#failed = null
    note(`peer ${id} starts`)
    const { timing, limits, logger = SILENT } = options
    const random = makeRandom(chance)
    try {
      const peer = await Peer.start({
        id, ensemble: { name: 'world', members }, storage: this.disk.storage(program), bootstrap: !this.disk.hasLost,
        transports: [network.transport(program)], clock: program.clock, random: () => random.unit(), logger,
        clients: { listen: [clientAddress(id)], perAddress: 0 },
        ...(timing === undefined ? {} : { timing }), ...(limits === undefined ? {} : { limits }),
      })
      if (program.isOver) return
      this.#peer = peer
      peer.on('role', ({ role, serving, epoch }) => {
        if (program.isOver) return
        this.leads = role === 'leading'
        this.serves = serving
        this.epoch = epoch
        note(`peer ${id}: ${role} in epoch ${epoch}${serving ? ', serving' : ''}`)
      })
      peer.on('fatal', (error) => {
        if (this.disk.hasFailed && isZkError(error, 'StorageFailed')) this.#stopped(peer)
        else fail(new Error(`peer ${id} failed`, { cause: error }))
      })
    } catch (error) {
      if (!program.isOver) fail(new Error(`peer ${id} did not start`, { cause: error }))
    }
  }

  #stopped(peer: Peer): void {
    this.#parts.note(`peer ${this.id} stops: its disk failed`)
    this.#peer = null
    this.#failed = peer
    this.#rest()
  }
}

/** The name of the machine on which a peer runs. */
export function placeOfPeer(id: number): string {
  return `peer${id}`
}

/** Where other peers find it. */
export function peerAddress(id: number): string {
  return `tcp://${placeOfPeer(id)}:7000`
}

/** Where clients find it. */
export function clientAddress(id: number): string {
  return `tcp://${placeOfPeer(id)}:2181`
}
