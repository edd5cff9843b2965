import { CONFIG_PATH, parentOf } from '../../core/tree/path.ts'
import { OPEN_ACL } from '../../core/tree/request.ts'
import type { Acl } from '../../core/tree/request.ts'
import { NO_SESSION } from '../../core/tree/stat.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import type { SessionRecord, Tree } from '../../core/tree/tree.ts'
import { NodeKind } from '../../core/tree/txn.ts'
import type { NodeKindNumber, SnapshotRow } from '../../core/tree/txn.ts'
import { Row } from '../../core/tree/view.ts'
import type { Znode } from '../../core/tree/znode.ts'
import { formatZxid } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import { sameAcl } from './access.ts'
import type { NodeState, PathStates } from './path-states.ts'
import { sameBytes } from './reference.ts'
import type { SessionStates } from './session-states.ts'
import { Violation } from './violation.ts'

/** What every node and every session was at every zxid. */
export interface Known {
  readonly states: PathStates
  readonly sessionStates: SessionStates
}

/** Whose state it is. */
export type Identity = Pick<Tree, 'ensembleId' | 'members'>

/** A node as a tree or a snapshot has it: its numbers, and the rest; how many children it has is in no snapshot. */
type Numbers = Omit<NodeState, 'kind' | 'children' | 'data' | 'acl'>
type Image = Omit<NodeState, 'children'>

const FIELDS = ['owner', 'ttlMs', 'version', 'aversion', 'creates', 'czxid', 'mzxid', 'pzxid', 'ctime',
  'mtime'] as const

/**
 * A.3: a tree holds together and is, node by node and session by session, what it must be at its zxid. Parents exist
 * and have the children that are counted; ephemerals have none, are in the index of their session, and nothing else
 * is; their session is open; what may be reaped is listed.
 */
export function scanTree(server: number, tree: Tree, known: Known): void {
  new TreeScan(server, tree, known).run()
}

class TreeScan {
  readonly #server: number
  readonly #tree: Tree
  readonly #known: Known
  readonly #reapable: ReadonlySet<number>
  #nodes = 0
  #owned = 0
  #reaped = 0
  #bytes = 0
  #units = 0

  constructor(server: number, tree: Tree, known: Known) {
    this.#server = server
    this.#tree = tree
    this.#known = known
    this.#reapable = new Set(Array.from(tree.reapable.values(), ({ id }) => id))
  }

  #expect(holds: boolean, what: string): void {
    if (!holds) throw this.#violation(what)
  }

  #violation(what: string): Violation {
    return new Violation('A3', `the tree of server ${this.#server} at ${formatZxid(this.#tree.zxid)}: ${what}`)
  }

  run(): void {
    const tree = this.#tree
    const root = tree.node('/')
    if (root === undefined) throw this.#violation('there is no root')
    const open = [root]
    const parents = ['/']
    for (let node = open.pop(); node !== undefined; node = open.pop()) this.#node(node, parents.pop()!, open, parents)
    this.#expect(this.#nodes === tree.nodeCount, `${this.#nodes} of ${tree.nodeCount} nodes have a parent`)
    this.#expect(this.#bytes === tree.dataBytes, `nodes have ${this.#bytes} bytes, not ${tree.dataBytes}`)
    this.#expect(this.#units === tree.pathUnits, `paths have ${this.#units} units, not ${tree.pathUnits}`)
    this.#expect(this.#reaped === this.#reapable.size, 'a node that cannot be reaped is listed for it')
    this.#owners()
    wrongSessions(tree.zxid, tree.sessions, this.#known, (what) => { throw this.#violation(what) })
  }

  /** `parents`: of those that are still to be looked at. */
  #node(node: Znode, parent: string, open: Znode[], parents: string[]): void {
    const tree = this.#tree
    const { path, nodeKind, id } = node
    this.#nodes++
    this.#bytes += Math.max(0, node.dataSize)
    this.#units += path.length
    if (tree.node(path)?.id !== id) throw this.#violation(`${path} is not found by its path`)
    if (parentOf(path) !== parent) throw this.#violation(`${path} is a child of ${parent}`)
    const due = this.#known.states.at(path, tree.zxid)
    const wrong = wrongImage(path, nodeKind, node, node.data(), node.acl, due)
    if (wrong !== null) throw this.#violation(wrong)
    let children = 0
    for (const child of node.children()) {
      open.push(child)
      parents.push(path)
      if (++children > tree.nodeCount) break
    }
    if (node.childCount !== children || due!.children !== children) {
      throw this.#violation(`${path} has ${children} children, counts ${node.childCount}, due were ${due!.children}`)
    }
    if (nodeKind === NodeKind.ephemeral) {
      this.#owned++
      this.#expect(tree.sessions.has(node.owner), `${path} is owned by ${node.owner}, which is no session`)
      this.#expect(tree.ephemeralsOf(node.owner).has(path), `${path} is missing among those of ${node.owner}`)
    } else if (nodeKind !== NodeKind.persistent) {
      this.#reaped++
      this.#expect(this.#reapable.has(id), `${path} is never reaped`)
    }
  }

  #owners(): void {
    let owned = 0
    for (const [session, paths] of this.#tree.owners()) {
      owned += paths.size
      this.#expect(session !== NO_SESSION && paths.size > 0, `${session} owns nothing`)
    }
    this.#expect(owned === this.#owned, `sessions own ${owned} nodes, ${this.#owned} are ephemeral`)
  }
}

/** D7: the rows of a snapshot are the state at its zxid, all of it and nothing else. */
export function checkRows(rows: readonly SnapshotRow[], zxid: Zxid, identity: Identity, known: Known): void {
  const wrong = (what: string): never => {
    throw new Violation('D7', `a snapshot at ${formatZxid(zxid)}: ${what}`)
  }
  const paths = new Set<string>()
  const sessions = new Map<SessionId, SessionRecord>()
  let heads = 0
  let children = 0
  for (const row of rows) {
    if (row[0] === Row.node) {
      const path = row[1] as string
      if (paths.has(path)) wrong(`${path} is there twice`)
      paths.add(path)
      const due = known.states.at(path, zxid)
      const image = imageOfRow(row)
      const what = wrongImage(path, image.kind, image, image.data, image.acl, due)
      if (what !== null) wrong(what)
      children += due!.children
    } else if (row[0] === Row.session) {
      // One that closes after it was given out is given a second time.
      sessions.set(row[1] as SessionId, { timeoutMs: row[2] as number, password: row[3] as Uint8Array })
    } else if (isHead(row, zxid, identity)) heads++
    else wrong(`a row of kind ${String(row[0])} says ${String(row[1])}`)
  }
  if (heads !== 1) wrong(`${heads} heads`)
  // Each has its parent, and all children of each are counted: none is missing.
  for (const path of paths) if (!paths.has(parentOf(path))) wrong(`${path} has no parent`)
  if (paths.size !== children + 1) wrong(`${paths.size} nodes, due were ${children + 1}`)
  wrongSessions(zxid, sessions, known, wrong)
}

function isHead([kind, at, ensembleId, members]: SnapshotRow, zxid: Zxid, identity: Identity): boolean {
  return kind === Row.head && at === zxid && ensembleId === identity.ensembleId && members === identity.members
}

function imageOfRow(row: SnapshotRow): Image {
  const [
    , , data, acl, kind, owner, ttlMs, czxid, mzxid, pzxid, ctime, mtime, version, aversion, creates,
  ] = row as unknown as NodeRow
  return { data, acl: aclOf(acl), kind, owner, ttlMs, czxid, mzxid, pzxid, ctime, mtime, version, aversion, creates }
}

type AclRow = readonly (readonly [perms: number, scheme: string, id: string])[] | null

type NodeRow = readonly [
  kind: typeof Row.node, path: string, data: Uint8Array | null, acl: AclRow, nodeKind: NodeKindNumber, owner: SessionId,
  ttlMs: number, czxid: Zxid, mzxid: Zxid, pzxid: Zxid, ctime: number, mtime: number, version: number,
  aversion: number, creates: number,
]

/** Null stands for the open list. */
function aclOf(rows: AclRow): readonly Acl[] {
  return rows === null ? OPEN_ACL : rows.map(([perms, scheme, id]) => ({ perms, scheme, id }))
}

function wrongImage(
  path: string, kind: NodeKindNumber, is: Numbers, data: Uint8Array | null, acl: readonly Acl[], due: NodeState | null,
): string | null {
  if (due === null) return `${path} is there, and must not be`
  if (kind !== due.kind) return `${path} has kind ${kind}, due was ${due.kind}`
  if (!sameNumbers(is, due)) {
    const field = FIELDS.find((name) => is[name] !== due[name])!
    return `${path} has ${field} ${is[field]}, due was ${due[field]}`
  }
  // What the configuration says is each replica's own until a txn writes it.
  if (!sameBytes(data, due.data) && (path !== CONFIG_PATH || due.version !== -1)) return `${path} has other data`
  return sameAcl(acl, due.acl) ? null : `${path} has another access-control list`
}

/** The same for all of `FIELDS`, at the speed that a whole tree asks for. */
function sameNumbers(a: Numbers, b: Numbers): boolean {
  return a.owner === b.owner && a.ttlMs === b.ttlMs && a.version === b.version && a.aversion === b.aversion &&
    a.creates === b.creates && a.czxid === b.czxid && a.mzxid === b.mzxid && a.pzxid === b.pzxid &&
    a.ctime === b.ctime && a.mtime === b.mtime
}

function wrongSessions(
  zxid: Zxid, sessions: ReadonlyMap<SessionId, SessionRecord>, { sessionStates }: Known, wrong: (what: string) => void,
): void {
  for (const [session, { timeoutMs, password }] of sessions) {
    const due = sessionStates.at(session, zxid)
    if (due === null) wrong(`session ${session} is not open`)
    else if (due.timeoutMs !== timeoutMs || !sameBytes(due.password, password)) wrong(`session ${session} is another`)
  }
  const due = sessionStates.countAt(zxid)
  if (sessions.size !== due) wrong(`${sessions.size} sessions, due were ${due}`)
}
