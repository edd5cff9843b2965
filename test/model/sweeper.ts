/**
 * Messages on their way that nobody will ever answer are taken off it. Each but notifications names the join that it
 * belongs to, and unless it is a FOLLOWERINFO, is dropped by whoever is not in that one when it is read (rule R9). A
 * join is over for good once its learner has left it, or its leader knows another one of that learner or none: numbers
 * of joins only grow as long as the link is up, and when it goes down all that is on its way is lost. So to read such
 * a message now, later or never is the same. What a FOLLOWERINFO before it on the same link begins is not over.
 */
import type { Message } from '../../lib/core/zab/messages.ts'
import type { Machines } from './machines.ts'
import { DOWN, GONE } from './world.ts'
import type { World } from './world.ts'

function isOfLeader({ kind }: Message): boolean {
  return kind !== 'ackEpoch' && kind !== 'ack' && kind !== 'syncAck'
}

export class Sweeper {
  readonly #machines: Machines
  /** By list: what is left of it, by the two joins of its reader. */
  readonly #left: (Map<number, number> | undefined)[] = []

  constructor(machines: Machines) {
    this.#machines = machines
  }

  sweep(world: World): void {
    const { size } = world
    const { empty } = this.#machines.lists
    for (let to = 0; to < size; to++) {
      const node = world.node(to)
      if (node === GONE) continue
      const { follows, joined } = this.#machines.local(node)
      for (let from = 0; from < size; from++) {
        const list = world.queue(from, to)
        if (list !== empty) world.setQueue(from, to, this.#sweep(list, follows[from]!, joined[from]!))
      }
    }
  }

  #sweep(list: number, follows: number, joined: number): number {
    while (this.#left.length <= list) this.#left.push(undefined)
    const byJoins = this.#left[list] ??= new Map()
    const key = follows * 4_096 + joined
    let left = byJoins.get(key)
    if (left === undefined) byJoins.set(key, left = this.#leftOf(list, follows, joined))
    return left
  }

  #leftOf(list: number, follows: number, joined: number): number {
    const { lists, messages } = this.#machines
    const begun = new Set([joined])
    return lists.of(lists.at(list).filter((number) => {
      if (number === DOWN) return true
      const { message } = messages.at(number)
      if (!('join' in message)) return true
      if (message.kind === 'followerInfo') {
        begun.add(message.join)
        return true
      }
      return isOfLeader(message) ? message.join === follows : begun.has(message.join)
    }))
  }
}
