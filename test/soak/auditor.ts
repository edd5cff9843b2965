import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '../../lib/index.ts'
import { IDS } from './network.ts'
import { LIMIT_MS } from './peers.ts'
import type { Dump, Peers } from './peers.ts'
import { isOver } from './sessions.ts'
import type { Sessions } from './sessions.ts'
import { isInterruption } from './visit.ts'
import { PATHS } from './world.ts'
import type { World } from './world.ts'

const LOOK_MS = 1_000
/** Digests are compared every so often, and kept for so many zxids. */
const DIGESTS_MS = 3_000
const DIGESTS_KEPT = 5_000
const SESSION_TIMEOUT_MS = 10_000

/** One line of a dump. */
interface Row {
  readonly text: string | null
  readonly stat: { readonly version: number, readonly mzxid: number, readonly cversion: number, numChildren: number }
}

/** Looks from outside whether all is well, all the time and in the end. */
export class Auditor {
  readonly #sessions: Sessions
  readonly #world: World
  readonly #peers: Peers
  /** Who told which digest of a zxid first. */
  readonly #digests = new Map<string, { readonly peer: number, readonly digest: string }>()
  #zk: Client | null = null
  /** When the last leader began. */
  leaderMs = performance.now()

  constructor(sessions: Sessions, world: World, peers: Peers) {
    this.#sessions = sessions
    this.#world = world
    this.#peers = peers
  }

  /** Until it is over. */
  async watch(over: AbortSignal): Promise<void> {
    await Promise.all([this.#watchLives(over), this.#watchDigests(over)])
  }

  async #watchLives(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.#lookAtLives()
      await pause(LOOK_MS, undefined, { signal: over }).catch((error: unknown) => void error)
    }
  }

  async #lookAtLives(): Promise<string[]> {
    for (;;) {
      try {
        if (this.#zk === null || isOver(this.#zk)) {
          this.#zk = await this.#sessions.open({ sessionTimeoutMs: SESSION_TIMEOUT_MS, connectTimeoutMs: LIMIT_MS })
        }
        const askedMs = performance.now()
        const calmMs = Math.max(this.leaderMs, this.#world.gaps.calmMs(askedMs))
        await this.#zk.sync()
        const names = await this.#zk.children(PATHS.lives)
        this.#world.lives.seen(names.map((name) => `${PATHS.lives}/${name}`), askedMs, calmMs)
        return names
      } catch (error) {
        if (!isInterruption(error) || this.#sessions.haveEnded) throw error
      }
    }
  }

  async #watchDigests(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.#compareDigests()
      await pause(DIGESTS_MS, undefined, { signal: over }).catch((error: unknown) => void error)
    }
  }

  /** The newest zxid of each peer. */
  async #compareDigests(): Promise<(string | undefined)[]> {
    const all = await Promise.all(IDS.map((id) => this.#peers.digests(id)))
    for (const [index, digests] of all.entries()) {
      for (const [zxid, digest] of digests) this.#compare(IDS[index]!, zxid, digest)
    }
    for (const zxid of this.#digests.keys()) {
      if (this.#digests.size <= DIGESTS_KEPT) break
      this.#digests.delete(zxid)
    }
    return all.map((digests) => [...digests.keys()].at(-1))
  }

  #compare(peer: number, zxid: string, digest: string): void {
    const known = this.#digests.get(zxid)
    if (known === undefined) {
      this.#digests.set(zxid, { peer, digest })
    } else if (known.peer !== peer) {
      this.#world.checks.expect('digests', known.digest === digest, () =>
        `peer ${peer} has ${digest} at zxid ${zxid}, peer ${known.peer} had ${known.digest}`)
    }
  }

  /** Nothing is written any more, but for sessions that end: compares everything with every peer. */
  async final(): Promise<void> {
    const { checks, lives } = this.#world
    const limitMs = performance.now() + LIMIT_MS
    for (let names = await this.#lookAtLives(); lives.dying > 0; names = await this.#lookAtLives()) {
      if (performance.now() > limitMs) return checks.wrong('ephemeral', `still there: ${names.join(', ')}`)
      await pause(LOOK_MS / 4)
    }
    const dumps = await this.#dumps(limitMs)
    const [first, ...others] = dumps
    for (const [index, { zxid, text }] of others.entries()) {
      checks.expect('digests', zxid === first!.zxid && text === first!.text, () =>
        `the tree of peer ${IDS[index + 1]} at ${zxid} is not that of peer ${IDS[0]} at ${first!.zxid}`)
    }
    await this.#compareDigests()
    for (const { text } of dumps) this.#judge(text)
  }

  /** Of all peers, as soon as all are at the same zxid. */
  async #dumps(limitMs: number): Promise<Dump[]> {
    for (;;) {
      const dumps: Dump[] = []
      for (const id of IDS) dumps.push(await this.#peers.dump(id))
      const isEven = dumps.every(({ zxid }) => zxid === dumps[0]!.zxid)
      if (isEven || performance.now() > limitMs) return dumps
      await pause(LOOK_MS / 4)
    }
  }

  #judge(text: string): void {
    const rows = new Map<string, Row>()
    for (const line of text.split('\n')) {
      const [path, data, stat] = JSON.parse(line) as [string, string | null, Row['stat']]
      rows.set(path, { text: data, stat })
    }
    const below = (parent: string): [string, Row][] =>
      [...rows].filter(([path]) => path.startsWith(`${parent}/`))
    const { registers, nodes, line, lives, checks } = this.#world
    for (const path of registers.paths) {
      const row = rows.get(path)
      checks.expect('written', row !== undefined, () => `${path} is missing`)
      if (row !== undefined) registers.final(path, row.text ?? '', row.stat)
    }
    nodes.final(new Map(below(PATHS.nodes).map(([path, row]) => [path, row.text])))
    const { cversion, numChildren } = rows.get(PATHS.line)!.stat
    const items = below(PATHS.line).map(([path, row]) => [Number(path.slice(-10)), row.text] as const)
    // The shown cversion is twice the creations less the children that there are.
    line.final(new Map(items), (cversion + numChildren) / 2)
    lives.final(below(PATHS.lives).map(([path]) => path))
  }
}
