import { SimDisk } from '../../../lib/testing/sim/disk.ts'
import { Ghost } from '../../../lib/testing/sim/ghost.ts'

/** Once something is lost that nobody can have known of, the one sequence is none any more: nothing is checked. */
export class MutedGhost extends Ghost {
  readonly #commits: number

  constructor(before: Ghost) {
    super(before.codec, [], () => new SimDisk(), { localMs: () => 0, nowMs: () => 0, awakeMs: () => 0 })
    this.#commits = before.commits
  }

  override get commits(): number {
    return this.#commits
  }

  override observe(): void { /* Nothing. */ }
  override emitted(): void { /* Nothing. */ }
  override received(): void { /* Nothing. */ }
  override durable(): void { /* Nothing. */ }
  override checkDown(): void { /* Nothing. */ }
  override ask(): void { /* Nothing. */ }
}
