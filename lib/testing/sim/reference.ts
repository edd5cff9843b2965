import type { ErrorCode } from '../../core/errors.ts'
import { Mode, Perm, isWrite } from '../../core/tree/request.ts'
import type {
  Acl, CheckRequest, CreateRequest, Identity, MultiOp, OpResult, Outcome, Request, SetAclRequest,
} from '../../core/tree/request.ts'
import { NO_SESSION, sessionIdOf } from '../../core/tree/stat.ts'
import type { SessionId, Stat } from '../../core/tree/stat.ts'
import { NodeKind } from '../../core/tree/txn.ts'
import type { CreateSessionTxn, MultiPart, NodeKindNumber, Txn } from '../../core/tree/txn.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import { allows, sameAcl, storedAcl } from './access.ts'
import { PathStates } from './path-states.ts'
import type { NodeState } from './path-states.ts'
import { SessionStates } from './session-states.ts'
import { Violation } from './violation.ts'

interface OpenSession {
  readonly timeoutMs: number
  readonly ephemerals: Set<string>
}

type Failed = Exclude<ErrorCode, 'Ok'>
type Done = Exclude<OpResult, { op: -1 }>

/** One lookup of watches, as a change makes it; in the order of the delivered sequence. */
export interface Lookup {
  readonly zxid: Zxid
  readonly table: 'data' | 'child'
  readonly type: 1 | 2 | 3 | 4
  readonly path: string
  /** Who may not read by it is not told. */
  readonly acl: readonly Acl[]
  /** Who was told by the lookup before this one is not told again. */
  readonly unlessTold: boolean
}

/**
 * ZooKeeper's semantics a second time, written from the protocol's description and sharing no code with the core: given
 * the requests in the delivered order it says what each must come to, what every path was at every zxid, and what
 * watches had to be looked up. Only what the simulator's clients ask for is known here.
 */
export class Reference {
  readonly states: PathStates = new PathStates()
  readonly sessionStates: SessionStates = new SessionStates()
  readonly lookups: Lookup[] = []
  readonly #sessions = new Map<SessionId, OpenSession>()
  #zxid: Zxid = ZXID_ZERO
  #timeMs = 0
  /** Of whom the request is that is looked at. */
  #identities: readonly Identity[] = []

  isOpen(session: SessionId): boolean {
    return this.#sessions.has(session)
  }

  /**
   * Takes the next delivered txn; `request` is what its client, who is these, asked; null for the ensemble's own.
   */
  deliver(zxid: Zxid, txn: Txn, request: Request | null, identities: readonly Identity[] = []): Outcome {
    this.#zxid = zxid
    this.#identities = identities
    this.#timeMs = txn.time
    const { body, session } = txn
    if (body.kind === 'found') return { code: 'Ok', result: { op: -11 } }
    if (body.kind === 'createSession') return this.#open(sessionIdOf(zxid), session, body)
    if (request === null || request.op === -11) {
      if (body.kind === 'closeSession') return this.#close(session, body.paths)
      if (request === null && body.kind === 'delete') return this.#reap(body.path)
      if (body.kind !== 'error') throw new Violation('C8', `a ${body.kind} that nobody asked for`)
      return this.#refused(session, body.code)
    }
    if (!isWrite(request)) throw new Violation('C8', `a txn for a request ${request.op}, which is no write`)
    // Who owns a session is the leader's own knowledge: a refusal for it is possible at any place.
    if (body.kind === 'error' && body.code === 'SessionMoved') return { code: 'SessionMoved', result: null }
    if (!this.#sessions.has(session)) {
      this.#expect(body.kind === 'error' && body.code === 'SessionExpired', 'C12', 'a closed session acts')
      return { code: 'SessionExpired', result: null }
    }
    const outcome = this.#execute(session, request)
    this.#compare(txn, request, outcome)
    return outcome
  }

  #expect(holds: boolean, check: string, what: string): void {
    if (!holds) throw new Violation(check, `${what} (txn ${this.#zxid})`)
  }

  // --- sessions ----------------------------------------------------------------------------------------------------

  #open(session: SessionId, stated: SessionId, { timeoutMs, password }: CreateSessionTxn): Outcome {
    this.#expect(session === stated && !this.#sessions.has(session), 'C12', 'a session id is not unique')
    this.#sessions.set(session, { timeoutMs, ephemerals: new Set() })
    this.sessionStates.opened(this.#zxid, session, timeoutMs, password)
    return { code: 'Ok', result: { op: -11 } }
  }

  #refused(session: SessionId, code: Failed): Outcome {
    const right = code === 'SessionMoved' || (code === 'SessionExpired' && !this.#sessions.has(session)) ||
      code === 'NoNode' || code === 'NotEmpty' || code === 'BadVersion'
    this.#expect(right, 'C12', `a request of ${session} came to ${code}`)
    return { code, result: null }
  }

  /** The closing txn deletes exactly what the session owns. */
  #close(session: SessionId, paths: readonly string[]): Outcome {
    const open = this.#sessions.get(session)
    if (open === undefined) throw new Violation('C12', `session ${session} is closed a second time`)
    const right = paths.length === open.ephemerals.size && paths.every((path) => open.ephemerals.has(path))
    const owned = [...open.ephemerals].join()
    this.#expect(right, 'C11', `session ${session} owns ${owned}, its close names ${paths.join()}`)
    for (const path of paths) this.#delete(path)
    this.#sessions.delete(session)
    this.sessionStates.closed(this.#zxid, session)
    return { code: 'Ok', result: { op: -11 } }
  }

  #reap(path: string): Outcome {
    const node = this.states.now(path)
    if (node === null || node.children > 0) throw new Violation('C8', `${path} was reaped and could not be`)
    const isOld = node.kind === NodeKind.ttl && this.#timeMs - node.mtime > node.ttlMs
    this.#expect(isOld || node.kind === NodeKind.container, 'C8', `${path} was reaped before its time`)
    this.#delete(path)
    return { code: 'Ok', result: { op: 20 } }
  }

  // --- requests ----------------------------------------------------------------------------------------------------

  #execute(session: SessionId, request: Request): Outcome {
    if (request.op === 14) return this.#multi(session, request.ops)
    const done = this.#one(session, request as MultiOp, false)
    return typeof done === 'string' ? { code: done, result: null } : { code: 'Ok', result: done }
  }

  #one(session: SessionId, request: Request, inMulti: boolean): Done | Failed {
    switch (request.op) {
      case 1: case 15: case 19: case 21: return this.#create(session, request, inMulti)
      case 2: {
        const parent = this.states.now(parentPathOf(request.path))
        if (parent !== null && !this.#may(parent, Perm.delete)) return 'NoAuth'
        const node = this.states.now(request.path)
        if (node === null) return 'NoNode'
        if (request.version !== -1 && request.version !== node.version) return 'BadVersion'
        if (node.children > 0) return 'NotEmpty'
        this.#delete(request.path)
        return { op: 2 }
      }
      case 5: return this.#setData(request.path, request.data, request.version)
      case 7: return this.#setAcl(request)
      case 13: return this.#check(request)
      default: throw new Violation('C8', `request ${request.op} is not known to the reference`)
    }
  }

  #check({ path, version }: CheckRequest): Done | Failed {
    const node = this.states.now(path)
    if (node === null) return 'NoNode'
    if (!this.#may(node, Perm.read)) return 'NoAuth'
    return version !== -1 && version !== node.version ? 'BadVersion' : { op: 13 }
  }

  #may({ acl }: NodeState, perm: number): boolean {
    return allows(acl, perm, this.#identities)
  }

  #create(session: SessionId, request: CreateRequest, inMulti: boolean): Done | Failed {
    const acl = storedAcl(request.acl, this.#identities)
    if (acl === null) return 'InvalidAcl'
    const parentPath = parentPathOf(request.path)
    const parent = this.states.now(parentPath)
    if (parent === null) return 'NoNode'
    if (!this.#may(parent, Perm.create)) return 'NoAuth'
    const path = isSequential(request.flags) ? request.path + String(parent.creates).padStart(10, '0') : request.path
    if (this.states.now(path) !== null) return 'NodeExists'
    if (parent.kind === NodeKind.ephemeral) return 'NoChildrenForEphemerals'
    const kind = kindOf(request, inMulti)
    const owner = kind === NodeKind.ephemeral ? session : NO_SESSION
    const zxid = this.#zxid
    this.states.put(zxid, parentPath, {
      ...parent, creates: parent.creates + 1, children: parent.children + 1, pzxid: zxid,
    })
    this.states.put(zxid, path, {
      kind, owner, data: request.data, version: 0, aversion: 0, acl, creates: 0, children: 0,
      czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: this.#timeMs, mtime: this.#timeMs,
      ttlMs: kind === NodeKind.ttl ? request.ttlMs : 0,
    })
    if (kind === NodeKind.ephemeral) this.#sessions.get(session)!.ephemerals.add(path)
    this.#lookup('data', 1, path, acl)
    this.#lookup('child', 4, parentPath, parent.acl)
    return request.op === 1 ? { op: 1, path } : { op: request.op, path, stat: statOf(this.states.now(path)!) }
  }

  #delete(path: string): void {
    const node = this.states.now(path)!
    const parentPath = parentPathOf(path)
    const parent = this.states.now(parentPath)!
    this.states.put(this.#zxid, parentPath, { ...parent, children: parent.children - 1, pzxid: this.#zxid })
    this.states.put(this.#zxid, path, null)
    if (node.kind === NodeKind.ephemeral) this.#sessions.get(node.owner)?.ephemerals.delete(path)
    this.#lookup('data', 2, path, node.acl)
    this.#lookup('child', 2, path, node.acl, true)
    this.#lookup('child', 4, parentPath, parent.acl)
  }

  #setData(path: string, data: Uint8Array | null, version: number): Done | Failed {
    const node = this.states.now(path)
    if (node === null) return 'NoNode'
    if (!this.#may(node, Perm.write)) return 'NoAuth'
    if (version !== -1 && version !== node.version) return 'BadVersion'
    const next = { ...node, data, version: node.version + 1, mzxid: this.#zxid, mtime: this.#timeMs }
    this.states.put(this.#zxid, path, next)
    this.#lookup('data', 3, path, node.acl)
    return { op: 5, stat: statOf(next) }
  }

  #setAcl({ path, acl: asked, version }: SetAclRequest): Done | Failed {
    const acl = storedAcl(asked, this.#identities)
    if (acl === null) return 'InvalidAcl'
    const node = this.states.now(path)
    if (node === null) return 'NoNode'
    if (!this.#may(node, Perm.admin)) return 'NoAuth'
    if (version !== -1 && version !== node.aversion) return 'BadVersion'
    const next = { ...node, acl, aversion: node.aversion + 1 }
    this.states.put(this.#zxid, path, next)
    return { op: 7, stat: statOf(next) }
  }

  #lookup(
    table: 'data' | 'child', type: 1 | 2 | 3 | 4, path: string, acl: readonly Acl[], unlessTold = false,
  ): void {
    this.lookups.push({ zxid: this.#zxid, table, type, path, acl, unlessTold })
  }

  /** All or nothing: what a failed multi did is taken back. */
  #multi(session: SessionId, ops: readonly MultiOp[]): Outcome {
    this.states.begin()
    const lookups = this.lookups.length
    const results: OpResult[] = []
    for (const [index, op] of ops.entries()) {
      const done = this.#one(session, op, true)
      if (typeof done !== 'string') {
        results.push(done)
        continue
      }
      this.states.end(false)
      this.lookups.length = lookups
      this.#restoreOwned(session)
      const codeAt = (at: number): ErrorCode => at < index ? 'Ok' : at === index ? done : 'RuntimeInconsistency'
      return { code: 'Ok', result: { op: 14, results: ops.map((_, at) => ({ op: -1, code: codeAt(at) })) } }
    }
    this.states.end(true)
    return { code: 'Ok', result: { op: 14, results } }
  }

  /** What the multi made is gone, what it deleted is there again, be it another's: as the restored states say. */
  #restoreOwned(session: SessionId): void {
    const { ephemerals } = this.#sessions.get(session)!
    for (const path of this.states.undone) {
      const owner = this.states.now(path)?.owner ?? NO_SESSION
      if (owner !== session) ephemerals.delete(path)
      this.#sessions.get(owner)?.ephemerals.add(path)
    }
  }

  // --- the txn against the request ---------------------------------------------------------------------------------

  #compare(txn: Txn, request: Request, outcome: Outcome): void {
    const { body } = txn
    const wrong = (): Violation => new Violation(request.op === 14 ? 'C10' : 'C8',
      `${JSON.stringify(request)} must come to ${JSON.stringify(outcome)}, the txn is ${JSON.stringify(body)}`)
    if (outcome.code !== 'Ok') {
      if (body.kind !== 'error' || body.code !== outcome.code) throw wrong()
      return
    }
    if (request.op === 14) {
      const { results } = outcome.result as Extract<Done, { readonly results: unknown }>
      const failed = results.some((result) => result.op === -1)
      if (failed) {
        const codes = results.map((result) => (result as { code: ErrorCode }).code)
        if (body.kind !== 'multiError' || body.codes.join() !== codes.join()) throw wrong()
        return
      }
      const matches = body.kind === 'multi' && body.parts.length === request.ops.length &&
        body.parts.every((part, at) => this.#matches(part, request.ops[at]!, results[at] as Done))
      if (!matches) throw wrong()
    } else if (!this.#matches(body as MultiPart, request, outcome.result)) {
      if (request.op === 1 && isSequential(request.flags)) throw new Violation('C9', wrong().message)
      throw wrong()
    }
  }

  /** The list of the txn is what becomes of the list that was asked for. */
  #isStored({ acl }: CreateRequest | SetAclRequest, stored: readonly Acl[]): boolean {
    const due = storedAcl(acl, this.#identities)
    return due !== null && sameAcl(due, stored)
  }

  #matches(part: MultiPart | Txn['body'], request: Request, done: Done): boolean {
    switch (request.op) {
      case 1: case 15: case 19: case 21:
        return part.kind === 'create' && 'path' in done && part.path === done.path &&
          sameBytes(part.data, request.data) && this.#isStored(request, part.acl)
      case 2: return part.kind === 'delete' && part.path === request.path
      case 5: return part.kind === 'setData' && part.path === request.path && sameBytes(part.data, request.data)
      case 7: return part.kind === 'setAcl' && part.path === request.path && this.#isStored(request, part.acl)
      case 13: return part.kind === 'check' && part.path === request.path
      default: return false
    }
  }
}

function isSequential(flags: number): boolean {
  return flags === Mode.persistentSequential || flags === Mode.ephemeralSequential ||
    flags === Mode.persistentSequentialTtl
}

function kindOf(request: CreateRequest, inMulti: boolean): NodeKindNumber {
  const { op, flags } = request
  if (op === 21) return NodeKind.ttl
  if (op === 19 || (inMulti && flags === Mode.container)) return NodeKind.container
  return flags === Mode.ephemeral || flags === Mode.ephemeralSequential ? NodeKind.ephemeral : NodeKind.persistent
}

function parentPathOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

/** Equal contents; null is not the same as empty. */
export function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b
  const { length } = a
  if (length !== b.length) return false
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return false
  return true
}

/** What clients are told of a node. */
export function statOf(node: NodeState): Stat {
  return {
    czxid: node.czxid, mzxid: node.mzxid, ctime: node.ctime, mtime: node.mtime, version: node.version,
    cversion: 2 * node.creates - node.children, aversion: node.aversion, ephemeralOwner: node.owner,
    dataLength: node.data?.length ?? 0, numChildren: node.children, pzxid: node.pzxid,
  }
}

/** True when both say the same. */
export function sameStat(a: Stat, b: Stat): boolean {
  return a.czxid === b.czxid && a.mzxid === b.mzxid && a.pzxid === b.pzxid && a.version === b.version &&
    a.cversion === b.cversion && a.aversion === b.aversion && a.ctime === b.ctime && a.mtime === b.mtime &&
    a.ephemeralOwner === b.ephemeralOwner && a.dataLength === b.dataLength && a.numChildren === b.numChildren
}
