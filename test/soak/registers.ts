import type { Checks, Horizon, Sight } from './checks.ts'

/** What is told of a node by an acknowledgement or a read. */
interface Told {
  readonly version: number
  readonly mzxid: number
}

/** One version of one node. */
interface Version {
  /** What may have been written: begun, and neither acknowledged nor refused. */
  readonly candidates: Set<string>
  /** What was written, once somebody was told; null before. */
  text: string | null
  isAcked: boolean
  /** The txn that wrote it; 0 while nobody was told. */
  zxid: number
  /** The newest zxid that a session had seen when it read this version. */
  readFloor: number
}

/** A guarded write that is under way. */
export interface Attempt {
  acked(stat: Told, sight: Sight): void
  /** Certainly not done. */
  refused(): void
}

/**
 * Nodes that many clients write, always by giving the version that they found: so a write that is done, known or not,
 * has made exactly the version after that, and every version has one writer.
 */
export class Registers {
  readonly #checks: Checks
  readonly #horizon: Horizon
  readonly #versions = new Map<string, Version[]>()

  constructor(checks: Checks, horizon: Horizon) {
    this.#checks = checks
    this.#horizon = horizon
  }

  get paths(): string[] {
    return [...this.#versions.keys()]
  }

  /** Of the writes of a node that are known, but for the first. */
  zxids(path: string): number[] {
    return (this.#versions.get(path) ?? []).slice(1).flatMap((version) => version?.zxid > 0 ? [version.zxid] : [])
  }

  /** The node was made with this text. */
  made(path: string, text: string, { mzxid }: Told): void {
    this.#versions.set(path, [{ candidates: new Set(), text, isAcked: true, zxid: mzxid, readFloor: 0 }])
  }

  /** A write of version `guard` + 1 begins. An outcome that nobody knows is told by neither call. */
  begin(path: string, guard: number, text: string): Attempt {
    const version = this.#at(path, guard + 1)
    const floor = this.#horizon.zxid
    version.candidates.add(text)
    return {
      acked: (stat, sight) => {
        this.#checks.expect('order', stat.mzxid > floor, () =>
          `${path} was written by ${stat.mzxid} after ${floor} was acknowledged`)
        this.#checks.expect('versions', stat.version === guard + 1 && !version.isAcked, () =>
          `${path} was written over version ${guard}, and that gave ${stat.version} to ${text} ` +
          `and ${version.text ?? 'nobody'}`)
        this.#written(path, stat, text)
        version.isAcked = true
        sight.raise(stat.mzxid)
      },
      refused: () => {
        version.candidates.delete(text)
        this.#checks.expect('versions', version.text !== text, () => `${path}: ${text} is there and was refused`)
      },
    }
  }

  /** `floor`: what the session had surely seen when it asked. */
  read(path: string, text: string, stat: Told, floor: number, sight: Sight): void {
    this.#written(path, stat, text)
    const versions = this.#versions.get(path)!
    const version = this.#at(path, stat.version)
    version.readFloor = Math.max(version.readFloor, floor)
    const next = versions[stat.version + 1]
    this.#checks.expect('session', next === undefined || next.zxid === 0 || floor < next.zxid, () =>
      `${path}: version ${stat.version} was read after ${floor}, and ${next!.zxid} had written the next`)
    sight.raise(stat.mzxid)
  }

  /** Somebody was told that this version holds this text. */
  #written(path: string, { version: number, mzxid }: Told, text: string): void {
    const version = this.#at(path, number)
    if (version.zxid !== 0) {
      this.#checks.expect('versions', version.zxid === mzxid && version.text === text, () =>
        `${path} version ${number} is ${version.text} by ${version.zxid}, and ${text} by ${mzxid}`)
      return
    }
    this.#checks.expect('versions', version.candidates.has(text), () =>
      `${path} version ${number} is ${text}, which nobody wrote there`)
    version.text = text
    version.zxid = mzxid
    const versions = this.#versions.get(path)!
    const [before, after] = [versions[number - 1], versions[number + 1]]
    this.#checks.expect('session', before === undefined || before.readFloor < mzxid, () =>
      `${path}: version ${number - 1} was read after ${before!.readFloor}, and ${mzxid} had written the next`)
    const isOrdered = (before === undefined || before.zxid < mzxid) &&
      (after === undefined || after.zxid === 0 || after.zxid > mzxid)
    this.#checks.expect('versions', isOrdered, () => `${path}: zxids of versions around ${number} do not rise`)
  }

  /** In the end: nothing is under way any more. */
  final(path: string, text: string, stat: Told): void {
    const versions = this.#versions.get(path)!
    this.#written(path, stat, text)
    for (const [number, version] of versions.entries()) {
      if (version === undefined) continue
      this.#checks.expect('written', !version.isAcked || number <= stat.version, () =>
        `${path}: ${version.text} was acknowledged as version ${number}, and there are ${stat.version}`)
    }
    for (let number = 0; number <= stat.version; number++) {
      const version = versions[number]
      const hasWriter = version !== undefined && (version.text !== null || version.candidates.size > 0)
      this.#checks.expect('versions', hasWriter, () => `${path}: nobody wrote version ${number}`)
    }
  }

  #at(path: string, number: number): Version {
    const versions = this.#versions.get(path)!
    const fresh = (): Version => ({ candidates: new Set(), text: null, isAcked: false, zxid: 0, readFloor: 0 })
    return versions[number] ??= fresh()
  }
}
