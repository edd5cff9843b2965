import type { Checks } from './checks.ts'

/**
 * A leader counts a session's timeout from its own beginning at the latest; from then on it has so much more to end the
 * session, and whoever looks to be told.
 */
export const OUTLIVING_MS = 3_000

/** A session, as far as its ephemeral nodes go. */
export interface Life {
  readonly timeoutMs: number
  /** When the ensemble may have heard of it for the last time; null while it lives. */
  overMs: number | null
}

interface Owned {
  readonly life: Life
  /** Its session deletes it, perhaps. */
  readonly isShort: boolean
}

/** Sessions by the ephemeral nodes that they own. */
export class Lives {
  /** The longest that a node was seen after the timeout of its session had passed since its last word. */
  longestMs = 0
  readonly #checks: Checks
  readonly #nodes = new Map<string, Owned>()

  constructor(checks: Checks) {
    this.#checks = checks
  }

  /** A session asks for this node, which lives as long as it does. */
  born(path: string, timeoutMs: number): Life {
    const life: Life = { timeoutMs, overMs: null }
    this.#nodes.set(path, { life, isShort: false })
    return life
  }

  /** It asks for another one, and is going to delete it. */
  bornToo(path: string, life: Life): void {
    this.#nodes.set(path, { life, isShort: true })
  }

  /** The owner of a node whose creation was acknowledged looked, in the session that lives on. */
  owned(path: string, session: string, found: string | null): void {
    this.#checks.expect('ephemeral', found === session, () => `${path} of ${session} is of ${found ?? 'nobody'}`)
  }

  /**
   * Somebody who was up to date saw these, at a time that is not before `askedMs`. `calmMs`: since then one leader has
   * served all the time.
   */
  seen(paths: readonly string[], askedMs: number, calmMs: number): void {
    const there = new Set(paths)
    for (const path of there) {
      const owned = this.#nodes.get(path)
      if (owned === undefined) {
        this.#checks.wrong('ephemeral', `${path} is there, and its session was over long ago`)
        continue
      }
      const { overMs, timeoutMs } = owned.life
      if (overMs === null) continue
      this.longestMs = Math.max(this.longestMs, askedMs - overMs - timeoutMs)
      const dueMs = Math.max(overMs, calmMs) + timeoutMs + OUTLIVING_MS
      this.#checks.expect('ephemeral', askedMs <= dueMs, () =>
        `${path} is there ${Math.round(askedMs - overMs)} ms after the last word of its session, whose timeout is ` +
        `${timeoutMs} ms, and ${Math.round(askedMs - calmMs)} ms after the last trouble`)
    }
    // What was not there when it was looked for, after the end of its session, cannot come back.
    for (const [path, { life }] of this.#nodes) {
      if (life.overMs !== null && life.overMs < askedMs && !there.has(path)) this.#nodes.delete(path)
    }
  }

  /** Nodes of sessions that are over, which may still be there. */
  get dying(): number {
    return [...this.#nodes.values()].filter(({ life }) => life.overMs !== null).length
  }

  /** In the end, when no session is dying: exactly the nodes of living sessions are there. */
  final(found: readonly string[]): void {
    const there = new Set(found)
    for (const [path, { isShort }] of this.#nodes) {
      if (!isShort) this.#checks.expect('ephemeral', there.has(path), () => `${path} is missing, its session lives`)
    }
    for (const path of found) {
      this.#checks.expect('ephemeral', this.#nodes.has(path), () => `${path} is there, and its session is over`)
    }
  }
}
