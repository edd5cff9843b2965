/** What a view of a group tells, replayed: it must make what the view has. */
import type { Member, MembersView } from '../../lib/recipes/index.ts'
import { check } from './actors.ts'

/** A view, and the group that follows from its events; `fail` is told when the two differ. */
export class Replay {
  readonly view: MembersView
  readonly #members: Map<string, number>
  /** The greatest number that each member was seen with: what is read never goes back. */
  readonly #newest = new Map<string, number>()

  constructor(view: MembersView, fail: (error: unknown) => void) {
    this.view = view
    this.#members = new Map(view.members.map((member) => [member.id, numberOf(member)]))
    const hear = (apply: () => void): void => {
      try {
        apply()
        this.verify()
      } catch (error) {
        fail(error)
      }
    }
    view.on('joined', (member) => hear(() => {
      check(!this.#members.has(member.id), 'replay', `${member.id} joined twice`)
      this.#see(member)
    }))
    view.on('changed', (member, previous) => hear(() => {
      check(this.#members.get(member.id) === numberOf(previous), 'replay', `${member.id} was not as it was told`)
      this.#see(member)
    }))
    view.on('left', (member) => hear(() => {
      check(this.#members.delete(member.id), 'replay', `${member.id} left, but was not there`)
    }))
  }

  #see(member: Member): void {
    const number = numberOf(member)
    const newest = this.#newest.get(member.id) ?? 0
    check(number >= newest, 'backwards', `${member.id} has ${number} after ${newest}`)
    this.#newest.set(member.id, number)
    this.#members.set(member.id, number)
  }

  /** Events and view are the same. */
  verify(): void {
    const told = written(this.#members)
    const has = written(contentsOf(this.view.members))
    check(told === has, 'replay', `events make ${told}, the view has ${has}`)
  }
}

/** What a member says of itself. */
export function numberOf({ node }: Member): number {
  return Number(node.text())
}

/** Everybody's number. */
export function contentsOf(members: readonly Member[]): Map<string, number> {
  return new Map(members.map((member) => [member.id, numberOf(member)]))
}

/** In one order, to be compared. */
export function written(contents: ReadonlyMap<string, number>): string {
  return [...contents].map(([id, number]) => `${id}=${number}`).sort().join(' ')
}
