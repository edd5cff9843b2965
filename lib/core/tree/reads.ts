import type { ErrorCode } from '../errors.ts'
import { MULTI_READ_BYTES_MAX } from '../limits.ts'
import { maskDigests, permits } from './acl.ts'
import { EventType, Perm } from './request.ts'
import type {
  MultiReadRequest, NodeAnswer, OpResult, Outcome, Request, Requester, SetWatchesRequest, WatchableRead, WatchesRequest,
} from './request.ts'
import type { TreeOptions } from './prepare.ts'
import type { Tree } from './tree.ts'
import { WatchMode } from './watches.ts'
import type { Watches } from './watches.ts'
import type { Znode } from './znode.ts'

/** A read on its way: who asks, and where watches are left. */
interface Reading {
  readonly tree: Tree
  readonly requester: Requester
  readonly conn: number
  readonly watches: Watches
  readonly options: TreeOptions
}

/** Answers every request that is no write, from the local tree (ZooKeeper: FinalRequestProcessor). */
export function read(
  tree: Tree, request: Request, requester: Requester, conn: number, watches: Watches, options: TreeOptions,
): Outcome {
  const reading: Reading = { tree, requester, conn, watches, options }
  switch (request.op) {
    case -1: return fail(request.code)
    case 3: case 4: case 8: case 12: return readNode(reading, request, request.watch)
    case 6: return getAcl(reading, request.path)
    case 11: return { code: 'Ok', result: { op: 11 } }
    case 16: return fail('ReconfigDisabled')
    case 17: case 18: return namedWatches(reading, request)
    case 22: return multiRead(reading, request)
    case 101: case 105: return setWatches(reading, request)
    case 103: return ephemerals(reading, request.path)
    case 104: return countDescendants(reading, request.path)
    case 106: {
      if (request.mode !== 0 && request.mode !== 1) return fail('MarshallingError')
      if (!watches.mayAdd(request.path, conn)) return fail('QuotaExceeded')
      addWatch(reading, request.path, request.mode === 1)
      return { code: 'Ok', result: { op: 106 } }
    }
    case 107: return { code: 'Ok', result: { op: 107, identities: requester.identities } }
    default: return fail('Unimplemented')
  }
}

function fail(code: Exclude<ErrorCode, 'Ok'>): Outcome {
  return { code, result: null }
}

function readable(reading: Reading, node: Znode, perms: number = Perm.read): boolean {
  return permits(node.acl, perms, reading.requester.identities, reading.options.skipAcl)
}

/** Why a read of one node finds none. */
export type Missing = 'NoNode' | 'NoAuth' | 'BadArguments' | 'QuotaExceeded'

/**
 * The node that an exists (3), getData (4) or children (8, 12) may read, with its watch left. The watch of exists is
 * left also when there is no node, but none when READ is refused.
 */
export function look(
  tree: Tree, op: WatchableRead['op'], path: string, watch: boolean, requester: Requester, conn: number,
  watches: Watches, options: TreeOptions,
): Znode | Missing {
  if (op === 3 && path.includes('\0')) return 'BadArguments'
  const node = tree.node(path === '' ? '/' : path)
  if (node !== undefined && !permits(node.acl, Perm.read, requester.identities, options.skipAcl)) return 'NoAuth'
  if (node === undefined && op !== 3) return 'NoNode'
  if (watch) {
    if (!watches.mayAdd(path, conn)) return 'QuotaExceeded'
    if (op === 3 || op === 4) watches.addData(path, conn, WatchMode.standard)
    else watches.addChild(path, conn, WatchMode.standard)
  }
  return node ?? 'NoNode'
}

/** The path as the tree knows it: the empty one is the root, as in ZooKeeper. */
function find(reading: Reading, path: string): Znode | undefined {
  return reading.tree.node(path === '' ? '/' : path)
}

function readNode(reading: Reading, request: WatchableRead, watch: boolean): Outcome {
  const { op, path } = request
  const { tree, requester, conn, watches, options } = reading
  const node = look(tree, op, path, watch, requester, conn, watches, options)
  return typeof node === 'string' ? fail(node) : nodeOutcome(op, node)
}

/** What a request that its node answers comes to; the data is the tree's own. */
export function nodeOutcome(op: NodeAnswer | 8 | 12, node: Znode): Outcome {
  if (op === 4) return { code: 'Ok', result: { op, data: node.data(), stat: node.stat() } }
  if (op === 3 || op === 5) return { code: 'Ok', result: { op, stat: node.stat() } }
  const children = node.childNames()
  const result = op === 8 ? { op, children } : { op, children, stat: node.stat() }
  return { code: 'Ok', result }
}

function getAcl(reading: Reading, path: string): Outcome {
  const node = find(reading, path)
  if (node === undefined) return fail('NoNode')
  if (!readable(reading, node, Perm.read | Perm.admin)) return fail('NoAuth')
  const acl = readable(reading, node, Perm.admin) ? node.acl : maskDigests(node.acl)
  return { code: 'Ok', result: { op: 6, acl, stat: node.stat() } }
}

/** Of one result in a multiRead besides data and names: its head and the stat. */
const RESULT_BYTES = 84

/**
 * Independent reads; their watch flags are ignored. Refused as a whole when the answer is too long for one, unless
 * it is that of a single read, which may be had by itself too.
 */
function multiRead(reading: Reading, request: MultiReadRequest): Outcome {
  const results: OpResult[] = []
  let bytes = 0
  for (const one of request.ops) {
    if (one.op !== 4 && one.op !== 8) return fail('MarshallingError')
    const outcome = readNode(reading, one, false)
    const result: OpResult = outcome.code === 'Ok' ? outcome.result : { op: -1, code: outcome.code }
    bytes += resultBytes(result)
    if (bytes > MULTI_READ_BYTES_MAX && request.ops.length > 1) return fail('BadArguments')
    results.push(result)
  }
  return { code: 'Ok', result: { op: 22, results } }
}

function resultBytes(result: OpResult): number {
  if (result.op === 4) return RESULT_BYTES + (result.data?.length ?? 0)
  let bytes = RESULT_BYTES
  if (result.op === 8) for (const name of result.children) bytes += 4 + name.length
  return bytes
}

function ephemerals(reading: Reading, prefix: string): Outcome {
  const all = [...reading.tree.ephemeralsOf(reading.requester.session)]
  const everything = prefix.trim() === '' || prefix === '/'
  return { code: 'Ok', result: { op: 103, paths: everything ? all : all.filter((path) => path.startsWith(prefix)) } }
}

function countDescendants(reading: Reading, path: string): Outcome {
  const node = find(reading, path)
  if (node === undefined) return fail('NoNode')
  if (!readable(reading, node)) return fail('NoAuth')
  if (node.path === '/') {
    // By the empty path the root counts itself, as in ZooKeeper.
    const { nodeCount } = reading.tree
    return { code: 'Ok', result: { op: 104, total: path === '' ? nodeCount : nodeCount - 1 } }
  }
  let total = 0
  const open = [node]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    total += next.childCount
    for (const child of next.children()) if (child.childCount > 0) open.push(child)
  }
  return { code: 'Ok', result: { op: 104, total } }
}

function addWatch(reading: Reading, path: string, recursive: boolean): void {
  const { watches, conn } = reading
  if (recursive) {
    watches.addData(path, conn, WatchMode.recursive)
    return
  }
  watches.addData(path, conn, WatchMode.persistent)
  watches.addChild(path, conn, WatchMode.persistent)
}

function namedWatches(reading: Reading, request: WatchesRequest): Outcome {
  const { op, path, type } = request
  if (!Number.isInteger(type) || type < 1 || type > 5) return fail('MarshallingError')
  const { watches, conn } = reading
  const found = op === 17 ? watches.has(path, conn, type) : watches.remove(path, conn, type)
  return found ? { code: 'Ok', result: { op } } : fail('NoWatcher')
}

/**
 * Arms again after a reconnect: what changed meanwhile fires at once instead (ZooKeeper: DataTree.setWatches), unheard
 * where READ is refused. All of it or nothing: what would fire at once needs room as well.
 */
function setWatches(reading: Reading, request: SetWatchesRequest): Outcome {
  const { watches, conn } = reading
  const { data, exist, child, persistent, recursive } = request
  if (!watches.mayAddAll(conn, data, exist, child, persistent, recursive)) return fail('QuotaExceeded')
  for (const path of data) {
    const node = find(reading, path)
    if (node === undefined) watches.catchUp(conn, EventType.deleted, path, [])
    else if (node.mzxid > request.relativeZxid) watches.catchUp(conn, EventType.dataChanged, path, node.acl)
    else watches.addData(path, conn, WatchMode.standard)
  }
  for (const path of exist) {
    const node = find(reading, path)
    if (node !== undefined) watches.catchUp(conn, EventType.created, path, node.acl)
    else watches.addData(path, conn, WatchMode.standard)
  }
  for (const path of child) {
    const node = find(reading, path)
    if (node === undefined) watches.catchUp(conn, EventType.deleted, path, [])
    else if (node.pzxid > request.relativeZxid) watches.catchUp(conn, EventType.childrenChanged, path, node.acl)
    else watches.addChild(path, conn, WatchMode.standard)
  }
  for (const path of persistent) addWatch(reading, path, false)
  for (const path of recursive) addWatch(reading, path, true)
  return { code: 'Ok', result: { op: request.op } }
}
