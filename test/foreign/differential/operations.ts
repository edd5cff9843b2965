import type { RawAcl } from '../raw-bytes.ts'
import { RawWriter } from '../raw-bytes.ts'
import { Op } from '../raw-replies.ts'
import { anyAcl, anyData, anyPath, anyVersion, newPath, OPEN } from './material.ts'
import type { Random } from './random.ts'
import type { Ask } from './step.ts'

const show = (value: unknown): string => JSON.stringify(value, (_key, part: unknown) =>
  Buffer.isBuffer(part) ? part.toString('latin1') : part)?.replaceAll(/"(\w+)":/g, '$1:') ?? 'undefined'

/** A request that is the same for every server. */
export function ask(opcode: number, name: string, args: readonly unknown[], body: RawWriter): Ask {
  const bytes = body.bytes()
  return { opcode, text: `${name}(${args.map(shortened).join(', ')})`, encode: () => bytes }
}

function shortened(value: unknown): string {
  if (value instanceof Uint8Array) {
    return value.length > 20 ? `${value.length} bytes` : show(Buffer.from(value).toString('latin1'))
  }
  return show(value)
}

/** Any of the four requests that create. */
export function create(
  opcode: number, path: string | null, data: Buffer | null, acl: readonly RawAcl[] | null, flags: number, ttl: bigint,
): Ask {
  const body = new RawWriter().string(path).buffer(data).acl(acl).int(flags)
  if (opcode === Op.createTTL) body.long(ttl)
  const name = opcode === Op.create ? 'create' : opcode === Op.create2 ? 'create2'
    : opcode === Op.createTTL ? 'createTTL' : 'createContainer'
  const args = [path, data, acl, flags]
  return ask(opcode, name, opcode === Op.createTTL ? [...args, ttl.toString()] : args, body)
}

/**
 * Whether a creation without a lifetime, by the request for one with it, ends Apache ZooKeeper: every server that
 * applies the txn stops for good.
 */
export const isDeadly = (opcode: number, flags: number): boolean => opcode === Op.createTTL && flags >= 0 && flags < 5

const isSequential = (flags: number): boolean => flags === 2 || flags === 3 || flags === 6

function anyCreate(random: Random, isInMulti = false): Ask {
  const [opcode, flags] = random.weighted<readonly [number, number]>([
    [20, [Op.create, 0]], [12, [Op.create2, 0]], [7, [Op.create, 1]], [5, [Op.create2, 1]], [5, [Op.create, 2]],
    [4, [Op.create2, 2]], [3, [Op.create, 3]], [3, [Op.create2, 3]], [4, [Op.createContainer, 4]],
    [4, [Op.createTTL, 5]], [3, [Op.createTTL, 6]],
    [3, [random.pick([Op.create, Op.create2, Op.createContainer, Op.createTTL]), random.pick([
      0, 1, 2, 3, 4, 5, 6, 7, -1, 2_147_483_647])]],
  ])
  const drawn = random.weighted<bigint>([
    [20, 3_600_000n], [4, 0xffffffffffn], [1, 0x10000000000n], [1, 0n], [2, -1n], [1, -5n], [1, 1n << 62n],
  ])
  const ttl = drawn < 0n && isDeadly(opcode, flags) ? 0n : drawn
  const acl = anyAcl(random)
  // Apache ZooKeeper stumbles over a null in a multi: over a null list without using up a zxid, and over a null id
  // without taking back what the multi did before, which requests close behind are checked against.
  const isNull = acl === null || acl.some(({ scheme, id }) => id === null && scheme !== 'auth')
  const list = isNull && isInMulti ? OPEN : acl
  return create(opcode, newPath(random, isSequential(flags)), anyData(random), list, flags, ttl)
}

/** A path to write. The configuration starts with another version: to write it would make the trees differ. */
function writable(random: Random): string | null {
  const path = anyPath(random)
  return path === '/zookeeper/config' ? '/zookeeper' : path
}

function withVersion(opcode: number, name: string, random: Random): Ask {
  const path = opcode === Op.check ? writable(random) : anyPath(random)
  const version = anyVersion(random)
  return ask(opcode, name, [path, version], new RawWriter().string(path).int(version))
}

function setData(random: Random): Ask {
  const path = writable(random)
  const data = anyData(random)
  const version = anyVersion(random)
  return ask(Op.setData, 'setData', [path, data, version], new RawWriter().string(path).buffer(data).int(version))
}

function setAcl(random: Random): Ask {
  // A closed root would end the rest of the run in one error.
  const drawn = writable(random)
  const path = drawn === '/' ? '/t/a' : drawn
  const acl = anyAcl(random)
  const version = anyVersion(random)
  return ask(Op.setACL, 'setACL', [path, acl, version], new RawWriter().string(path).acl(acl).int(version))
}

function reading(opcode: number, name: string, random: Random): Ask {
  const path = anyPath(random)
  const watch = random.weighted([[6, 0], [4, 1], [0.3, 7]])
  return ask(opcode, name, [path, watch], new RawWriter().string(path).byte(watch))
}

function onPath(opcode: number, name: string, path: string | null): Ask {
  return ask(opcode, name, [path], new RawWriter().string(path))
}

function watching(opcode: number, name: string, random: Random, kinds: readonly number[]): Ask {
  const path = anyPath(random)
  const kind = random.pick(kinds)
  return ask(opcode, name, [path, kind], new RawWriter().string(path).int(kind))
}

function setWatches(opcode: number, random: Random): Ask {
  const lists = random.many(opcode === Op.setWatches ? 3 : 5, () =>
    // At a null Apache ZooKeeper gives up, and leaves what it has done.
    random.many(random.below(4), () => anyPath(random)).filter((path) => path !== null))
  const back = random.weighted<number | bigint>([
    [6, 0], [6, 3], [6, 20], [2, 100], [2, 0n], [1, -1n], [1, 1n << 62n], [1, -(1n << 63n)],
  ])
  const encode: Ask['encode'] = (seen) => {
    const body = new RawWriter().long(typeof back === 'bigint' ? back : seen(back))
    for (const list of lists) body.strings(list)
    return body.bytes()
  }
  const name = opcode === Op.setWatches ? 'setWatches' : 'setWatches2'
  const text = `${name}(zxid ${typeof back === 'bigint' ? back : `${back} back`}, ${lists.map(show).join(', ')})`
  return random.chance(0.5) ? { opcode, text, encode, xid: -8 } : { opcode, text, encode }
}

const NOTHING_SEEN = (): bigint => 0n

function multi(opcode: number, asks: readonly Ask[], header: readonly [err: number, done: number] = [-1, 1]): Ask {
  const body = new RawWriter()
  const [err, done] = header
  for (const each of asks) body.int(each.opcode).byte(0).int(err).raw(each.encode(NOTHING_SEEN))
  body.int(err).byte(done).int(-1)
  const name = opcode === Op.multi ? 'multi' : 'multiRead'
  return { opcode, text: `${name}[${asks.map(({ text }) => text).join('; ')}]`, encode: () => body.bytes() }
}

const strange = (random: Random): Ask => random.pick([
  reading(Op.getData, 'getData', random), setAcl(random),
  onPath(99, 'opcode 99', '/t'), reading(Op.exists, 'exists', random),
  onPath(Op.deleteContainer, 'deleteContainer', '/t/c'), onPath(Op.sync, 'sync', '/t'),
  multi(Op.multi, [onPath(Op.getACL, 'getACL', '/t')]), reconfig(random),
  ...[-11, -10, -1, 0, 11, 102, 107].map((opcode) => ask(opcode, `opcode ${opcode}`, [], new RawWriter())),
])

function anyMulti(random: Random): Ask {
  const length = random.weighted([[1, 0], [4, 1], [8, 2], [6, 3], [3, 4], [1, 8]])
  return multi(Op.multi, random.many(length, () => random.weighted<() => Ask>([
    [45, () => anyCreate(random, true)],
    [20, () => withVersion(Op.delete, 'delete', random)], [25, () => setData(random)],
    [20, () => withVersion(Op.check, 'check', random)], [1, () => strange(random)],
  ])()), random.chance(0.05) ? [random.pick([0, 7, -110]), random.pick([1, 2, 255])] : undefined)
}

function anyMultiRead(random: Random): Ask {
  return multi(Op.multiRead, random.many(random.below(4), () => random.weighted<() => Ask>([
    [20, () => reading(Op.getData, 'getData', random)], [20, () => reading(Op.getChildren, 'getChildren', random)],
    [1, () => withVersion(Op.delete, 'delete', random)], [1, () => strange(random)],
  ])()))
}

function auth(random: Random): Ask {
  const [scheme, data] = random.weighted<readonly [string | null, string | null]>([
    [4, ['digest', 'alice:pw']], [4, ['digest', 'bob:secret']], [1, ['digest', 'nocolon']], [1, ['digest', '']],
    [1, ['digest', ':']], [1, ['digest', 'a:b:c']], [1, ['digest', null]], [1, ['ip', '']], [1, ['ip', null]],
    [0.5, ['world', 'anyone']], [0.5, ['auth', '']], [0.5, ['super', 'x']], [0.5, ['nobody', 'x']], [0.5, [null, 'x']],
    [0.5, ['x509', 'CN=a']], [0.5, ['', '']], [0.5, ['digest', ':pw']], [0.5, ['digest', 'user:']],
    [0.5, ['digest', '\u00fc\u4e2d:pw']], [0.5, ['digest', 'alice:wrong']],
    [0.5, ['digest', `long:${'x'.repeat(900)}`]],
    [0.5, ['DIGEST', 'alice:pw']], [0.5, ['sasl', 'x']], [0.5, ['ip', '10.0.0.1']], [0.5, ['digest', ' alice:pw']],
    [0.5, ['digest', 'alice:pw\n']], [0.5, ['digest', 'a\u0000b:c']],
  ])
  const kind = random.weighted([[9, 0], [1, 1]])
  const body = new RawWriter().int(kind).string(scheme).buffer(data === null ? null : Buffer.from(data))
  return { ...ask(Op.auth, 'auth', [kind, scheme, data], body), xid: -4 }
}

function sasl(random: Random): Ask {
  const token = random.pick([null, Buffer.alloc(0), Buffer.from('token'), Buffer.alloc(500, 1)])
  return ask(Op.sasl, 'sasl', [token], new RawWriter().buffer(token))
}

function reconfig(random: Random): Ask {
  const [joining, leaving, members] = random.pick<readonly (string | null)[]>([
    [null, null, null], ['server.9=127.0.0.1:1:2:participant;3', null, null], [null, '1', null],
  ])
  const body = new RawWriter().string(joining ?? null).string(leaving ?? null).string(members ?? null).long(-1n)
  return ask(Op.reconfig, 'reconfig', [joining, leaving, members, -1], body)
}

// Neither -10 nor 20 by itself: Apache ZooKeeper obeys both, opening sessions that no connection has asked for, and
// deleting nodes that the list forbids to delete.
const unknown = (random: Random): Ask => random.pick([
  ...[0, 10, 23, 24, 99, 108, 109, 500, 1_000, 2_147_483_647, -1, -2, -9, -12, -100, -2_147_483_648].map((opcode) =>
    ask(opcode, `opcode ${opcode}`, [], new RawWriter())),
  withVersion(Op.check, 'check', random),
  { ...auth(random), text: 'auth cut to 9 bytes', encode: () => Buffer.alloc(9) },
  { ...sasl(random), text: 'sasl cut to 3 bytes', encode: () => Buffer.alloc(3) },
])

/** What the server to compare with would not survive. */
export interface Avoids {
  /**
   * Single writes that cannot be decoded: an ensemble of Apache ZooKeeper waits for their commit for ever, and answers
   * no write any more.
   */
  readonly halfWrites: boolean
}

const WRITES: ReadonlySet<number> = new Set([
  Op.create, Op.create2, Op.createContainer, Op.createTTL, Op.delete, Op.setData, Op.setACL, Op.reconfig,
])

const NO_TEXTS: readonly (readonly [string, Buffer])[] = [
  ['byte ff', Buffer.from([0xff])], ['a lone continuation', Buffer.from([0x80])],
  ['an open sequence', Buffer.from([0xc3])],
  ['a long zero', Buffer.from([0xc0, 0x80])], ['a surrogate', Buffer.from([0xed, 0xa0, 0xbd])],
  ['byte order mark', Buffer.from([0xef, 0xbb, 0xbf])], ['a long slash', Buffer.from([0xc0, 0xaf])],
]

/** A request whose record ends too soon, has too much behind it, or counts what is not there. */
function mangled(random: Random, { halfWrites }: Avoids): Ask {
  const original = anyOrdinary(random)
  if (halfWrites && WRITES.has(original.opcode)) return original
  const bytes = original.encode(NOTHING_SEEN)
  const how = random.pick(['cut', 'cut', 'tail', 'length', 'text'])
  const first = bytes.length < 4 ? 0 : bytes.readInt32BE()
  if (how === 'text' && first > 4 && first <= bytes.length - 4) {
    // What is no UTF-8, in the place of the end of the first text.
    const [name, wrong] = random.pick(NO_TEXTS)
    const changed = Buffer.from(bytes)
    wrong.copy(changed, 4 + first - wrong.length)
    return { ...original, text: `${original.text} with ${name}`, encode: () => changed }
  }
  if (how === 'tail') {
    return { ...original, text: `${original.text} + 5 bytes`, encode: (seen) =>
      Buffer.concat([original.encode(seen), Buffer.alloc(5, 1)]) }
  }
  if (how === 'cut' || bytes.length < 4) {
    const length = random.below(Math.max(bytes.length, 1))
    return { ...original, text: `${original.text} cut to ${length} bytes`, encode: () => bytes.subarray(0, length) }
  }
  const length = random.pick([-2, -2_147_483_648, 2_147_483_647, 3_000_000, 1_000])
  const encode = (): Buffer => new RawWriter().int(length).raw(bytes.subarray(4)).bytes()
  return { ...original, text: `${original.text} with first int ${length}`, encode }
}

const WATCH_TYPES: readonly number[] = [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 0, 6, -1]

/** A request that neither ends the connection nor is about it. */
export function anyOrdinary(random: Random): Ask {
  return random.weighted<() => Ask>([
    [22, () => anyCreate(random)], [7, () => withVersion(Op.delete, 'delete', random)],
    [6, () => reading(Op.exists, 'exists', random)], [6, () => reading(Op.getData, 'getData', random)],
    [8, () => setData(random)], [4, () => onPath(Op.getACL, 'getACL', anyPath(random))], [4, () => setAcl(random)],
    [4, () => reading(Op.getChildren, 'getChildren', random)],
    [4, () => reading(Op.getChildren2, 'getChildren2', random)], [2, () => onPath(Op.sync, 'sync', anyPath(random))],
    [1, () => ({ ...ask(Op.ping, 'ping', [], new RawWriter()), xid: random.pick([-2, 77]) })],
    [10, () => anyMulti(random)], [4, () => anyMultiRead(random)],
    [5, () => watching(Op.addWatch, 'addWatch', random, [0, 1, 0, 1, 0, 1, 2, -1])],
    [3, () => watching(Op.checkWatches, 'checkWatches', random, WATCH_TYPES)],
    [2, () => watching(Op.removeWatches, 'removeWatches', random, WATCH_TYPES)],
    [2, () => setWatches(Op.setWatches, random)], [2, () => setWatches(Op.setWatches2, random)],
    [2, () => onPath(Op.getEphemerals, 'getEphemerals', random.pick(['/', '', ' ', null, '/t', '/t/e', '/t/', '/x']))],
    [2, () => onPath(Op.getAllChildrenNumber, 'getAllChildrenNumber', anyPath(random))],
    [1, () => ask(Op.whoAmI, 'whoAmI', [], new RawWriter())], [0.5, () => reconfig(random)],
  ])()
}

/** Any request. */
export function anyAsk(random: Random, avoids: Avoids): Ask {
  const made = random.weighted<() => Ask>([
    [94, () => anyOrdinary(random)], [2.5, () => mangled(random, avoids)], [1.5, () => auth(random)],
    [0.7, () => unknown(random)], [0.8, () => ask(Op.closeSession, 'closeSession', [], new RawWriter())],
    [0.4, () => sasl(random)],
  ])()
  if (made.xid !== undefined || !random.chance(0.02)) return made
  return { ...made, xid: random.pick([0, -3, -4, -7, 2_147_483_647, -2_147_483_648]) }
}
