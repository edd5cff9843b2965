import type { Plain } from './raw-bytes.ts'
import { RawReader } from './raw-bytes.ts'

/** Numbers of the requests. */
export const Op = {
  create: 1, delete: 2, exists: 3, getData: 4, setData: 5, getACL: 6, setACL: 7, getChildren: 8, sync: 9, ping: 11,
  getChildren2: 12, check: 13, multi: 14, create2: 15, reconfig: 16, checkWatches: 17, removeWatches: 18,
  createContainer: 19, deleteContainer: 20, createTTL: 21, multiRead: 22, auth: 100, setWatches: 101, sasl: 102,
  getEphemerals: 103, getAllChildrenNumber: 104, setWatches2: 105, addWatch: 106, whoAmI: 107, closeSession: -11,
} as const

/** Something that came from the server. */
export type Arrival =
  | {
    readonly kind: 'reply', readonly opcode: number, readonly xid: number, readonly zxid: bigint, readonly err: number,
    readonly body: Plain,
    /** Bytes behind the record. */
    readonly surplus: number,
  }
  | { readonly kind: 'event', readonly zxid: bigint, readonly err: number, readonly event: Plain }
  | { readonly kind: 'connected', readonly response: Plain }
  | { readonly kind: 'closed' }
  /** Nothing of the protocol. */
  | { readonly kind: 'garbage', readonly hex: string, readonly reason: string }

function stat(reader: RawReader): Plain {
  return {
    czxid: reader.long(), mzxid: reader.long(), ctime: reader.long(), mtime: reader.long(), version: reader.int(),
    cversion: reader.int(), aversion: reader.int(), ephemeralOwner: reader.long(), dataLength: reader.int(),
    numChildren: reader.int(), pzxid: reader.long(),
  }
}

const strings = (reader: RawReader): Plain => reader.vector(() => reader.string())

function acl(reader: RawReader): Plain {
  return reader.vector(() => ({ perms: reader.int(), scheme: reader.string(), id: reader.string() }))
}

type Decode = (reader: RawReader) => Plain

const nothing: Decode = () => null
const pathAndStat: Decode = (reader) => ({ path: reader.string(), stat: stat(reader) })
const dataAndStat: Decode = (reader) => ({ data: reader.hex(), stat: stat(reader) })
const onlyStat: Decode = (reader) => ({ stat: stat(reader) })
const onlyPath: Decode = (reader) => ({ path: reader.string() })

/** Results inside a multi, by the type in front of them. */
const RESULTS: Readonly<Record<number, Decode>> = {
  [Op.create]: onlyPath, [Op.create2]: pathAndStat, [Op.delete]: nothing, [Op.setData]: onlyStat, [Op.check]: nothing,
  [Op.getChildren]: (reader) => ({ children: strings(reader) }), [Op.getData]: dataAndStat,
  [-1]: (reader) => ({ code: reader.int() }),
}

function results(reader: RawReader): Plain {
  const all: Plain[] = []
  for (;;) {
    const type = reader.int()
    const done = reader.boolean()
    const err = reader.int()
    if (done) return { results: all, terminator: { type, err } }
    const decode = RESULTS[type]
    if (decode === undefined) throw new RangeError(`result of type ${type}`)
    all.push({ type, err, result: decode(reader) })
  }
}

const BODIES: Readonly<Record<number, Decode>> = {
  [Op.create]: onlyPath, [Op.create2]: pathAndStat, [Op.createContainer]: pathAndStat, [Op.createTTL]: pathAndStat,
  [Op.exists]: onlyStat, [Op.getData]: dataAndStat, [Op.setData]: onlyStat, [Op.setACL]: onlyStat,
  [Op.getACL]: (reader) => ({ acl: acl(reader), stat: stat(reader) }),
  [Op.getChildren]: (reader) => ({ children: strings(reader) }),
  [Op.getChildren2]: (reader) => ({ children: strings(reader), stat: stat(reader) }),
  [Op.sync]: onlyPath, [Op.multi]: results, [Op.multiRead]: results, [Op.reconfig]: dataAndStat,
  [Op.getEphemerals]: (reader) => ({ ephemerals: strings(reader) }),
  [Op.getAllChildrenNumber]: (reader) => ({ totalNumber: reader.int() }),
  [Op.addWatch]: (reader) => ({ code: reader.int() }),
  [Op.whoAmI]: (reader) => ({ clients: reader.vector(() => ({ scheme: reader.string(), user: reader.string() })) }),
  [Op.sasl]: (reader) => ({ token: reader.hex() }),
}

/** Decodes the answer to the connect request. */
export function decodeConnect(frame: Buffer): Arrival {
  const reader = new RawReader(frame)
  const response: Record<string, Plain> = {
    protocolVersion: reader.int(), timeOut: reader.int(), sessionId: reader.long(), password: reader.hex(),
  }
  if (reader.left > 0) response['readOnly'] = reader.boolean()
  return { kind: 'connected', response: { ...response, rest: reader.rest() } }
}

/** Decodes any later frame; `opcodeOf` names the request that the xid belongs to. */
export function decodeFrame(frame: Buffer, opcodeOf: (xid: number) => number | undefined): Arrival {
  try {
    const reader = new RawReader(frame)
    const xid = reader.int()
    const zxid = reader.long()
    const err = reader.int()
    if (xid === -1) {
      const event = { type: reader.int(), state: reader.int(), path: reader.string(), rest: reader.rest() }
      return { kind: 'event', zxid, err, event }
    }
    const opcode = opcodeOf(xid)
    if (opcode === undefined) throw new RangeError(`nobody asked with xid ${xid}`)
    const body = err === 0 || (opcode === Op.sasl && reader.left > 0) ? (BODIES[opcode] ?? nothing)(reader) : null
    return { kind: 'reply', opcode, xid, zxid, err, body, surplus: reader.left }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { kind: 'garbage', hex: frame.toString('hex'), reason: error.message }
  }
}
