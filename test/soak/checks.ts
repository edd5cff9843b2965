/** Everything that is checked, with the words for it. */
export const CHECKS = {
  written: 'acknowledged writes are there, or were overwritten or deleted by later ones',
  versions: 'each version of a node has one writer, and none is left out',
  sequence: 'each sequence number is given once, in order, and none is left out',
  order: 'a write that begins after another was acknowledged has the greater zxid',
  session: 'what a session reads never goes back in zxid; after a sync it is up to date',
  multi: 'multis happen as a whole',
  ephemeral: 'ephemeral nodes live as long as their sessions, and not longer than the bound',
  watch: 'every watch fires, in order, and before the change can be read',
  digests: 'peers have equal digests at equal zxids, at the end of equal trees',
  progress: 'writes go on, and all peers serve again, after every fault',
  memory: 'memory of the peers is level',
  disk: 'folders of the peers are level, and so is the tree',
  processes: 'no process ends by itself or finds damage, except by a full disk',
} as const

/** The name of a check. */
export type Check = keyof typeof CHECKS

/** What was checked, and what was wrong. */
export class Checks {
  readonly #counts = new Map<Check, number>()
  readonly #wrong = new Map<Check, string[]>()
  readonly #onWrong: (text: string) => void

  constructor(onWrong: (text: string) => void = () => undefined) {
    this.#onWrong = onWrong
  }

  /** It was looked at, so many times. */
  count(check: Check, times = 1): void {
    this.#counts.set(check, this.counted(check) + times)
  }

  wrong(check: Check, what: string): void {
    const wrongs = this.#wrong.get(check) ?? []
    this.#wrong.set(check, wrongs)
    wrongs.push(what)
    this.#onWrong(`${check}: ${what}`)
  }

  /** Looks: counts, and is wrong unless it holds. */
  expect(check: Check, holds: boolean, what: () => string): void {
    this.count(check)
    if (!holds) this.wrong(check, what())
  }

  counted(check: Check): number {
    return this.#counts.get(check) ?? 0
  }

  wrongs(check: Check): readonly string[] {
    return this.#wrong.get(check) ?? []
  }

  get failed(): readonly Check[] {
    return (Object.keys(CHECKS) as Check[]).filter((check) => this.wrongs(check).length > 0)
  }
}

/** The newest zxid that anybody was told of by an acknowledgement or a read. */
export class Horizon {
  zxid = 0

  raise(zxid: number): void {
    if (zxid > this.zxid) this.zxid = zxid
  }
}

/** One session, as far as time in the tree is concerned: it has seen everything up to `zxid`. */
export class Sight {
  zxid = 0
  readonly #horizon: Horizon

  constructor(horizon: Horizon) {
    this.#horizon = horizon
  }

  /** The session was told of this zxid. */
  raise(zxid: number): void {
    if (zxid > this.zxid) this.zxid = zxid
    this.#horizon.raise(zxid)
  }
}
