import { isZkError } from '../../lib/index.ts'
import type { Client, NodeData, ZkError } from '../../lib/index.ts'
import type { Random } from '../../lib/core/random.ts'
import { Sight } from './checks.ts'
import type { Attempt } from './registers.ts'
import { shown } from './text.ts'
import { PATHS } from './world.ts'
import type { World } from './world.ts'

/** What one client has of nodes of its own, at least; and what the line has. */
const NODES_EACH = 12
const LINE_LENGTH = 60
/** Of data; every so many nodes it is long. */
const LONG_EVERY = 20
const LONG_BYTES = 5_000
/** Who takes from the line takes one of the first few. */
const FIRST_FEW = 3

/** What a client keeps over its sessions. */
export interface Belongings {
  readonly name: string
  readonly random: Random
  readonly pause: () => Promise<void>
  /** A write was acknowledged. */
  readonly written: () => void
  /** Nodes that this client made and did not delete. */
  readonly nodes: string[]
  /** Makes texts and names unique. */
  count: number
  /** As it was when it looked last. */
  lineLength: number
}

/** True for errors by which a session or connection ends: what becomes of it, its states tell. */
export function isInterruption(error: unknown): error is ZkError {
  return ['ConnectionLoss', 'SessionExpired', 'SessionMoved', 'Closed', 'Aborted'].some((code) =>
    isZkError(error, code as ZkError['code']))
}

/** One session of one client: what it does, and what it expects of the answers. */
export class Visit {
  readonly #zk: Client
  readonly #world: World
  readonly #own: Belongings
  readonly sight: Sight
  /** By path: one-shot watches that have not fired, and the version that was read with them. */
  readonly #armed = new Map<string, { version: number }>()

  constructor(zk: Client, world: World, own: Belongings) {
    this.#zk = zk
    this.#world = world
    this.#own = own
    this.sight = new Sight(world.horizon)
  }

  /** Something, at random. Rejects with interruptions, and with what should not happen. */
  async step(): Promise<void> {
    const draw = this.#own.random.below(100)
    if (draw < 25) await this.#read(this.#register())
    else if (draw < 45) await this.#write(this.#register())
    else if (draw < 53) await this.#writePair()
    else if (draw < 58) await this.#readPair()
    else if (draw < 72) await this.#makeOrDelete()
    else if (draw < 78) await this.#readOwn()
    else if (draw < 83) await this.#readAfterSync()
    else if (draw < 94) await this.#makeOrTake()
    else if (draw < 98) await this.#watch(this.#register())
    else await this.#burst()
  }

  /** From now on the session has seen everything that anybody was told of. */
  async sync(): Promise<void> {
    const floor = this.#world.horizon.zxid
    await this.#zk.sync()
    this.sight.raise(floor)
    this.#world.counts.syncs += 1
  }

  /** Nothing is under way any more: every watch on what has changed must have fired. */
  async lookAtWatches(): Promise<void> {
    await this.sync()
    for (const path of Array.from(this.#armed.keys())) await this.#read(path)
  }

  // --- registers ---------------------------------------------------------------------------------------------------

  #register(): string {
    const paths = this.#world.registers.paths.filter((path) => path.startsWith(PATHS.registers))
    return paths[this.#own.random.below(paths.length)]!
  }

  async #read(path: string): Promise<NodeData> {
    await this.#own.pause()
    const floor = this.sight.zxid
    const node = await this.#zk.get(path)
    this.#took(path, node, floor)
    return node
  }

  #took(path: string, node: NodeData, floor: number): void {
    this.#world.counts.reads += 1
    this.#world.registers.read(path, node.text(), node.stat, floor, this.sight)
    const armed = this.#armed.get(path)
    if (armed === undefined) return
    this.#world.checks.expect('watch', node.stat.version <= armed.version, () =>
      `${this.#own.name} read version ${node.stat.version} of ${path}, and no event had come since ${armed.version}`)
  }

  async #write(path: string): Promise<void> {
    const { version } = (await this.#read(path)).stat
    const text = this.#text('set')
    const attempt = this.#world.registers.begin(path, version, text)
    const stat = await this.#attempt(() => this.#zk.set(path, text, { version }), ['BadVersion'],
      () => attempt.refused())
    if (stat !== null) attempt.acked(stat, this.sight)
  }

  async #watch(path: string): Promise<void> {
    if (this.#armed.has(path)) return
    await this.#own.pause()
    const armed = { version: -1 }
    let hasFired = false
    const floor = this.sight.zxid
    const node = await this.#zk.get(path, {
      watch: ({ type }) => {
        hasFired = true
        this.#world.checks.expect('watch', type === 'changed', () => `${path} was only set, and it is told: ${type}`)
        this.#world.counts.events += 1
        if (this.#armed.get(path) === armed) this.#armed.delete(path)
      },
    })
    this.#took(path, node, floor)
    armed.version = node.stat.version
    if (!hasFired) this.#armed.set(path, armed)
  }

  // --- pairs, which only multis write -------------------------------------------------------------------------------

  #pair(): readonly [string, string] {
    const paths = this.#world.registers.paths.filter((path) => path.startsWith(PATHS.pairs))
    const at = this.#own.random.below(paths.length >> 1) * 2
    return [paths[at]!, paths[at + 1]!]
  }

  async #readPair(): Promise<{ readonly pair: readonly [string, string], readonly version: number }> {
    await this.#own.pause()
    const pair = this.#pair()
    const floor = this.sight.zxid
    const [one, other] = await this.#zk.multiRead().get(pair[0]).get(pair[1]).commit()
    if (one instanceof Error) throw one
    if (other instanceof Error) throw other
    for (const [index, node] of [one, other].entries()) this.#took(pair[index]!, node, floor)
    this.#world.checks.expect('multi', one.stat.mzxid === other.stat.mzxid && one.text() === other.text(), () =>
      `${pair.join(' and ')} are ${one.text()} by ${one.stat.mzxid} and ${other.text()} by ${other.stat.mzxid}`)
    return { pair, version: one.stat.version }
  }

  /** One in four carries a check that fails: then nothing of it may happen. */
  async #writePair(): Promise<void> {
    const { pair: [one, other], version } = await this.#readPair()
    const text = this.#text('multi')
    const attempts = [one, other].map((path): Attempt => this.#world.registers.begin(path, version, text))
    const isDoomed = this.#own.random.below(4) === 0
    const multi = this.#zk.multi().set(one, text, { version }).set(other, text, { version })
    const stats = await this.#attempt<readonly unknown[]>(
      () => isDoomed ? multi.check(PATHS.line, version + 1_000_000).commit() : multi.commit(), ['BadVersion'],
      () => { for (const attempt of attempts) attempt.refused() })
    if (stats === null) return
    this.#world.checks.expect('multi', !isDoomed, () => `${text} happened although its check fails`)
    for (const [index, attempt] of attempts.entries()) {
      attempt.acked(stats[index] as { version: number, mzxid: number }, this.sight)
    }
  }

  // --- nodes of its own ---------------------------------------------------------------------------------------------

  async #makeOrDelete(): Promise<void> {
    await this.#own.pause()
    if (this.#own.nodes.length < NODES_EACH) await this.#make()
    else await this.#delete()
  }

  async #make(): Promise<void> {
    const path = `${PATHS.nodes}/${this.#own.name}-${this.#own.count += 1}`
    const isLong = this.#own.count % LONG_EVERY === 0
    const text = `${this.#text('made')}${'x'.repeat(isLong ? LONG_BYTES : this.#own.random.below(150))}`
    const acked = this.#world.nodes.making(path, shown(text))
    this.#own.nodes.push(path)
    const made = await this.#attempt(() => this.#zk.createWithStat(path, text), [], () => {
      this.#own.nodes.splice(this.#own.nodes.indexOf(path), 1)
      this.#world.nodes.refused(path)
    })
    if (made !== null) acked(made.stat.czxid, this.sight)
  }

  /** The oldest, and once more if nobody knows. It is missing when its creation was in vain, or a deletion was not. */
  async #delete(): Promise<void> {
    const path = this.#own.nodes.shift()!
    const mayMiss = this.#world.nodes.known(path) !== 'there'
    const acked = this.#world.nodes.deleting(path)
    let isOpen = true
    try {
      const outcome = await this.#attempt(async () => {
        await this.#zk.delete(path)
        return true
      }, mayMiss ? ['NoNode'] : [], (code) => { isOpen = code !== 'NoNode' })
      isOpen = false
      if (outcome !== null) acked()
    } finally {
      if (isOpen) this.#own.nodes.push(path)
    }
  }

  async #readOwn(): Promise<void> {
    const { nodes, random } = this.#own
    if (nodes.length > 0) await this.#readNode(nodes[random.below(nodes.length)]!)
  }

  /** What others made, or what lies between their writes: after a sync it is known as they know it. */
  async #readAfterSync(): Promise<void> {
    await this.#own.pause()
    const path = this.#world.nodes.some(this.#own.random.unit())
    const before = path === null ? null : this.#world.nodes.known(path)
    await this.sync()
    if (path !== null) await this.#readNode(path, before)
    await this.#read(this.#register())
  }

  async #readNode(path: string, before = this.#world.nodes.known(path)): Promise<void> {
    await this.#own.pause()
    const text = await this.#orNull(this.#zk.get(path))
    this.#world.counts.reads += 1
    this.#world.nodes.read(path, before, text === null ? null : shown(text.text()))
  }

  /** Several writes on their way at once, whose zxids must rise. */
  async #burst(): Promise<void> {
    await this.#own.pause()
    const paths = Array.from({ length: 4 }, () => `${PATHS.nodes}/${this.#own.name}-${this.#own.count += 1}`)
    const made = await Promise.allSettled(paths.map(async (path) => {
      const text = this.#text('made')
      const acked = this.#world.nodes.making(path, text)
      this.#own.nodes.push(path)
      const node = await this.#attempt(() => this.#zk.createWithStat(path, text), [], () => {
        this.#own.nodes.splice(this.#own.nodes.indexOf(path), 1)
        this.#world.nodes.refused(path)
      })
      return { acked, czxid: node?.stat.czxid ?? 0 }
    }))
    let last = 0
    for (const outcome of made) {
      if (outcome.status === 'rejected') continue
      const { acked, czxid } = outcome.value
      if (czxid === 0) continue
      this.#world.checks.expect('order', czxid > last, () => `${this.#own.name}: ${czxid} came after ${last}`)
      last = czxid
      acked(czxid, this.sight)
    }
    for (const outcome of made) if (outcome.status === 'rejected') throw outcome.reason
  }

  // --- the line ----------------------------------------------------------------------------------------------------

  async #makeOrTake(): Promise<void> {
    await this.#own.pause()
    if (this.#own.lineLength < LINE_LENGTH && this.#own.random.below(3) > 0) await this.#lineUp()
    else await this.#take()
  }

  async #lineUp(): Promise<void> {
    const text = this.#text('line')
    const told = this.#world.line.making(text)
    const made = await this.#attempt(() => this.#zk.createWithStat(`${PATHS.line}/s-`, text, { sequential: true }),
      [], () => told(null, 0, this.sight))
    if (made !== null) told(Number(made.path.slice(-10)), made.stat.czxid, this.sight)
  }

  async #take(): Promise<void> {
    const names = (await this.#zk.children(PATHS.line)).toSorted()
    this.#own.lineLength = names.length
    if (names.length === 0) return
    const path = `${PATHS.line}/${names[this.#own.random.below(Math.min(FIRST_FEW, names.length))]!}`
    await this.#own.pause()
    const item = await this.#orNull(this.#zk.get(path))
    if (item === null) return
    const number = Number(path.slice(-10))
    this.#world.line.read(number, item.text())
    const taken = this.#world.line.taking(number)
    const outcome = await this.#attempt(async () => {
      await this.#zk.delete(path)
      return true
    }, ['NoNode'], () => undefined)
    if (outcome !== null) taken()
  }

  // --- how writes end ----------------------------------------------------------------------------------------------

  /**
   * Null when the write was certainly not done, with one of these codes. Rejects with other errors; `onRefused` was
   * called before, unless nobody knows whether it was done.
   */
  async #attempt<T>(
    write: () => Promise<T>, codes: readonly ZkError['code'][], onRefused: (code: ZkError['code']) => void,
  ): Promise<T | null> {
    try {
      const value = await write()
      this.#world.counts.writes += 1
      this.#own.written()
      return value
    } catch (error) {
      if (!isZkError(error)) throw error
      if (error.mayHaveHappened) this.#world.counts.unknown += 1
      else onRefused(error.code)
      if (!codes.includes(error.code)) throw error
      return null
    }
  }

  async #orNull(reading: Promise<NodeData>): Promise<NodeData | null> {
    try {
      return await reading
    } catch (error) {
      if (isZkError(error, 'NoNode')) return null
      throw error
    }
  }

  #text(kind: string): string {
    return `${this.#own.name}:${this.#own.count += 1}:${kind}:`
  }
}
