/** One of every message between peers, with the extremes of its fields. */
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { NO_VOTE } from '../../lib/core/zab/election.ts'
import type { ForwardedRequest, Message } from '../../lib/core/zab/messages.ts'
import { makeZxid } from '../../lib/core/zxid.ts'

export const session = '0x200000001' as SessionId
export const zxid = makeZxid(2 ** 21 - 1, 2 ** 32 - 1)
export const join = 2 ** 40
const hashes = { hash1: 0xffffffff, hash2: 0 }
const entries = [
  { zxid, prevZxid: makeZxid(1, 4), ...hashes, bytes: Uint8Array.of(1, 2) },
  { zxid: makeZxid(3, 1), prevZxid: zxid, hash1: 1, hash2: 2, bytes: new Uint8Array(0) },
]
const identities = [{ scheme: 'ip', id: '10.0.0.7' }]
const acl = [{ perms: 1, scheme: 'auth', id: '' }]
const create = { op: 15, path: '/a', data: Uint8Array.of(7), acl, flags: 3, ttlMs: -1 } as const
const writes = [
  create, { ...create, op: 1, acl: null, data: null }, { ...create, op: 21, ttlMs: 5_000 }, { ...create, op: 19 },
  { op: 2, path: 'not checked here', version: -1 }, { op: 5, path: '/a', data: null, version: 4 },
  { op: 7, path: '/a', acl, version: 0 }, { op: 7, path: '/a', acl: null, version: 0 }, { op: 20, path: '/c' },
  { op: 14, ops: [create, { op: 2, path: '/b', version: 1 }, { op: 5, path: '/c', data: Uint8Array.of(1), version: 2 },
    { op: 13, path: '/d', version: 3 }] },
  { op: 14, ops: [] },
] as const
const requests: readonly ForwardedRequest[] = [
  ...writes.map((request, index): ForwardedRequest =>
    ({ tag: index, session, cxid: -index, body: { kind: 'write', request, identities } })),
  { tag: 89, session, cxid: 2, body: { kind: 'write', request: writes[4], identities: [] } },
  { tag: 90, session: NO_SESSION, cxid: 0, body: { kind: 'createSession', timeoutMs: 4_000,
    password: new Uint8Array(16) } },
  { tag: 91, session, cxid: 3, body: { kind: 'closeSession' } },
]

export const messages: readonly Message[] = [
  {
    kind: 'notify', state: 'observing', round: 7, vote: { leader: 3, zxid, peerEpoch: 5 }, health: 'meta', epoch: 5,
    joins: 9, isWide: false,
  },
  {
    kind: 'notify', state: 'looking', round: 0, vote: { leader: 0, zxid, peerEpoch: 0 }, health: 'empty', epoch: 0,
    joins: 0, isWide: true,
  },
  { kind: 'notify', state: 'looking', round: 1, vote: NO_VOTE, health: 'ok', epoch: 0, joins: 0, isWide: true },
  { kind: 'followerInfo', join, role: 'observer', acceptedEpoch: 4, health: 'log' },
  { kind: 'followerInfo', join, role: 'voter', acceptedEpoch: 0, health: 'ok' },
  { kind: 'leaderInfo', join, epoch: 9 },
  { kind: 'ackEpoch', join, epoch: 9, currentEpoch: -1, lastZxid: zxid, ...hashes, base: makeZxid(0, 0) },
  { kind: 'diff', join, fromZxid: zxid },
  { kind: 'trunc', join, toZxid: zxid, ...hashes },
  { kind: 'snap', join, zxid, ...hashes },
  { kind: 'snapChunk', join, index: 3, last: true, bytes: Uint8Array.of(9) },
  { kind: 'syncAck', join, pieces: 12 },
  { kind: 'proposal', join, epoch: 3, entries },
  { kind: 'proposal', join, epoch: 3, entries: [] },
  { kind: 'commit', join, epoch: 3, zxid },
  { kind: 'inform', join, epoch: 3, entries },
  { kind: 'newLeader', join, epoch: 3 },
  { kind: 'ack', join, epoch: 3, zxid, newLeader: true },
  { kind: 'upToDate', join, epoch: 3, commit: zxid, through: zxid },
  { kind: 'ping', join, seq: 8, commit: zxid, through: zxid },
  { kind: 'pong', join, seq: 8, touches: [session, NO_SESSION] },
  { kind: 'forward', join, requests },
  { kind: 'revalidate', join, tag: 5, session },
  { kind: 'revalidated', join, tag: 5, timeoutMs: 0 },
  { kind: 'syncAsk', join, tag: 5 },
  { kind: 'synced', join, tag: 5, zxid },
  { kind: 'refuse', join, code: 'MembershipMismatch', reason: 'no' },
]
