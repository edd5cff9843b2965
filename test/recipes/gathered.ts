/** A group as its listeners know it, who hear of it and never look. */
import type { Member, MembersView } from '../../lib/recipes/index.ts'
import { assert } from '../harness.ts'

/** What was told, and the group that follows from it. */
export class Gathered {
  readonly #view: MembersView
  readonly #members: Map<string, string>
  readonly told: string[] = []
  readonly #waiting = new Set<() => void>()

  constructor(view: MembersView) {
    this.#view = view
    this.#members = new Map(view.members.map((member) => [member.id, member.node.text()]))
    view.on('joined', (member) => this.#hear('joined', member, () => {
      assert.not.ok(this.#members.has(member.id), `${member.id} joined twice`)
      this.#members.set(member.id, member.node.text())
    }))
    view.on('left', (member) => this.#hear('left', member, () => {
      assert.ok(this.#members.delete(member.id), `${member.id} left, but was not there`)
    }))
    view.on('changed', (member, previous) => this.#hear('changed', member, () => {
      assert.is(this.#members.get(member.id), previous.node.text())
      this.#members.set(member.id, member.node.text())
    }))
    view.on('stale', () => this.#wake())
    view.on('end', () => this.#wake())
  }

  #hear(kind: string, member: Member, apply: () => void): void {
    apply()
    this.told.push(`${kind} ${member.id} ${member.node.text()}`.trimEnd())
    this.check()
    this.#wake()
  }

  #wake(): void {
    for (const look of Array.from(this.#waiting)) look()
  }

  /** What was told makes what the view has. */
  check(): void {
    const own = this.#view.members.map((member) => [member.id, member.node.text()])
    assert.equal(Object.fromEntries(own), Object.fromEntries(this.#members))
    assert.is(this.#view.size, this.#members.size)
  }

  /** Resolves when it is so; looked at whenever something is told. */
  until(isSo: (view: MembersView) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isSo(this.#view)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }
}

/** `data` of each, in the order of the view. */
export function datasOf(view: Iterable<Member>): string[] {
  return [...view].map(({ node }) => node.text())
}
