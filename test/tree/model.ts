import type { ErrorCode } from '../../lib/core/errors.ts'
import type {
  Acl, CreateRequest, Identity, MultiOp, OpResult, Outcome, Requester, Result, WriteRequest,
} from '../../lib/core/tree/request.ts'
import type { SessionId, Stat } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'

/** A node as plainly as can be. */
export interface ModelNode {
  data: Uint8Array | null
  acl: readonly Acl[]
  kind: 'persistent' | 'ephemeral' | 'container' | 'ttl'
  owner: string
  ttlMs: number
  czxid: number
  mzxid: number
  pzxid: number
  ctime: number
  mtime: number
  version: number
  aversion: number
  cversion: number
  /** Children ever created. */
  made: number
}

type Failure = Exclude<ErrorCode, 'Ok'>

class Refusal extends Error {
  readonly code: Failure

  constructor(code: Failure) {
    super(code)
    this.code = code
  }
}

const SPECIAL = ['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config']
const ILLEGAL = ['\0\u001f', '\u007f\u009f', '\ud800\uf8ff', '\ufff0\uffff']

function demand(holds: boolean, code: Failure): void {
  if (!holds) throw new Refusal(code)
}

function parent(path: string): string {
  return path.split('/').slice(0, -1).join('/') || '/'
}

function isIllegal(unit: string): boolean {
  return ILLEGAL.some((range) => unit >= range[0]! && unit <= range[1]!)
}

function legal(path: string): boolean {
  if (path === '/') return true
  const [first, ...names] = path.split('/')
  const areNames = names.every((name) => !['', '.', '..'].includes(name))
  return first === '' && names.length > 0 && areNames && !path.split('').some(isIllegal)
}

function next(version: number): number {
  return version === -2 ? 0 : version === 2_147_483_647 ? -2_147_483_648 : version + 1
}

/** The list as stored; knows the schemes that the traffic uses. */
function expand(acl: readonly Acl[] | null, who: readonly Identity[]): readonly Acl[] {
  demand(acl !== null && acl.length > 0, 'InvalidAcl')
  const all = acl!.flatMap((entry) => {
    if (entry.scheme !== 'auth') return [entry]
    const mine = who.filter(({ scheme }) => scheme === 'digest')
    demand(mine.length > 0, 'InvalidAcl')
    return mine.map(({ scheme, id }) => ({ perms: entry.perms, scheme, id }))
  })
  for (const { scheme, id } of all) {
    demand((scheme === 'world' && id === 'anyone') || (scheme === 'digest' && /^[^:]*:[^:]+$/.test(id)), 'InvalidAcl')
  }
  const texts = all.map((entry) => JSON.stringify(entry))
  return all.filter((_, at) => texts.indexOf(texts[at]!) === at)
}

/** The tree written a second time, slowly and simply: a Map of paths, and copies of it to undo a multi. */
export class Model {
  nodes = new Map<string, ModelNode>()
  readonly sessions = new Set<string>()
  readonly #sessionEphemerals: number
  #zxid = 0
  #time = 0

  constructor(sessionEphemerals: number) {
    this.#sessionEphemerals = sessionEphemerals
    for (const path of SPECIAL) {
      this.nodes.set(path, {
        data: new Uint8Array(0), acl: [{ perms: path.endsWith('config') ? 1 : 31, scheme: 'world', id: 'anyone' }],
        kind: 'persistent',
        owner: '0x0', ttlMs: 0, czxid: 0, mzxid: 0, pzxid: 0, ctime: 0, mtime: 0,
        version: path.endsWith('config') ? -1 : 0,
        aversion: path.endsWith('config') ? -1 : 0, cversion: path === '/' ? -1 : path === '/zookeeper' ? -2 : 0,
        made: 0,
      })
    }
  }

  children(path: string): string[] {
    const below = [...this.nodes.keys()].filter((each) => each !== '/' && parent(each) === path)
    return below.map((each) => each.split('/').at(-1)!).sort()
  }

  stat(path: string): Stat {
    const node = this.#need(path)
    return {
      czxid: node.czxid as Zxid, mzxid: node.mzxid as Zxid, ctime: node.ctime, mtime: node.mtime, version: node.version,
      cversion: node.cversion, aversion: node.aversion, ephemeralOwner: node.owner as SessionId,
      dataLength: node.data?.length ?? 0, numChildren: this.children(path).length, pzxid: node.pzxid as Zxid,
    }
  }

  ephemerals(session: string): string[] {
    const owned = [...this.nodes].filter(([, node]) => node.kind === 'ephemeral' && node.owner === session)
    return owned.map(([path]) => path).sort()
  }

  #need(path: string): ModelNode {
    const node = this.nodes.get(path)
    if (node === undefined) throw new Refusal('NoNode')
    return node
  }

  #allow(node: ModelNode, perm: number, who: Requester): void {
    if (who.identities.some(({ scheme }) => scheme === 'super')) return
    demand(node.acl.some((entry) => (entry.perms & perm) !== 0 && (entry.scheme === 'world' ||
      who.identities.some((one) => one.scheme === entry.scheme && one.id === entry.id))), 'NoAuth')
  }

  open(session: string): void {
    this.sessions.add(session)
  }

  close(session: string, zxid: Zxid): void {
    this.#zxid = zxid
    for (const path of this.ephemerals(session)) this.#drop(path)
    this.sessions.delete(session)
  }

  write(zxid: Zxid, time: number, request: WriteRequest, who: Requester): Outcome {
    this.#zxid = zxid
    this.#time = time
    try {
      if (request.op === 14) return { code: 'Ok', result: { op: 14, results: this.#multi(request.ops, who) } }
      return { code: 'Ok', result: this.#one(request, who, false) }
    } catch (error) {
      if (error instanceof Refusal) return { code: error.code, result: null }
      throw error
    }
  }

  #multi(ops: readonly MultiOp[], who: Requester): OpResult[] {
    for (const op of ops) {
      if (!('flags' in op)) continue
      demand(op.op === 21 || [0, 1, 2, 3, 4].includes(op.flags), 'MarshallingError')
    }
    const before = new Map([...this.nodes].map(([path, node]) => [path, { ...node }]))
    const results: OpResult[] = []
    for (const op of ops) {
      try {
        results.push(this.#one(op, who, true))
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        this.nodes = before
        return ops.map((_, at) => ({
          op: -1, code: at < results.length ? 'Ok' : at === results.length ? error.code : 'RuntimeInconsistency',
        }))
      }
    }
    return results
  }

  #one(request: Exclude<WriteRequest, { op: 14 }> | MultiOp, who: Requester, inMulti: boolean): Result {
    switch (request.op) {
      case 2: {
        demand(request.path.includes('/') && !request.path.includes('\0') && !SPECIAL.includes(request.path),
          'BadArguments')
        this.#allow(this.#need(parent(request.path)), 8, who)
        const node = this.#need(request.path)
        demand(request.version === -1 || request.version === node.version, 'BadVersion')
        demand(this.children(request.path).length === 0, 'NotEmpty')
        this.#drop(request.path)
        return { op: 2 }
      }
      case 5: {
        demand(legal(request.path), 'BadArguments')
        const node = this.#need(request.path)
        this.#allow(node, 2, who)
        demand(request.version === -1 || request.version === node.version, 'BadVersion')
        Object.assign(node, { data: request.data, version: next(node.version), mzxid: this.#zxid, mtime: this.#time })
        return { op: 5, stat: this.stat(request.path) }
      }
      case 7: {
        demand(legal(request.path), 'BadArguments')
        const acl = expand(request.acl, who.identities)
        const node = this.#need(request.path)
        this.#allow(node, 16, who)
        demand(request.version === -1 || request.version === node.aversion, 'BadVersion')
        Object.assign(node, { acl, aversion: next(node.aversion) })
        return { op: 7, stat: this.stat(request.path) }
      }
      case 13: {
        demand(legal(request.path), 'BadArguments')
        const node = this.#need(request.path)
        this.#allow(node, 1, who)
        demand(request.version === -1 || request.version === node.version, 'BadVersion')
        return { op: 13 }
      }
      case 20: throw new Error('not part of this model')
      default: return this.#create(request, who, inMulti)
    }
  }

  #create(request: CreateRequest, who: Requester, inMulti: boolean): Result {
    const { op, flags, ttlMs, data } = request
    demand([0, 1, 2, 3, 4, 5, 6].includes(flags), 'BadArguments')
    if (flags >= 5) demand(op === 21 && ttlMs >= 1 && ttlMs <= 1_099_511_627_775, 'BadArguments')
    else if (op === 21 && !inMulti) demand(ttlMs < 0, 'BadArguments')
    const kind = flags >= 5 ? 'ttl' : op === 19 || (inMulti && flags === 4) ? 'container'
      : flags === 1 || flags === 3 ? 'ephemeral' : 'persistent'
    demand(kind !== 'ephemeral' || this.sessions.has(who.session), 'SessionExpired')
    demand(request.path.includes('/') && !request.path.includes('\0'), 'BadArguments')
    const acl = expand(request.acl, who.identities)
    const above = this.#need(parent(request.path))
    this.#allow(above, 4, who)
    const path = [2, 3, 6].includes(flags) ? request.path + String(above.made).padStart(10, '0') : request.path
    demand(legal(path), 'BadArguments')
    demand(!this.nodes.has(path), 'NodeExists')
    demand(above.kind !== 'ephemeral', 'NoChildrenForEphemerals')
    demand(kind !== 'ephemeral' || this.ephemerals(who.session).length < this.#sessionEphemerals, 'QuotaExceeded')
    const [zxid, time] = [this.#zxid, this.#time]
    this.nodes.set(path, {
      data, acl, kind, owner: kind === 'ephemeral' ? who.session : '0x0', ttlMs: kind === 'ttl' ? ttlMs : 0,
      czxid: zxid, mzxid: zxid,
      pzxid: zxid, ctime: time, mtime: time, version: 0, aversion: 0, cversion: 0, made: 0,
    })
    above.made++
    above.cversion++
    above.pzxid = zxid
    const answered = !inMulti ? op : kind === 'container' ? 19 : op === 21 && kind !== 'ttl' ? 1 : op
    return answered === 1 ? { op: 1, path } : { op: answered, path, stat: this.stat(path) }
  }

  #drop(path: string): void {
    this.nodes.delete(path)
    const above = this.#need(parent(path))
    above.cversion++
    above.pzxid = this.#zxid
  }
}
