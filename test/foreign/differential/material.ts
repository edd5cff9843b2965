/** What the generated operations are about: few paths, so that they meet, and everything that is no path. */
import type { RawAcl } from '../raw-bytes.ts'
import type { Random } from './random.ts'

/** `digest` ids of the users below, as a server computes them. */
export const DIGESTS = {
  alice: 'alice:V55/p2T0OpjQ+low3NVAH4aLvm0=', bob: 'bob:fyVmFCwVbTJYrznoSu1koqYEYF0=',
} as const

const PATHS: readonly (readonly [number, string])[] = [
  [6, '/t'], [9, '/t/a'], [9, '/t/b'], [6, '/t/c'], [5, '/t/a/x'], [4, '/t/a/y'], [3, '/t/b/x'], [2, '/t/a/x/z'],
  [3, '/t/e'], [2, '/u'], [1, '/u/v'], [2, '/t/ab'], [1, '/t/s0000000000'], [1, '/t/s0000000001'],
  [1, '/t/s0000000004'], [1, '/t/\u00e9\u4e2d'], [0.3, `/t/${'long'.repeat(200)}`], [0.3, `/t${'/d'.repeat(100)}`],
  [1, '/t/a/x/z/deep'],
]
const BUILT_IN: readonly string[] = ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota', '/zookeeper/quota/q']
const NO_PATHS: readonly (string | null)[] = [
  '', null, 't', 'no/slash', '/t/', '/t//a', '//', '/.', '/t/.', '/t/..', '/t/./a', '/t/../u', '/t/a\u0000b',
  '/t/\u0001', '/t/\u007f', '/t/\u009f', '/t/\ue000', '/t/\uf8ff', '/t/\ufff0', '/t/\uffff', '/t/\u{1f600}',
  '/t/\u00a0', '/t/\ufeff', '/t/...', '/t/.a', '/t/a.', '/\u0000', ' ', '/t/ ',
  '/t/a/.', '/t/a/..', '/t/a/../b', '/t/\u{10ffff}', '/t/\ud7ff', '/t/\u00ad', '/t/\u2028', '/t/a\n', '/t/a\u007f',
]

/** Any path, now and then one that is none. */
export function anyPath(random: Random): string | null {
  return random.weighted<() => string | null>([
    [90, () => random.weighted(PATHS)],
    [4, () => random.pick(BUILT_IN)],
    [6, () => random.pick(NO_PATHS)],
  ])()
}

/** A path for a node that is to be created; sequential ones get their suffix from the server. */
export function newPath(random: Random, isSequential: boolean): string | null {
  if (!isSequential || random.chance(0.1)) return anyPath(random)
  return random.pick(['/t/s', '/t/s', '/t/a/s', '/t/', '/t/b/', '/u/q', '/t/e/s', '/t/a/x/', '/t/..', '/s'])
}

/** Data as a client sends it. */
export function anyData(random: Random): Buffer | null {
  return random.weighted<() => Buffer | null>([
    [1, () => null], [2, () => Buffer.alloc(0)], [8, () => Buffer.from(`d${random.below(100)}`)],
    [1, () => Buffer.alloc(random.below(2_000), random.below(256))],
  ])()
}

/** An expected version. */
export function anyVersion(random: Random): number {
  return random.weighted([[60, -1], [15, 0], [8, 1], [5, 2], [3, 3], [1, -2], [1, 2_147_483_647], [1, -2_147_483_648]])
}

const entry = (perms: number, scheme: string | null, id: string | null): RawAcl => ({ perms, scheme, id })
/** Everybody may do everything. */
export const OPEN: readonly RawAcl[] = [entry(31, 'world', 'anyone')]

const VALID: readonly (readonly RawAcl[])[] = [
  [entry(31, 'auth', '')], [entry(31, 'auth', null)], [entry(7, 'auth', 'whatever')],
  [entry(31, 'digest', DIGESTS.bob)], [entry(31, 'digest', DIGESTS.bob), entry(1, 'world', 'anyone')],
  [entry(1, 'world', 'anyone')], [entry(2, 'world', 'anyone')], [entry(4, 'world', 'anyone')],
  [entry(8, 'world', 'anyone')], [entry(16, 'world', 'anyone')], [entry(30, 'world', 'anyone')],
  [entry(31, 'world', 'anyone'), entry(31, 'world', 'anyone')], [entry(0, 'world', 'anyone')],
  [entry(63, 'world', 'anyone')], [entry(-1, 'world', 'anyone')], [entry(31, 'ip', '127.0.0.1')],
  [entry(31, 'ip', '127.0.0.0/8')], [entry(31, 'ip', '10.1.2.3')], [entry(1, 'ip', '0.0.0.0/0')],
  [entry(15, 'digest', DIGESTS.alice), entry(15, 'digest', DIGESTS.bob)], [entry(31, 'digest', 'x:y')],
  [entry(31, 'world', 'anyone'), entry(31, 'auth', '')], [entry(1, 'auth', ''), entry(31, 'auth', '')],
  [entry(31, 'ip', '::1')], [entry(31, 'ip', '127.0.0.1/32')],
]
const INVALID: readonly (readonly RawAcl[] | null)[] = [
  [], null, [entry(31, 'world', 'other')], [entry(31, 'world', null)], [entry(31, 'super', 'x')],
  [entry(31, 'nobody', 'x')], [entry(31, null, 'x')], [entry(31, 'digest', 'nocolon')], [entry(31, 'digest', 'a:b:c')],
  [entry(31, 'digest', 'a:')], [entry(31, 'digest', ':b')], [entry(31, 'digest', '')], [entry(31, 'ip', 'nonsense')],
  [entry(31, 'ip', '1.2.3.4/33')], [entry(31, 'ip', '1.2.3.4/-1')], [entry(31, 'ip', '1.2.3')], [entry(31, 'ip', '')],
  [entry(31, 'ip', '1.2.3.400')], [entry(31, 'ip', '1.2.3.4/')], [entry(31, 'ip', '1.2.3.4/8/8')],
  [entry(31, 'world', 'anyone'), entry(31, 'nobody', 'x')], [entry(31, 'x509', 'CN=a')], [entry(31, 'sasl', 'bob')],
  [entry(31, '', '')], [entry(31, 'digest', null)], [entry(31, 'ip', null)],
]

/** Whether these are valid is for the servers to say. */
const ODD: readonly (readonly RawAcl[])[] = [
  ...[
    '127.0.0.1/31', '127.0.0.1/0', '127.0.0.1/1', '::/0', '::1/128', '::1/129', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1',
    '1.2.3.4/08', ' 127.0.0.1', '127.0.0.1 ', '127.1', '01.2.3.4', 'fe80::1%eth0', '1.2.3.4/ 8', '1.2.3.4/+8', '/8',
    '1.2.3.4.5', '1.2.3.-4', '1..3.4', '::', ':::', '1::2::3', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7', '12345::', 'g::',
    'localhost', '127.0.0.1/8/', '127.0.0.1:80', '1.2.3.+4', '1.2.3.0x4', '::1/64', '::1/-1', '2001:DB8::1',
  ].map((id) => [entry(31, 'ip', id)]),
  ...[
    'a:b ', ' a:b', 'a: ', ' :b', '\u00e9:x', ':', '::', 'a:b:', ':a:b', 'a::b', 'a:\u0000', `${'u'.repeat(300)}:x`,
  ].map((id) => [entry(31, 'digest', id)]),
  [entry(31, 'World', 'anyone')], [entry(31, 'world', 'Anyone')], [entry(31, 'world', 'anyone ')],
  [entry(31, 'auth', ''), entry(31, 'world', 'other')], [entry(31, 'AUTH', '')], [entry(31, 'key', 'a:b')],
  [entry(31, 'host', 'example.org')], [entry(31, 'ensemble', 'x')], [entry(31, 'digest', DIGESTS.alice),
    entry(31, 'digest', DIGESTS.alice), entry(1, 'digest', DIGESTS.alice)],
  [entry(32, 'world', 'anyone')], [entry(-2_147_483_648, 'world', 'anyone')], [entry(2_147_483_647, 'auth', '')],
]

/** Every list that is not the open one. */
export const LISTS: readonly (readonly RawAcl[] | null)[] = [...VALID, ...INVALID, ...ODD]

/** An access-control list; mostly one that leaves the node usable. */
export function anyAcl(random: Random): readonly RawAcl[] | null {
  return random.weighted<() => readonly RawAcl[] | null>([
    [78, () => OPEN], [14, () => random.pick(VALID)], [5, () => random.pick(INVALID)], [3, () => random.pick(ODD)],
  ])()
}
