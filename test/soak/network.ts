import { freePorts } from '../ports.ts'
import { Lane, Wire } from './wire.ts'

/** The peers. */
export const IDS = [1, 2, 3] as const

/** The name of the clients, as an end of lanes. */
const CLIENTS = 0
const ENDS = [CLIENTS, ...IDS] as const

/**
 * Three peers and the proxies between any two of them, and between them and their clients. All that goes from one to
 * another passes through one lane, whoever of them dialled.
 */
export class Network {
  /** Of the peers themselves, by id. */
  readonly peerPorts: ReadonlyMap<number, number>
  readonly clientPorts: ReadonlyMap<number, number>
  readonly #lanes = new Map<string, Lane>()
  /** By who dials and who is dialled. */
  readonly #wires = new Map<string, { readonly port: number, readonly wire: Wire }>()

  static async open(): Promise<Network> {
    const ports = await freePorts(IDS.length * 2 + ENDS.length * IDS.length)
    const take = (): number => ports.pop()!
    const network = new Network(new Map(IDS.map((id) => [id, take()])), new Map(IDS.map((id) => [id, take()])))
    try {
      for (const from of ENDS) for (const to of IDS) if (from !== to) await network.#lay(from, to, take())
    } catch (error) {
      await network.close()
      throw error
    }
    return network
  }

  async #lay(from: number, to: number, port: number): Promise<void> {
    const target = (from === CLIENTS ? this.clientPorts : this.peerPorts).get(to)!
    const wire = await Wire.open(port, target, this.#lane(from, to), this.#lane(to, from))
    this.#wires.set(`${from}>${to}`, { port, wire })
  }

  private constructor(peerPorts: ReadonlyMap<number, number>, clientPorts: ReadonlyMap<number, number>) {
    this.peerPorts = peerPorts
    this.clientPorts = clientPorts
  }

  /** Where clients connect. */
  get address(): string {
    return `zk://${IDS.map((id) => `127.0.0.1:${this.#wire(CLIENTS, id).port}`).join(',')}`
  }

  /** How peer `id` reaches the members, itself included. */
  membersFor(id: number): Record<number, string> {
    return Object.fromEntries(IDS.map((other) => {
      const port = other === id ? this.peerPorts.get(id)! : this.#wire(id, other).port
      return [other, `tcp://127.0.0.1:${port}`]
    }))
  }

  // --- what can be done to it; `heal` undoes all but resets ---------------------------------------------------------

  /** Nothing that one peer sends reaches the other; what the other sends does. */
  hold(from: number, to: number): void {
    this.#lane(from, to).set({ isHeld: true })
  }

  /** Neither of them hears the other, and neither is told. */
  holdBoth(one: number, other: number): void {
    this.hold(one, other)
    this.hold(other, one)
  }

  /** The other peers and the one hear nothing of each other. Its clients still reach it. */
  isolate(id: number): void {
    for (const other of this.others(id)) this.holdBoth(id, other)
  }

  /** Clients of the peer hear nothing of it, and are not told. */
  holdClients(id: number): void {
    this.holdBoth(CLIENTS, id)
  }

  /** Links of the two are reset, and refused from now on. */
  cut(one: number, other: number): void {
    for (const [from, to] of [[one, other], [other, one]] as const) {
      const { wire } = this.#wire(from, to)
      wire.isCut = true
      wire.reset()
    }
  }

  /** Everything between the peer and the other peers takes so much longer. */
  slow(id: number, delayMs: number): void {
    for (const other of this.others(id)) {
      this.#lane(id, other).set({ delayMs })
      this.#lane(other, id).set({ delayMs })
    }
  }

  /** All links between peers break, and may be made again at once. */
  resetPeers(): void {
    for (const one of IDS) for (const other of this.others(one)) this.#wire(one, other).wire.reset()
  }

  /** Connections of clients break, those that are chosen. */
  resetClients(isChosen: () => boolean): void {
    for (const id of IDS) this.#wire(CLIENTS, id).wire.reset(isChosen)
  }

  heal(): void {
    for (const { wire } of this.#wires.values()) wire.isCut = false
    for (const lane of this.#lanes.values()) lane.set({ isHeld: false, delayMs: 0 })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#wires.values()].map(({ wire }) => wire.close()))
  }

  others(id: number): number[] {
    return IDS.filter((other) => other !== id)
  }

  #wire(from: number, to: number): { readonly port: number, readonly wire: Wire } {
    return this.#wires.get(`${from}>${to}`)!
  }

  #lane(from: number, to: number): Lane {
    const name = `${from}>${to}`
    const lane = this.#lanes.get(name) ?? new Lane()
    this.#lanes.set(name, lane)
    return lane
  }
}
