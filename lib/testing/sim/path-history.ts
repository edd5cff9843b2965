import type { Tree } from '../../core/tree/tree.ts'
import type { Txn, TxnBody } from '../../core/tree/txn.ts'
import { parentOf } from '../../core/tree/path.ts'
import type { Zxid } from '../../core/zxid.ts'

/** What a path was from one txn on. */
export interface PathState {
  readonly zxid: Zxid
  readonly exists: boolean
  readonly version: number
  /** First byte of the data, -1 for none: enough to tell the simulator's values apart. */
  readonly mark: number
}

/** What every path was at every zxid of the delivered sequence: what reads and watches are held against. */
export class PathHistory {
  readonly #data = new Map<string, PathState[]>()
  /** Zxids at which children of a path came or went. */
  readonly #children = new Map<string, Zxid[]>()

  record(zxid: Zxid, txn: Txn, before: Tree): void {
    this.#body(zxid, txn.body, before)
  }

  #body(zxid: Zxid, body: TxnBody | { readonly kind: 'check' }, before: Tree): void {
    switch (body.kind) {
      case 'create':
        this.#push(body.path, { zxid, exists: true, version: 0, mark: markOf(body.data) })
        this.#child(zxid, body.path)
        break
      case 'setData': this.#push(body.path, { zxid, exists: true, version: body.version, mark: markOf(body.data) }); break
      case 'delete': this.#gone(zxid, body.path); break
      case 'closeSession': for (const path of body.paths) this.#gone(zxid, path); break
      case 'multi': for (const part of body.parts) this.#body(zxid, part, before); break
      default: break
    }
  }

  #gone(zxid: Zxid, path: string): void {
    this.#push(path, { zxid, exists: false, version: -1, mark: -1 })
    this.#child(zxid, path)
  }

  #push(path: string, state: PathState): void {
    const states = this.#data.get(path)
    if (states === undefined) this.#data.set(path, [state])
    else states.push(state)
  }

  #child(zxid: Zxid, path: string): void {
    const parent = parentOf(path)
    const zxids = this.#children.get(parent)
    if (zxids === undefined) this.#children.set(parent, [zxid])
    else zxids.push(zxid)
  }

  /** The path as of `zxid`; undefined when it never existed until then. */
  stateAt(path: string, zxid: Zxid): PathState | undefined {
    const states = this.#data.get(path) ?? []
    let low = 0
    let high = states.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (states[middle]!.zxid <= zxid) low = middle + 1
      else high = middle
    }
    return states[low - 1]
  }

  /** The first deletion of the path after `zxid`, also one that the same txn undid. */
  deletionAfter(path: string, zxid: Zxid): Zxid | undefined {
    return this.#data.get(path)?.find((state) => state.zxid > zxid && !state.exists)?.zxid
  }

  /** The first change of the path's data or existence after `zxid`. */
  changeAfter(path: string, zxid: Zxid): Zxid | undefined {
    const states = this.#data.get(path) ?? []
    let low = 0
    let high = states.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (states[middle]!.zxid <= zxid) low = middle + 1
      else high = middle
    }
    return states[low]?.zxid
  }

  /** The first creation or deletion of a child after `zxid`. */
  childChangeAfter(path: string, zxid: Zxid): Zxid | undefined {
    return firstAfter(this.#children.get(path) ?? [], zxid)
  }
}

function markOf(data: Uint8Array | null): number {
  return data === null || data.length === 0 ? -1 : data[0]! + (data[1] ?? 0) * 256
}

function firstAfter(zxids: readonly Zxid[], zxid: Zxid): Zxid | undefined {
  let low = 0
  let high = zxids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (zxids[middle]! <= zxid) low = middle + 1
    else high = middle
  }
  return zxids[low]
}
