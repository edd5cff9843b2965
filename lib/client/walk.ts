import type { ZkError } from '../core/errors.ts'
import { childOf } from '../core/tree/path.ts'
import { pickNames, pickNode } from './outcomes.ts'
import type { Session } from './session.ts'
import type { NodeData } from './values.ts'

const READS_IN_FLIGHT = 64

/** Who hears of the nodes found. */
export interface WalkOwner {
  /** How many more nodes may be told at this moment. */
  room(): number
  /** The state of `path` was read just now; null: there is no such node, or it may not be read. */
  onRead(path: string, node: NodeData | null, zxid: number): void
  /** So were the names of its children, if it has any. */
  onListed(path: string): void
  onWalked(): void
  onFailed(error: ZkError): void
}

/**
 * Reads a node, or a whole subtree, without ever having more in flight than its owner has room for. Everything is told
 * while the reply is delivered, so the owner knows exactly which events came before it and which after.
 */
export class Walk {
  readonly #session: Session
  readonly #owner: WalkOwner
  readonly #recursive: boolean
  readonly #paths: string[]
  #nodes = 0
  #lists = 0
  #isOver = false

  constructor(session: Session, path: string, recursive: boolean, owner: WalkOwner) {
    this.#session = session
    this.#owner = owner
    this.#recursive = recursive
    this.#paths = [path]
  }

  /** Reads on; to be called again whenever there is more room. */
  go(): void {
    while (!this.#isOver && this.#lists + this.#nodes < READS_IN_FLIGHT && this.#owner.room() > this.#nodes) {
      const path = this.#paths.pop()
      if (path === undefined) break
      this.#read(path)
    }
  }

  stop(): void {
    this.#isOver = true
  }

  #read(path: string): void {
    this.#nodes += 1
    this.#session.submit({ op: 4, path, watch: false }, pickNode, undefined, (node) => {
      this.#nodes -= 1
      if (!this.#isOver) this.#owner.onRead(path, node, this.#session.zxid)
      this.#next()
    }, (error) => {
      this.#nodes -= 1
      this.#refused(path, error as ZkError)
    })
    if (!this.#recursive) return
    this.#lists += 1
    this.#session.submit({ op: 8, path, watch: false }, pickNames, undefined, (names) => {
      this.#lists -= 1
      if (!this.#isOver) this.#owner.onListed(path)
      for (const name of names) this.#paths.push(childOf(path, name))
      this.#next()
    }, (error) => {
      this.#lists -= 1
      if (!this.#isAbsent(error as ZkError)) return
      // The read of its data said so.
      this.#owner.onListed(path)
      this.#next()
    })
  }

  #refused(path: string, error: ZkError): void {
    if (!this.#isAbsent(error)) return
    this.#owner.onRead(path, null, this.#session.zxid)
    this.#next()
  }

  /** The node is gone or not readable. Whatever else refused a read says nothing of the tree, and ends the walk. */
  #isAbsent(error: ZkError): boolean {
    if (this.#isOver) return false
    if (error.code === 'NoNode' || error.code === 'NoAuth') return true
    this.#isOver = true
    this.#owner.onFailed(error)
    return false
  }

  #next(): void {
    if (this.#isOver) return
    if (this.#paths.length > 0) this.go()
    else if (this.#nodes + this.#lists === 0) {
      this.#isOver = true
      this.#owner.onWalked()
    }
  }
}
