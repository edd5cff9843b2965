/** Hashes of whole states up to the names of their epochs: see shapes.ts. */
import { printPlain } from './print.ts'
import type { Machines } from './machines.ts'
import { ShapeHash } from './shapes.ts'
import type { Scribe, Shape } from './shapes.ts'
import { DOWN, GONE } from './world.ts'
import type { World } from './world.ts'
import { PRIMARY_CELLS } from './checks.ts'

/** A peer that is down. */
const NOBODY: Shape = { low: 1, high: 1, epochs: [], bits: 0 }

/** Shapes by number, each made once. */
class ShapeTable {
  readonly #shapes: (Shape | undefined)[] = []
  readonly #machines: Machines
  readonly #write: (number: number, scribe: Scribe) => string

  constructor(machines: Machines, write: (number: number, scribe: Scribe) => string) {
    this.#machines = machines
    this.#write = write
  }

  at(number: number): Shape {
    const known = this.#shapes[number]
    if (known !== undefined) return known
    const scribe = this.#machines.entries.scribe()
    const shape = scribe.shape(this.#write(number, scribe))
    while (this.#shapes.length < number) this.#shapes.push(undefined)
    return this.#shapes[number] = shape
  }
}

export class Canon {
  readonly #machines: Machines
  readonly #hash = new ShapeHash()
  /** Of the state at hand. */
  readonly #shapes: Shape[] = []
  readonly #disks: ShapeTable
  readonly #writes: ShapeTable
  readonly #queues: ShapeTable
  readonly #delivered: ShapeTable
  readonly #primaries: ShapeTable

  constructor(machines: Machines) {
    this.#machines = machines
    const { lists, disks, batches, messages } = machines
    const logOf = (log: readonly number[], scribe: Scribe): string => log.map((entry) => scribe.entry(entry)).join(' ')
    this.#disks = new ShapeTable(machines, (disk, scribe) => {
      const { meta, log } = disks.at(disk)
      return `${meta === null ? '' : printPlain(meta, scribe)} ${logOf(log, scribe)}`
    })
    this.#writes = new ShapeTable(machines, (list, scribe) =>
      lists.at(list).map((batch) => printPlain(batches.at(batch), scribe)).join(' | '))
    this.#queues = new ShapeTable(machines, (list, scribe) =>
      lists.at(list).map((message) => message === DOWN ? 'down' : scribe.part(messages.at(message).shape)).join(' | '))
    this.#delivered = new ShapeTable(machines, (list, scribe) => logOf(lists.at(list), scribe))
    this.#primaries = new ShapeTable(machines, (list, scribe) => {
      const cells = lists.at(list)
      const rows = Array.from({ length: cells.length / PRIMARY_CELLS }, (_, at) =>
        cells.slice(at * PRIMARY_CELLS, (at + 1) * PRIMARY_CELLS))
      // They are asked for by epoch.
      rows.sort(([one], [other]) => one! - other!)
      return rows.map(([epoch, peer, isAlive, length, end]) =>
        `${scribe.number(true, epoch!)} ${peer} ${isAlive} ${length} ${scribe.history(end!)}`).join(' | ')
    })
  }

  /** Not both are 0. What is spent is not part of it. */
  hash(world: World): readonly [number, number] {
    const { size } = world
    const shapes = this.#shapes
    shapes.length = 0
    shapes.push(this.#delivered.at(world.delivered), this.#primaries.at(world.primaries))
    let floor = Infinity
    for (let peer = 0; peer < size; peer++) {
      const node = world.node(peer)
      const disk = world.disk(peer)
      shapes.push(node === GONE ? NOBODY : this.#machines.local(node).shape, this.#disks.at(disk),
        this.#writes.at(world.writes(peer)))
      floor = Math.min(floor, this.#machines.disks.at(disk).meta?.acceptedEpoch ?? 0)
      for (let to = 0; to < size; to++) if (to !== peer) shapes.push(this.#queues.at(world.queue(peer, to)))
    }
    return this.#hash.of(shapes, [world.waits, world.links], floor)
  }
}
