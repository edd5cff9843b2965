import { unreachable } from '../core/assert.ts'
import type { ErrorCode } from '../core/errors.ts'
import { forwardedBytes } from '../core/session/forward-window.ts'
import type { Health, Message, Proposal, Role } from '../core/zab/messages.ts'
import type { Packed } from './check.ts'
import {
  bad, below, bytes, errorCode, flag, integer, list, packSession, session, text, tuple, uint32, zxid,
} from './check.ts'
import { packEntries, readEntries } from './entries.ts'
import { packForwards, readForwards } from './forward.ts'
import { FRAME_HEAD_BYTES, sealFrame } from './frame.ts'
import { Packing } from './pack.ts'

type LogEntry = Proposal['entries'][number]

/** The number of each message on the wire: never reused. 0 ends the link. */
const Kind = {
  goodbye: 0, notify: 1, followerInfo: 2, leaderInfo: 3, ackEpoch: 4, diff: 5, trunc: 6, snap: 7, snapChunk: 8,
  syncAck: 9, proposal: 10, commit: 11, inform: 12, newLeader: 13, ack: 14, upToDate: 15, ping: 16, pong: 17,
  forward: 18, revalidate: 19, revalidated: 20, syncAsk: 21, synced: 22, refuse: 23,
} as const

const ROLES: readonly Role[] = ['looking', 'following', 'leading', 'observing']
const HEALTHS: readonly Health[] = ['ok', 'log', 'meta', 'empty', 'new']
/** About what a packed message takes besides its entries, requests and bytes. */
const MESSAGE_BYTES = 96
const ENTRY_BYTES = 48

/** Why the other side ends the link. */
export interface Goodbye {
  readonly code: ErrorCode
  readonly reason: string
}

/**
 * The peer protocol: a frame is an array of messages, a message a positional array that begins with its kind.
 * Bytes of log entries pass through as they are; decoded ones are views on the frame, which lives as long as they do.
 */
export class PeerCodec {
  readonly #packing = new Packing()

  /** One sealed frame with all messages. */
  encode(messages: readonly Message[]): Uint8Array {
    return sealFrame(this.#packing.pack(messages.map(packMessage), FRAME_HEAD_BYTES))
  }

  /** The messages in as few frames of at most about `frameBytes / 2` as hold them; long messages are split. */
  encodeBounded(messages: readonly Message[], frameBytes: number): Uint8Array[] {
    const bound = frameBytes / 2
    const frames: Uint8Array[] = []
    let group: Message[] = []
    let groupBytes = 0
    for (const whole of messages) {
      for (const message of split(whole, bound)) {
        const size = messageBytes(message)
        if (groupBytes + size > bound && group.length > 0) {
          frames.push(this.encode(group))
          group = []
          groupBytes = 0
        }
        group.push(message)
        groupBytes += size
      }
    }
    if (group.length > 0) frames.push(this.encode(group))
    return frames
  }

  /** The last frame of a link. */
  encodeGoodbye(goodbye: Goodbye): Uint8Array {
    return sealFrame(this.#packing.pack([[Kind.goodbye, goodbye.code, goodbye.reason]], FRAME_HEAD_BYTES))
  }

  /** Appends the frame's messages to `into`; returns the goodbye that ends it, if any. Throws BadFrame. */
  decode(frame: Uint8Array, into: Message[]): Goodbye | null {
    for (const value of list(this.#packing.unpack(frame), 'frame')) {
      const fields = list(value, 'message')
      if (fields[0] === Kind.goodbye) {
        tuple(fields, 3, 'goodbye')
        return { code: errorCode(fields[1], 'goodbye code'), reason: text(fields[2], 'goodbye reason') }
      }
      into.push(readMessage(fields))
    }
    return null
  }
}

function packMessage(message: Message): Packed {
  switch (message.kind) {
    case 'proposal': case 'inform':
      return [Kind[message.kind], message.join, message.epoch, packEntries(message.entries)]
    case 'ack': return [Kind.ack, message.join, message.epoch, message.zxid, message.newLeader]
    case 'commit': return [Kind.commit, message.join, message.epoch, message.zxid]
    case 'forward': return [Kind.forward, message.join, packForwards(message.requests)]
    case 'ping': return [Kind.ping, message.join, message.seq, message.commit, message.through]
    case 'pong': return [Kind.pong, message.join, message.seq, message.touches.map(packSession)]
    case 'notify': return [Kind.notify, ROLES.indexOf(message.state), message.round, message.vote.leader,
      message.vote.zxid, message.vote.peerEpoch, HEALTHS.indexOf(message.health), message.epoch,
      message.joins, message.isWide]
    case 'syncAck': return [Kind.syncAck, message.join, message.pieces]
    case 'syncAsk': return [Kind.syncAsk, message.join, message.tag]
    case 'synced': return [Kind.synced, message.join, message.tag, message.zxid]
    case 'revalidate': return [Kind.revalidate, message.join, message.tag, packSession(message.session)]
    case 'revalidated': return [Kind.revalidated, message.join, message.tag, message.timeoutMs]
    case 'refuse': return [Kind.refuse, message.join, message.code, message.reason]
    default: return packJoining(message)
  }
}

type Joining = Extract<Message, {
  kind: 'followerInfo' | 'leaderInfo' | 'ackEpoch' | 'diff' | 'trunc' | 'snap' | 'snapChunk' | 'newLeader' | 'upToDate'
}>

/** Messages that occur once per association, or in its synchronization. */
function packJoining(message: Joining): Packed {
  const { join } = message
  switch (message.kind) {
    case 'followerInfo': return [Kind.followerInfo, join, message.role === 'observer' ? 1 : 0, message.acceptedEpoch,
      HEALTHS.indexOf(message.health)]
    case 'leaderInfo': return [Kind.leaderInfo, join, message.epoch]
    case 'ackEpoch': return [Kind.ackEpoch, join, message.epoch, message.currentEpoch, message.lastZxid, message.hash1,
      message.hash2, message.base]
    case 'diff': return [Kind.diff, join, message.fromZxid]
    case 'trunc': return [Kind.trunc, join, message.toZxid, message.hash1, message.hash2]
    case 'snap': return [Kind.snap, join, message.zxid, message.hash1, message.hash2]
    case 'snapChunk': return [Kind.snapChunk, join, message.index, message.last, message.bytes]
    case 'newLeader': return [Kind.newLeader, join, message.epoch]
    case 'upToDate': return [Kind.upToDate, join, message.epoch, message.commit, message.through]
    default: return unreachable(message)
  }
}

const epoch = (value: unknown): number => below(value, 2 ** 21, 'epoch')
const count = (value: unknown): number => integer(value, 0, 'number')
const hash = (value: unknown): number => uint32(value, 'hash')
const health = (value: unknown): Health => HEALTHS[below(value, HEALTHS.length, 'health')] ?? bad('health')

/** Number of fields of each message, kind and join included. */
const FIELDS: readonly number[] = [3, 10, 5, 3, 8, 3, 5, 5, 5, 3, 4, 4, 4, 3, 5, 5, 5, 4, 3, 4, 4, 3, 4, 4]

function readMessage(fields: Packed): Message {
  const kind = below(fields[0], FIELDS.length, 'message kind')
  tuple(fields, FIELDS[kind] ?? 0, `message of kind ${kind}`)
  if (kind === Kind.notify) {
    const state = ROLES[below(fields[1], ROLES.length, 'role')] ?? bad('role')
    // -1 for both stands for no vote.
    const vote = {
      leader: integer(fields[3], -1, 'candidate'), zxid: zxid(fields[4], 'vote zxid'),
      peerEpoch: integer(fields[5], -1, 'epoch of a vote'),
    }
    const [round, joins] = [count(fields[2]), count(fields[8])]
    const isWide = flag(fields[9], 'reach')
    return { kind: 'notify', state, round, vote, health: health(fields[6]), epoch: epoch(fields[7]), joins, isWide }
  }
  const join = count(fields[1])
  switch (kind) {
    case Kind.proposal:
      return { kind: 'proposal', join, epoch: epoch(fields[2]), entries: readEntries(fields[3]) }
    case Kind.inform: return { kind: 'inform', join, epoch: epoch(fields[2]), entries: readEntries(fields[3]) }
    case Kind.ack:
      return { kind: 'ack', join, epoch: epoch(fields[2]), zxid: zxid(fields[3], 'ack'),
        newLeader: flag(fields[4], 'ack') }
    case Kind.commit: return { kind: 'commit', join, epoch: epoch(fields[2]), zxid: zxid(fields[3], 'commit') }
    case Kind.forward: return { kind: 'forward', join, requests: readForwards(fields[2]) }
    case Kind.ping:
      return { kind: 'ping', join, seq: count(fields[2]), commit: zxid(fields[3], 'ping'),
        through: zxid(fields[4], 'through') }
    case Kind.pong: {
      const touches = list(fields[3], 'touches').map((each) => session(each, 'touched session'))
      return { kind: 'pong', join, seq: count(fields[2]), touches }
    }
    case Kind.syncAck: return { kind: 'syncAck', join, pieces: count(fields[2]) }
    case Kind.syncAsk: return { kind: 'syncAsk', join, tag: count(fields[2]) }
    case Kind.synced: return { kind: 'synced', join, tag: count(fields[2]), zxid: zxid(fields[3], 'synced') }
    case Kind.revalidate:
      return { kind: 'revalidate', join, tag: count(fields[2]), session: session(fields[3], 'session') }
    case Kind.revalidated: return { kind: 'revalidated', join, tag: count(fields[2]), timeoutMs: count(fields[3]) }
    case Kind.refuse:
      return { kind: 'refuse', join, code: errorCode(fields[2], 'refusal'), reason: text(fields[3], 'refusal') }
    default: return readJoining(kind, join, fields)
  }
}

function readJoining(kind: number, join: number, fields: Packed): Message {
  switch (kind) {
    case Kind.followerInfo:
      return {
        kind: 'followerInfo', join, role: below(fields[2], 2, 'role') === 1 ? 'observer' : 'voter',
        acceptedEpoch: epoch(fields[3]), health: health(fields[4]),
      }
    case Kind.leaderInfo: return { kind: 'leaderInfo', join, epoch: epoch(fields[2]) }
    case Kind.ackEpoch:
      return {
        kind: 'ackEpoch', join, epoch: epoch(fields[2]), currentEpoch: integer(fields[3], -1, 'current epoch'),
        lastZxid: zxid(fields[4], 'last zxid'), hash1: hash(fields[5]), hash2: hash(fields[6]),
        base: zxid(fields[7], 'base'),
      }
    case Kind.diff: return { kind: 'diff', join, fromZxid: zxid(fields[2], 'diff') }
    case Kind.trunc:
      return { kind: 'trunc', join, toZxid: zxid(fields[2], 'trunc'), hash1: hash(fields[3]), hash2: hash(fields[4]) }
    case Kind.snap:
      return { kind: 'snap', join, zxid: zxid(fields[2], 'snap'), hash1: hash(fields[3]), hash2: hash(fields[4]) }
    case Kind.snapChunk:
      return { kind: 'snapChunk', join, index: count(fields[2]), last: flag(fields[3], 'last'),
        bytes: bytes(fields[4], 'chunk') }
    case Kind.newLeader: return { kind: 'newLeader', join, epoch: epoch(fields[2]) }
    case Kind.upToDate:
      return { kind: 'upToDate', join, epoch: epoch(fields[2]), commit: zxid(fields[3], 'commit'),
        through: zxid(fields[4], 'through') }
    default: return bad('message kind')
  }
}

/** About how many bytes a message takes. */
function messageBytes(message: Message): number {
  switch (message.kind) {
    case 'proposal': case 'inform': return MESSAGE_BYTES + sum(message.entries, entryBytes)
    case 'forward': return MESSAGE_BYTES + sum(message.requests, forwardedBytes)
    case 'snapChunk': return MESSAGE_BYTES + message.bytes.length
    case 'pong': return MESSAGE_BYTES + 20 * message.touches.length
    case 'refuse': return MESSAGE_BYTES + 3 * message.reason.length
    default: return MESSAGE_BYTES
  }
}

function entryBytes(entry: LogEntry): number {
  return ENTRY_BYTES + entry.bytes.length
}

function sum<T>(items: readonly T[], sizeOf: (item: T) => number): number {
  let total = 0
  for (const item of items) total += sizeOf(item)
  return total
}

/** Lists go in several pieces rather than above the limit; the order of the link keeps their meaning. */
function split(message: Message, bound: number): readonly Message[] {
  if (messageBytes(message) <= bound) return [message]
  if (message.kind === 'proposal' || message.kind === 'inform') {
    return cut(message.entries, entryBytes, bound).map((entries) => ({ ...message, entries }))
  }
  if (message.kind === 'forward') {
    return cut(message.requests, forwardedBytes, bound).map((requests) => ({ ...message, requests }))
  }
  return [message]
}

function cut<T>(items: readonly T[], sizeOf: (item: T) => number, bound: number): T[][] {
  const groups: T[][] = []
  let group: T[] = []
  let groupBytes = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (group.length > 0 && groupBytes + size > bound) {
      groups.push(group)
      group = []
      groupBytes = 0
    }
    group.push(item)
    groupBytes += size
  }
  if (group.length > 0) groups.push(group)
  return groups
}
