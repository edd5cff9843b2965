import type { NodeData } from '../client/values.ts'
import { isZkError } from '../core/errors.ts'
import type { ZkError } from '../core/errors.ts'
import { readInstance } from './instance.ts'
import type { Instance } from './instance.ts'

/** One node of a service, with the last good instance that it held. */
interface Entry<P> {
  readonly czxid: number
  readonly mzxid: number
  readonly instance: Instance<P> | null
  readonly error: ZkError | null
}

/** Who hears of changes. */
export interface InstanceListOwner<P> {
  onUp(instance: Instance<P>): void
  onUpdate(instance: Instance<P>, previous: Instance<P>): void
  onDown(instance: Instance<P>): void
  onInvalid(error: ZkError): void
}

/**
 * The instances of one service by the names of their nodes. What is no instance is told and left out; a node that held
 * a good one before keeps it, as its program is alive. An instance that is not enabled is not listed.
 */
export class InstanceList<P> {
  readonly #owner: InstanceListOwner<P>
  readonly #entries = new Map<string, Entry<P>>()
  readonly #keys = new WeakMap<Instance<P>, string>()
  #sorted: readonly Instance<P>[] | null = null

  constructor(owner: InstanceListOwner<P>) {
    this.#owner = owner
  }

  /** Those that may be used, sorted by id; always the same array until something changes. */
  get listed(): readonly Instance<P>[] {
    return this.#sorted ??= Object.freeze([...this.#entries]
      .flatMap(([name, { instance }]) => (instance?.enabled === true ? [{ name, instance }] : []))
      .toSorted((a, b) => compare(a.instance.id, b.instance.id) || compare(a.name, b.name))
      .map(({ instance }) => instance))
  }

  /** Why some nodes are left out, by their paths. */
  get invalid(): ReadonlyMap<string, ZkError> {
    return new Map([...this.#entries].flatMap(([, { error }]) => (error === null ? [] : [[error.path ?? '', error]])))
  }

  /** Tells this instance from another one of the same id that comes after it; undefined when it is not from here. */
  keyOf(instance: Instance<P>): string | undefined {
    return this.#keys.get(instance)
  }

  set(path: string, node: NodeData): void {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const before = this.#entries.get(name)
    const { czxid, mzxid } = node.stat
    if (before?.czxid === czxid && before.mzxid === mzxid) return
    const previous = before?.instance ?? null
    let next: Instance<P> | null = before?.czxid === czxid ? previous : null
    let error: ZkError | null = null
    try {
      next = readInstance<P>(path, node)
    } catch (thrown) {
      if (!isZkError(thrown)) throw thrown
      error = thrown
    }
    this.#entries.set(name, { czxid, mzxid, instance: next, error })
    if (next !== null) this.#keys.set(next, `${name} ${czxid}`)
    if (error !== null) this.#owner.onInvalid(error)
    this.#tell(previous, next)
  }

  delete(path: string): void {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    this.#tell(entry.instance, null)
  }

  /** Exactly these are there now. */
  replace(nodes: ReadonlyMap<string, NodeData>): void {
    const names = new Set([...nodes.keys()].map((path) => path.slice(path.lastIndexOf('/') + 1)))
    for (const name of this.#entries.keys()) if (!names.has(name)) this.delete(`/${name}`)
    for (const [path, node] of nodes) this.set(path, node)
  }

  #tell(before: Instance<P> | null, after: Instance<P> | null): void {
    if (before === after) return
    this.#sorted = null
    const wasListed = before?.enabled === true
    const isListed = after?.enabled === true
    if (wasListed && isListed) this.#owner.onUpdate(after, before)
    else if (isListed) this.#owner.onUp(after)
    else if (wasListed) this.#owner.onDown(before)
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
