import type { Identity } from '../core/tree/request.ts'

/**
 * Characters of all identities of one connection. Anybody may claim any `digest` identity, and every write carries all
 * of them to the leader, and each list with `auth` brings them into the log and the snapshots: without a bound they
 * would fill a frame between peers, and end the link that carries it, or the disks with few creates.
 */
const LONGEST = 8 * 1024

/** What one connection has claimed to be so far. */
export class ClaimedIdentities {
  readonly #known = new Set<string>()
  #length = 0

  /** False when it is too much; what was claimed before counts nothing more. */
  add(identities: readonly Identity[]): boolean {
    for (const { scheme, id } of identities) {
      const name = `${scheme}:${id}`
      if (this.#known.has(name)) continue
      this.#length += name.length
      if (this.#length > LONGEST) return false
      this.#known.add(name)
    }
    return true
  }
}
