import { assert } from '../assert.ts'
import type { ErrorCode } from '../errors.ts'
import { ACL_LENGTH_MAX } from '../limits.ts'
import { isZxid } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import { aclLength, fixAcl, permits } from './acl.ts'
import { Overlay, PendingNode } from './overlay.ts'
import { bytesOfPath } from './owned-paths.ts'
import { BUILT_IN, isPathLike, parentOf, sequenceSuffix, validatePath } from './path.ts'
import { exceeds, softlyExceeded } from './quotas.ts'
import type { SoftQuota } from './quotas.ts'
import { Mode, Perm } from './request.ts'
import type {
  Acl, CheckRequest, CreateRequest, DeleteRequest, MultiOp, Requester, SetAclRequest, SetDataRequest, WriteRequest,
} from './request.ts'
import { NO_SESSION, sessionIdOf } from './stat.ts'
import type { SessionId } from './stat.ts'
import { nextVersion } from './tree.ts'
import type { Tree } from './tree.ts'
import { NodeKind } from './txn.ts'
import type { CloseSessionTxn, CreateSessionTxn, MultiPart, NodeKindNumber, TxnBody } from './txn.ts'
import type { NodeState, Znode } from './znode.ts'

/** What a tree allows. */
export interface TreeOptions {
  readonly skipAcl: boolean
  readonly ttlEnabled: boolean
  /** Refuses what would exceed a hard quota, and tells of soft ones. */
  readonly enforceQuota: boolean
  /** Ephemerals one session may own, and bytes of their paths, so that its closing txn stays sendable. */
  readonly sessionEphemerals: number
  readonly sessionEphemeralBytes: number
  readonly multiOperations: number
  /** Age at which a container that never had a child is reaped; 0 is never. */
  readonly containerNeverUsedMs: number
}

/** Longest time to live of a node: 40 bits of ms. */
export const TTL_MAX_MS = 0xff_ffff_ffff

/** So many candidates are looked at in one search for nodes to reap. */
const REAP_SCAN = 10_000

/** Either a delta or the reason why there is none. */
type Prepared<T> = T | Refused
type Plain = Exclude<MultiPart, { kind: 'check' }>
interface Refused { readonly refused: Exclude<ErrorCode, 'Ok'> }

function refuse(code: Exclude<ErrorCode, 'Ok'>): Refused {
  return { refused: code }
}

function isRefused(value: object): value is Refused {
  return 'refused' in value
}

/**
 * Turns requests into state deltas on the leader, checked in ZooKeeper's order against the tree plus what is
 * outstanding (ZooKeeper: PrepRequestProcessor). A request that fails becomes an error txn.
 */
export class Preparer {
  readonly #tree: Tree
  readonly #options: TreeOptions
  readonly #overlay: Overlay
  readonly #onSoftQuota: (exceeded: SoftQuota) => void
  /** Sessions whose opening or closing is outstanding. */
  readonly #opening = new Map<SessionId, Zxid>()
  readonly #closing = new Map<SessionId, Zxid>()
  #reapFrom: Iterator<Znode> | null = null
  /** Of all lists of the request that is being prepared. */
  #aclLength = 0

  constructor(tree: Tree, options: TreeOptions, onSoftQuota: (exceeded: SoftQuota) => void = () => undefined) {
    this.#tree = tree
    this.#options = options
    this.#onSoftQuota = onSoftQuota
    this.#overlay = new Overlay(tree)
  }

  prepare(zxid: Zxid, request: WriteRequest, requester: Requester): TxnBody {
    assert(isZxid(zxid) && zxid > this.#tree.zxid, 'a txn is prepared before it is applied')
    this.#aclLength = 0
    let made: Prepared<TxnBody>
    switch (request.op) {
      case 1: case 15: case 19: case 21: made = this.#create(zxid, request, requester, false); break
      case 2: made = this.#delete(zxid, request, requester); break
      case 5: made = this.#setData(zxid, request, requester); break
      case 7: made = this.#setAcl(zxid, request, requester); break
      case 14: made = this.#multi(zxid, request.ops, requester); break
      case 20: made = this.#deleteContainer(zxid, request.path); break
    }
    return isRefused(made) ? { kind: 'error', code: made.refused } : made
  }

  #permits(state: NodeState, perms: number, requester: Requester): boolean {
    return permits(state.acl, perms, requester.identities, this.#options.skipAcl)
  }

  /**
   * Null also for what is too much: a few bytes that say `auth` stand for all identities of the requester, and a txn of
   * many of them would fit no frame.
   */
  #fixAcl(asked: readonly Acl[] | null, { identities }: Requester): readonly Acl[] | null {
    const acl = fixAcl(asked, identities)
    if (acl === null) return null
    this.#aclLength += aclLength(acl)
    return this.#aclLength <= ACL_LENGTH_MAX ? acl : null
  }

  // --- create ------------------------------------------------------------------------------------------------------

  #create(zxid: Zxid, request: CreateRequest, requester: Requester, inMulti: boolean): Prepared<Plain> {
    const { op, flags, ttlMs } = request
    const kind = this.#kindOf(request, inMulti)
    if (typeof kind === 'object') return kind
    const owner = kind === NodeKind.ephemeral ? requester.session : NO_SESSION
    if (kind === NodeKind.ephemeral && !this.hasSession(owner)) return refuse('SessionExpired')
    if (!isPathLike(request.path)) return refuse('BadArguments')
    const acl = this.#fixAcl(request.acl, requester)
    if (acl === null) return refuse('InvalidAcl')
    const parentPath = parentOf(request.path)
    const parent = this.#overlay.get(parentPath)
    if (parent === undefined) return refuse('NoNode')
    if (!this.#permits(parent, Perm.create, requester)) return refuse('NoAuth')
    const sequential = flags === Mode.persistentSequential || flags === Mode.ephemeralSequential ||
      flags === Mode.persistentSequentialTtl
    const path = sequential ? request.path + sequenceSuffix(parent.creates) : request.path
    if (!validatePath(path)) return refuse('BadArguments')
    if (this.#overlay.get(path) !== undefined) return refuse('NodeExists')
    if (parent.nodeKind === NodeKind.ephemeral) return refuse('NoChildrenForEphemerals')
    if (this.#isTooMuch(path, 1, request.data?.length ?? 0)) return refuse('QuotaExceeded')
    if (kind === NodeKind.ephemeral && !this.#mayOwn(owner, path)) return refuse('QuotaExceeded')
    const above = this.#overlay.next(zxid, parentPath, parent)
    above.creates = (above.creates + 1) | 0
    above.childCount++
    const node = new PendingNode(zxid, path, kind, owner, acl)
    node.dataBytes = request.data?.length ?? 0
    this.#overlay.created(node)
    return {
      kind: 'create', path, data: request.data, acl, nodeKind: kind, owner, ttlMs: kind === NodeKind.ttl ? ttlMs : 0,
      parentCreates: above.creates, op: inMulti ? answeredOp(op, kind) : op,
    }
  }

  /**
   * What is used of a quota is known of what is applied alone, as in ZooKeeper, so outstanding writes can go beyond.
   */
  #isTooMuch(path: string, nodes: number, bytes: number): boolean {
    if (!this.#options.enforceQuota) return false
    const quota = this.#tree.quotaOf(path)
    if (quota === null) return false
    const { owner, limits, used } = quota
    for (const exceeded of softlyExceeded(owner, limits, used, nodes, bytes)) this.#onSoftQuota(exceeded)
    return exceeds(limits, used, nodes, bytes)
  }

  #mayOwn(session: SessionId, path: string): boolean {
    const { sessionEphemerals, sessionEphemeralBytes } = this.#options
    return this.#overlay.ephemeralCount(session) < sessionEphemerals &&
      this.#overlay.ephemeralBytes(session) + bytesOfPath(path) <= sessionEphemeralBytes
  }

  /** How the node will live, or why it cannot: known mode, TTL allowed, ttl in range, in this order. */
  #kindOf(request: CreateRequest, inMulti: boolean): NodeKindNumber | Refused {
    const { op, flags, ttlMs } = request
    const isTtl = flags === Mode.persistentTtl || flags === Mode.persistentSequentialTtl
    if (!Number.isInteger(flags) || flags < 0 || flags > 6) return refuse('BadArguments')
    if (isTtl && !this.#options.ttlEnabled) return refuse('Unimplemented')
    const isInRange = Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= TTL_MAX_MS
    if (isTtl && (op !== 21 || !isInRange)) return refuse('BadArguments')
    if (!isTtl && op === 21 && ttlMs >= 0 && !inMulti) return refuse('BadArguments')
    if (isTtl) return NodeKind.ttl
    if (op === 19 || (inMulti && flags === Mode.container)) return NodeKind.container
    return flags === Mode.ephemeral || flags === Mode.ephemeralSequential ? NodeKind.ephemeral : NodeKind.persistent
  }

  // --- delete ------------------------------------------------------------------------------------------------------

  #delete(zxid: Zxid, request: DeleteRequest, requester: Requester): Prepared<Plain> {
    const { path, version } = request
    if (!isPathLike(path) || BUILT_IN.includes(path)) return refuse('BadArguments')
    const parentPath = parentOf(path)
    const parent = this.#overlay.get(parentPath)
    if (parent === undefined) return refuse('NoNode')
    if (!this.#permits(parent, Perm.delete, requester)) return refuse('NoAuth')
    const node = this.#overlay.get(path)
    if (node === undefined) return refuse('NoNode')
    if (version !== -1 && version !== node.version) return refuse('BadVersion')
    if (node.childCount > 0) return refuse('NotEmpty')
    return this.#removed(zxid, path, node, parentPath, parent)
  }

  #removed(zxid: Zxid, path: string, node: NodeState, parentPath: string, parent: NodeState): Plain {
    this.#overlay.next(zxid, parentPath, parent).childCount--
    this.#overlay.deleted(zxid, path, node)
    return { kind: 'delete', path }
  }

  #deleteContainer(zxid: Zxid, path: string): Prepared<TxnBody> {
    if (!isPathLike(path) || BUILT_IN.includes(path)) return refuse('BadArguments')
    const node = this.#overlay.get(path)
    const parentPath = parentOf(path)
    const parent = this.#overlay.get(parentPath)
    if (node === undefined || parent === undefined) return refuse('NoNode')
    if (node.childCount > 0) return refuse('NotEmpty')
    if (node.nodeKind === NodeKind.ephemeral) return refuse('BadVersion')
    return this.#removed(zxid, path, node, parentPath, parent)
  }

  // --- change ------------------------------------------------------------------------------------------------------

  #setData(zxid: Zxid, request: SetDataRequest, requester: Requester): Prepared<Plain> {
    const { path } = request
    if (!validatePath(path)) return refuse('BadArguments')
    const node = this.#overlay.get(path)
    if (node === undefined) return refuse('NoNode')
    if (!this.#permits(node, Perm.write, requester)) return refuse('NoAuth')
    const dataBytes = request.data?.length ?? 0
    if (this.#isTooMuch(path, 0, dataBytes - node.dataBytes)) return refuse('QuotaExceeded')
    if (request.version !== -1 && request.version !== node.version) return refuse('BadVersion')
    const next = this.#overlay.next(zxid, path, node)
    next.version = nextVersion(next.version)
    next.dataBytes = dataBytes
    return { kind: 'setData', path, data: request.data, version: next.version }
  }

  #setAcl(zxid: Zxid, request: SetAclRequest, requester: Requester): Prepared<TxnBody> {
    const { path } = request
    if (!validatePath(path)) return refuse('BadArguments')
    const acl = this.#fixAcl(request.acl, requester)
    if (acl === null) return refuse('InvalidAcl')
    const node = this.#overlay.get(path)
    if (node === undefined) return refuse('NoNode')
    if (!this.#permits(node, Perm.admin, requester)) return refuse('NoAuth')
    if (request.version !== -1 && request.version !== node.aversion) return refuse('BadVersion')
    const next = this.#overlay.next(zxid, path, node)
    next.aversion = nextVersion(next.aversion)
    next.acl = acl
    return { kind: 'setAcl', path, acl, version: next.aversion }
  }

  #check(request: CheckRequest, requester: Requester): Prepared<MultiPart> {
    const { path, version } = request
    if (!validatePath(path)) return refuse('BadArguments')
    const node = this.#overlay.get(path)
    if (node === undefined) return refuse('NoNode')
    if (!this.#permits(node, Perm.read, requester)) return refuse('NoAuth')
    if (version !== -1 && version !== node.version) return refuse('BadVersion')
    return { kind: 'check', path }
  }

  // --- multi -------------------------------------------------------------------------------------------------------

  #multi(zxid: Zxid, ops: readonly MultiOp[], requester: Requester): Prepared<TxnBody> {
    if (ops.length > this.#options.multiOperations || ops.some(isMalformed)) return refuse('MarshallingError')
    const parts: MultiPart[] = []
    this.#overlay.begin()
    for (const [index, op] of ops.entries()) {
      const made = this.#part(zxid, op, requester)
      if (!isRefused(made)) {
        parts.push(made)
        continue
      }
      this.#overlay.end(false)
      const codeAt = (at: number): ErrorCode =>
        at < index ? 'Ok' : at === index ? made.refused : 'RuntimeInconsistency'
      return { kind: 'multiError', codes: ops.map((_, at) => codeAt(at)) }
    }
    this.#overlay.end(true)
    return { kind: 'multi', parts }
  }

  #part(zxid: Zxid, op: MultiOp, requester: Requester): Prepared<MultiPart> {
    switch (op.op) {
      case 2: return this.#delete(zxid, op, requester)
      case 5: return this.#setData(zxid, op, requester)
      case 13: return this.#check(op, requester)
      default: return this.#create(zxid, op, requester, true)
    }
  }

  // --- sessions ----------------------------------------------------------------------------------------------------

  createSession(zxid: Zxid, timeoutMs: number, password: Uint8Array): CreateSessionTxn {
    this.#opening.set(sessionIdOf(zxid), zxid)
    return { kind: 'createSession', timeoutMs, password }
  }

  /** Names every node that goes: in the tree or outstanding, minus outstanding deletions (ZOOKEEPER-1208, 1496). */
  closeSession(zxid: Zxid, session: SessionId): CloseSessionTxn {
    const paths = this.#overlay.ephemeralsOf(session)
    this.#closing.set(session, zxid)
    for (const path of paths) {
      const parentPath = parentOf(path)
      const parent = this.#overlay.get(parentPath)
      const node = this.#overlay.get(path)
      assert(parent !== undefined && node !== undefined, 'an ephemeral and its parent exist')
      this.#removed(zxid, path, node, parentPath, parent)
    }
    return { kind: 'closeSession', paths }
  }

  /** How many those are. */
  ephemeralCount(session: SessionId): number {
    return this.#overlay.ephemeralCount(session)
  }

  /** Open, or about to be, and not closing. */
  hasSession(session: SessionId): boolean {
    return (this.#tree.sessions.has(session) || this.#opening.has(session)) && !this.#closing.has(session)
  }

  isOpening(session: SessionId): boolean {
    return this.#opening.has(session)
  }

  applied(zxid: Zxid): void {
    this.#overlay.applied(zxid)
    if (this.#opening.size > 0) forget(this.#opening, zxid)
    if (this.#closing.size > 0) forget(this.#closing, zxid)
  }

  reset(): void {
    this.#overlay.reset()
    this.#opening.clear()
    this.#closing.clear()
  }

  // --- reaping -----------------------------------------------------------------------------------------------------

  /**
   * Containers and TTL nodes that are due; looks at a bounded number each time, going round (ZooKeeper:
   * ContainerManager).
   */
  reapable(wallMs: number, most: number): readonly string[] {
    const due: string[] = []
    for (let looked = 0; looked < REAP_SCAN && due.length < most; looked++) {
      this.#reapFrom ??= this.#tree.reapable.values()
      const step = this.#reapFrom.next()
      if (step.done === true) {
        this.#reapFrom = null
        break
      }
      const node = step.value
      if (node.childCount === 0 && !this.#overlay.isPending(node.path) && this.#isDue(node, wallMs)) due.push(node.path)
    }
    return due
  }

  #isDue(node: Znode, wallMs: number): boolean {
    if (node.nodeKind === NodeKind.ttl) return wallMs - node.mtime > node.ttlMs
    if (node.creates > 0) return true
    const neverMs = this.#options.containerNeverUsedMs
    return neverMs > 0 && wallMs - node.ctime > neverMs
  }
}

/** The opcode whose result a creation in a multi gets: it goes by what the node has come to be. */
function answeredOp(op: CreateRequest['op'], kind: NodeKindNumber): CreateRequest['op'] {
  if (kind === NodeKind.container) return 19
  return op === 21 && kind !== NodeKind.ttl ? 1 : op
}

/** Flags that make a whole multi undecodable in ZooKeeper; those of createTTL are looked at in its turn. */
function isMalformed(op: MultiOp): boolean {
  if (op.op !== 1 && op.op !== 15 && op.op !== 19) return false
  return !Number.isInteger(op.flags) || op.flags < 0 || op.flags > Mode.container
}

function forget(outstanding: Map<SessionId, Zxid>, applied: Zxid): void {
  for (const [session, zxid] of outstanding) {
    if (zxid > applied) return
    outstanding.delete(session)
  }
}
