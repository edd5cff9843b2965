import { ZkError } from '../errors.ts'
import { isZxid } from '../zxid.ts'
import { BUILT_IN, parentOf, validatePath } from './path.ts'
import { OPEN_ACL } from './request.ts'
import type { Acl } from './request.ts'
import { isSessionId, NO_SESSION } from './stat.ts'
import type { SessionId } from './stat.ts'
import { NodeKind } from './txn.ts'
import type { NodeKindNumber, SnapshotRow } from './txn.ts'
import { Tree, treeParts } from './tree.ts'
import { Row } from './view.ts'
import { Znode } from './znode.ts'

const PASSWORD_BYTES = 16

/**
 * Builds a tree from a snapshot's rows, in any order, one chunk at a time. Rows come from disk or from another peer, so
 * everything is checked: StorageDamaged for what is no row, and for a tree that does not hold together.
 */
export class TreeLoader {
  readonly #parts = treeParts()
  readonly #tree = new Tree(this.#parts)
  /** Nodes whose parent has not come yet, by the parent's path. */
  readonly #orphans = new Map<string, Znode[]>()
  /** Owners of ephemerals: their sessions may come later. */
  readonly #owners = new Set<SessionId>()
  #headed = false

  push(rows: readonly SnapshotRow[]): void {
    for (const row of rows) {
      switch (row[0]) {
        case Row.head: this.#head(row); break
        case Row.session: this.#session(row); break
        case Row.node: this.#node(row); break
        default: throw damaged('a row of an unknown kind')
      }
    }
  }

  #head(row: SnapshotRow): void {
    const [, zxid, ensembleId, members] = row
    if (!isZxid(zxid) || typeof ensembleId !== 'string' || typeof members !== 'string') throw damaged('a bad head row')
    this.#tree.restoreHead(zxid, ensembleId, members)
    this.#headed = true
  }

  #session(row: SnapshotRow): void {
    const [, session, timeoutMs, password] = row
    if (!isSessionId(session) || session === NO_SESSION || !isCount(timeoutMs) || !(password instanceof Uint8Array) ||
      password.length !== PASSWORD_BYTES) {
      throw damaged('a bad session row')
    }
    if (!this.#tree.sessions.has(session)) this.#tree.restoreSession(session, timeoutMs, password)
  }

  #node(row: SnapshotRow): void {
    const [
      , path, data, acl, nodeKind, owner, ttlMs, czxid, mzxid, pzxid, ctime, mtime, version, aversion, creates,
    ] = row
    if (typeof path !== 'string' || !validatePath(path)) throw damaged('a node row without a path')
    if (this.#parts.index.find(path) !== 0) return
    if (!isNodeKind(nodeKind) || !isSessionId(owner) || !isCount(ttlMs) || !isZxid(czxid) || !isZxid(mzxid) ||
      !isZxid(pzxid) || !isInteger(ctime) || !isInteger(mtime) || !isInt32(version) ||
      !isInt32(aversion) || !isInt32(creates) || !(data === null || data instanceof Uint8Array)) {
      throw damaged(`a bad node row for ${path}`)
    }
    if (nodeKind === NodeKind.ephemeral) this.#owners.add(owner)
    else if (owner !== NO_SESSION) throw damaged(`an owner of ${path}, which is not ephemeral`)
    const { pages, slabs, index } = this.#parts
    const node = Znode.create(pages, path, acl === null ? OPEN_ACL : readAcl(acl), nodeKind, owner, ttlMs)
    node.czxid = czxid
    node.mzxid = mzxid
    node.pzxid = pzxid
    node.ctime = ctime
    node.mtime = mtime
    node.version = version
    node.aversion = aversion
    node.creates = creates
    slabs.store(node, data)
    this.#tree.adopt(node, path)
    if (path !== '/') {
      const parent = parentOf(path)
      const above = index.get(parent)
      if (above !== undefined) addChild(above, node)
      else this.#orphan(parent, node)
    }
    for (const child of this.#orphans.get(path) ?? []) addChild(node, child)
    this.#orphans.delete(path)
  }

  /** In place: a parent that comes after a million children must not cost their square. */
  #orphan(parent: string, node: Znode): void {
    const nodes = this.#orphans.get(parent)
    if (nodes === undefined) this.#orphans.set(parent, [node])
    else nodes.push(node)
  }

  finish(): Tree {
    if (!this.#headed) throw damaged('no head row')
    if (this.#orphans.size > 0) throw damaged('a node without its parent')
    for (const path of BUILT_IN) if (this.#parts.index.find(path) === 0) throw damaged(`no ${path}`)
    for (const owner of this.#owners) {
      if (!this.#tree.sessions.has(owner)) throw damaged(`an ephemeral of ${owner}, which is no session`)
    }
    return this.#tree
  }
}

function damaged(what: string): ZkError {
  return new ZkError('StorageDamaged', `the snapshot has ${what}`)
}

function addChild(parent: Znode, child: Znode): void {
  if (parent.nodeKind === NodeKind.ephemeral) throw damaged(`a child of ${parent.path}, which is ephemeral`)
  parent.addChild(child)
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isCount(value: unknown): value is number {
  return isInteger(value) && value >= 0
}

function isInt32(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value
}

function isNodeKind(value: unknown): value is NodeKindNumber {
  return value === 0 || value === 1 || value === 2 || value === 3
}

function readAcl(value: unknown): Acl[] {
  if (!Array.isArray(value)) throw damaged('a bad access-control list')
  return value.map((entry: unknown) => {
    const [perms, scheme, id] = Array.isArray(entry) ? entry as unknown[] : []
    if (!isInt32(perms) || typeof scheme !== 'string' || typeof id !== 'string') {
      throw damaged('a bad access-control entry')
    }
    return { perms, scheme, id }
  })
}
