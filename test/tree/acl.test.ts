import { makeRandom } from '../../lib/core/random.ts'
import { AclTable, equalAcls, fixAcl, maskDigests, permits } from '../../lib/core/tree/acl.ts'
import { OPEN_ACL, Perm } from '../../lib/core/tree/request.ts'
import type { Acl, Identity } from '../../lib/core/tree/request.ts'
import { assert, suite } from '../harness.ts'
import { as, create, remove, ROOT, set, setAcl, World, world } from './world.ts'

const test = suite('access-control lists')

const BOB: Identity = { scheme: 'digest', id: 'bob:aGFzaA==' }
const EVE: Identity = { scheme: 'digest', id: 'eve:b3RoZXI=' }
const HOST: Identity = { scheme: 'ip', id: '10.1.2.3' }

function entry(scheme: string, id: string, perms: number = Perm.all): Acl {
  return { perms, scheme, id }
}

test('what may be set', () => {
  const valid: readonly Acl[] = [
    entry('world', 'anyone'), entry('world', 'anyone', 0), entry('digest', 'u:h'), entry('digest', ':h'),
    entry('ip', '10.0.0.1'), entry('ip', '10.0.0.0/8'), entry('ip', '0.0.0.0/0'), entry('ip', '1.2.3.4/32'),
    entry('ip', '::1'), entry('ip', 'fe80::/10'), entry('ip', '2001:db8::1/128'),
    entry('ip', '::1.2.3.4'), entry('ip', '+1.2.3.-0/+08'), entry('digest', 'a:b:'), entry('digest', 'a:b::'),
    entry('digest', ':b'),
    entry('ip', '1:2:3:4:5:6:1.2.3.4'),
    entry('ip', '1:2:3:4:5:6:7:8'), entry('ip', '1:2:3:4:5:6:7::'), entry('ip', '::'),
  ]
  for (const one of valid) assert.equal(fixAcl([one], []), [one], one.id)
  const invalid: readonly Acl[] = [
    entry('world', 'other'), entry('world', ''), entry('auth', ''), entry('super', 'x'), entry('', 'x'),
    entry('x509', 'CN=a'),
    entry('digest', 'u'), entry('digest', 'u:'), entry('digest', 'a:b:c'), entry('digest', ''),
    entry('ip', ''), entry('ip', '10.0.0'), entry('ip', '10.0.0.256'), entry('ip', '10.0.0.1/33'),
    entry('ip', '10.0.0.1/'),
    entry('ip', '10.0.0.1/-1'), entry('ip', '10.0.0.1/8x'), entry('ip', '10.0.0.1.2'), entry('ip', 'host'),
    entry('ip', '::1/129'), entry('ip', ':::'), entry('ip', '1::2::3'), entry('ip', '1:2:3:4:5:6:7'),
    entry('ip', '12345::'),
    entry('ip', '1:2:3:4:5:6:7:8:9'), entry('ip', '1:2:3:4:5:6:7:8::'), entry('ip', 'g::'),
    entry('ip', '::ffff:1.2.3.4'), entry('ip', '::ffff:102:304/128'), entry('ip', '1.2.3.4/0x8'), entry('ip', '1..3.4'),
    entry('digest', ':a:b'), entry('digest', 'a::b'), entry('digest', '::'), entry('digest', 'a:b:c:'),
    entry('ip', '1.2.3.4::1'), entry('ip', '1.2.3.4::'), entry('ip', '1:1.2.3.4:2::'), entry('ip', '::1.2.3'),
    entry('world', 'anyone', 1.5), entry('world', 'anyone', 2 ** 31), entry('world', 'anyone', NaN),
    entry('digest', 'u:\ud800'), entry('digest', '\ufeffu:h'),
  ]
  for (const one of invalid) assert.is(fixAcl([one], [BOB].slice(1)), null, `${one.scheme} ${one.id} ${one.perms}`)
  assert.is(fixAcl(null, [BOB]), null)
  assert.is(fixAcl([], [BOB]), null)
  assert.is(fixAcl([entry('world', 'anyone'), entry('world', 'other')], []), null, 'one bad entry spoils the list')
})

test('a list of many entries is looked through once', () => {
  // Each compared with all before it, these took seconds of the leader.
  const many = Array.from({ length: 45_000 }, (_, index) => entry('digest', `u${index >> 1}:h`, 1))
  const fixed = fixAcl(many, [])!
  assert.is(fixed.length, 22_500)
  assert.equal(fixed.at(-1), many.at(-1))
})

test('auth becomes the identities that prove somebody, duplicates go', () => {
  const both = [HOST, BOB, EVE, { scheme: 'super', id: 'root' }]
  assert.equal(fixAcl([entry('auth', 'whatever', 3)], both), [entry('digest', BOB.id, 3), entry('digest', EVE.id, 3)])
  assert.equal(fixAcl([entry('auth', '', 3), entry('digest', BOB.id, 3), entry('digest', BOB.id, 4)], [BOB]),
    [entry('digest', BOB.id, 3), entry('digest', BOB.id, 4)])
  assert.is(fixAcl([entry('auth', '')], [HOST]), null, 'an address proves nobody')
  assert.is(fixAcl([entry('auth', '')], [{ scheme: 'super', id: 'root' }]), null)
  assert.is(fixAcl([entry('auth', '')], [{ scheme: 'digest', id: '\ufeffbob:h' }]), null, 'a mark that may be lost')
  assert.is(fixAcl([entry('digest', 'b\ufeffob:h')], [])?.length, 1, 'but not elsewhere')
  assert.equal(fixAcl([entry('ip', '1.1.1.1'), entry('ip', '1.1.1.1')], []), [entry('ip', '1.1.1.1')])
  assert.is(fixAcl([entry('world', 'anyone'), entry('world', 'anyone')], []), OPEN_ACL, 'the open list is one object')
})

test('who is permitted', () => {
  const row = (acl: readonly Acl[], wanted: number, who: readonly Identity[], expected: boolean): void => {
    assert.is(permits(acl, wanted, who, false), expected, JSON.stringify([acl, wanted, who]))
    assert.is(permits(acl, wanted, who, true), true, 'skipAcl opens everything')
    assert.is(permits(acl, wanted, [...who, { scheme: 'super', id: 'x' }], false), true, 'super may everything')
  }
  row(world(Perm.read), Perm.read, [], true)
  row(world(Perm.read), Perm.write, [], false)
  row(world(Perm.admin), Perm.read | Perm.admin, [], true)
  row(world(0), Perm.all, [], false)
  row([], Perm.all, [], true)
  row([entry('world', 'other')], Perm.read, [{ scheme: 'world', id: 'other' }], true)
  row([entry('digest', BOB.id, Perm.read)], Perm.read, [BOB], true)
  row([entry('digest', BOB.id, Perm.read)], Perm.write, [BOB], false)
  row([entry('digest', BOB.id)], Perm.read, [EVE], false)
  row([entry('digest', BOB.id)], Perm.read, [{ scheme: 'ip', id: BOB.id }], false)
  row([entry('digest', EVE.id, Perm.read), entry('digest', BOB.id, Perm.write)], Perm.write, [EVE, BOB], true)
  row([entry('digest', EVE.id, Perm.write), entry('digest', BOB.id, Perm.read)], Perm.write, [BOB], false)
})

test('addresses match by family and prefix', () => {
  const matches = (range: string, address: string): boolean =>
    permits([entry('ip', range)], Perm.read, [{ scheme: 'ip', id: address }], false)
  const yes = [['10.1.2.3', '10.1.2.3'], ['10.0.0.0/8', '10.255.0.1'], ['10.1.2.3/24', '10.1.2.250'],
    ['0.0.0.0/0', '9.9.9.9'],
    ['128.0.0.0/1', '255.0.0.1'], ['10.1.2.2/31', '10.1.2.3'], ['::1', '0:0:0:0:0:0:0:1'], ['fe80::/10', 'febf::1'],
    ['2001:db8::/33', '2001:DB8:7fff::'], ['::/0', 'ffff::'], ['::1.2.3.4', '::102:304'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'], ['1::8', '1:0:0:0:0:0:0:8']] as const
  for (const [range, address] of yes) assert.is(matches(range, address), true, `${range} ${address}`)
  const no = [['10.1.2.3', '10.1.2.4'], ['10.0.0.0/8', '11.0.0.0'], ['10.1.2.3/25', '10.1.2.128'],
    ['128.0.0.0/1', '127.0.0.1'],
    ['10.1.2.2/31', '10.1.2.4'], ['::/0', '1.2.3.4'], ['0.0.0.0/0', '::1'], ['fe80::/10', 'fec0::1'],
    ['2001:db8::/33', '2001:db8:8000::'], ['::1', '::2'], ['::1', 'nonsense'], ['1.2.3.4', '']] as const
  for (const [range, address] of no) assert.is(matches(range, address), false, `${range} ${address}`)
})

/** Entries that count how often their ids are looked at. */
function counted(acl: readonly Acl[]): { readonly list: Acl[], readonly looks: () => number } {
  let looks = 0
  const list = acl.map(({ perms, scheme, id }) => ({ perms, scheme, get id(): string { looks++; return id } }))
  return { list, looks: () => looks }
}

test('a long list is looked through once, however often it is asked', () => {
  // Each check parsed all ranges, or compared all entries with all identities: half a second of the leader.
  const stranger = [{ scheme: 'ip', id: '9.9.9.9' }, BOB, EVE]
  for (const make of [
    (i: number) => entry('ip', `1.0.${i >> 8}.${i & 255}`), (i: number) => entry('digest', `u${i}:h`),
  ]) {
    const { list, looks } = counted(Array.from({ length: 1_000 }, (_, i) => make(i)))
    for (let check = 0; check < 50; check++) assert.ok(!permits(list, Perm.read, stranger, false))
    assert.ok(looks() <= 2_000, `${looks()} looks`)
  }
  const zk = new World()
  zk.ok(create('/a', { acl: Array.from({ length: 100 }, (_, i) => entry('digest', `u${i}:h`)) }))
  assert.is(zk.tree.node('/a')!.acl, zk.tree.node('/a')!.acl, 'a node has one list, not one for each look')
})

test('a long list permits what its entries permit one by one', () => {
  const random = makeRandom(3)
  const pick = <T>(all: readonly T[]): T => all[random.below(all.length)]!
  const address = (): string => random.below(2) === 0
    ? `${pick([0, 10, 10, 10, 128])}.${random.below(2)}.0.${random.below(4)}`
    : `${pick(['', 'fe80', '8000', '1'])}::${random.below(2)}:${random.below(4)}`
  const named = (): Acl => {
    const perms = random.below(32)
    if (random.below(20) === 0) return entry('world', pick(['anyone', 'other']), random.below(8) === 0 ? perms : 0)
    if (random.below(2) === 0) return entry('digest', `u${random.below(12)}:h`, perms)
    const id = address()
    const whole = id.includes(':') ? 128 : 32
    return entry('ip', random.below(3) === 0 ? id : `${id}/${whole - random.below(pick([4, 20, whole + 1]))}`, perms)
  }
  const seen = { yes: 0, no: 0 }
  for (let round = 0; round < 2_000; round++) {
    const list = Array.from({ length: 9 + random.below(8) }, named)
    const who = [
      { scheme: 'ip', id: pick([address(), address(), 'nonsense', '::ffff:10.0.0.1']) },
      { scheme: pick(['digest', 'digest', 'digest', 'x509', 'world']), id: pick([`u${random.below(14)}:h`, 'other']) },
    ].slice(random.below(2))
    const wanted = 1 << random.below(5)
    const expected = list.some((one) => permits([one], wanted, who, false))
    assert.is(permits(list, wanted, who, false), expected, JSON.stringify([list, wanted, who]))
    if (expected) seen.yes++
    else seen.no++
  }
  assert.ok(seen.yes > 200 && seen.no > 200, JSON.stringify(seen))
  assert.ok(permits(Array.from({ length: 9 }, () => entry('ip', '1.1.1.1')), 1, [{ scheme: 'super', id: '' }], false))
})

test('digests are masked', () => {
  assert.equal(maskDigests([entry('digest', 'bob:hash'), entry('digest', 'a:b:c'), entry('ip', '::1'),
    entry('digest', 'plain')]),
    [entry('digest', 'bob:x'), entry('digest', 'a:x'), entry('ip', '::1'), entry('digest', 'plain')])
  const mine = [entry('digest', 'bob:hash')]
  maskDigests(mine)
  assert.is(mine[0]!.id, 'bob:hash', 'the list itself stays')
})

test('getACL asks for READ or ADMIN and masks without ADMIN', () => {
  const zk = new World()
  const acl = [entry('digest', BOB.id, Perm.admin), entry('digest', EVE.id, Perm.read),
    entry('world', 'anyone', Perm.write)]
  zk.ok(create('/a', { acl }))
  const ask = (identities: readonly Identity[]): unknown => {
    const outcome = zk.read({ op: 6, path: '/a' }, 1, as(identities))
    return outcome.result?.op === 6 ? outcome.result.acl : outcome.code
  }
  const masked = acl.map((one) => one.scheme === 'digest' ? { ...one, id: `${one.id.split(':')[0]}:x` } : one)
  assert.equal(ask([BOB]), acl)
  assert.equal(ask([EVE]), masked)
  assert.is(ask([]), 'NoAuth')
  assert.equal(ask(ROOT.identities), acl)
})

test('each write asks the right node for the right permission', () => {
  const zk = new World()
  for (const [name, perms] of [['create', Perm.create], ['delete', Perm.delete], ['write', Perm.write],
    ['admin', Perm.admin], ['none', 0]] as const) {
    zk.ok(create(`/${name}`, { acl: [entry('digest', BOB.id, perms), entry('digest', EVE.id, Perm.all)] }))
    zk.ok(create(`/${name}/kid`), as([EVE]))
  }
  const granted = (path: string, wanted: string): Record<string, string> => ({
    create: zk.write(create(`${path}/n`), as([BOB])).code,
    write: zk.write(set(path), as([BOB])).code,
    admin: zk.write(setAcl(path, zk.tree.node(path)!.acl), as([BOB])).code,
    delete: zk.write(remove(`${path}/kid`), as([BOB])).code,
    wanted,
  })
  for (const wanted of ['create', 'delete', 'write', 'admin', 'none']) {
    const expected: Record<string, string> = {
      create: 'NoAuth', write: 'NoAuth', admin: 'NoAuth', delete: 'NoAuth', wanted,
    }
    if (wanted !== 'none') expected[wanted] = 'Ok'
    assert.equal(granted(`/${wanted}`, wanted), expected)
  }
  assert.is(zk.write(create('/none/again'), ROOT).code, 'Ok')
  assert.is(new World({ skipAcl: true }, zk.tree, 2).write(set('/none')).code, 'Ok')
})

test('the table keeps a list as long as somebody has it', () => {
  const table = new AclTable()
  const one = [entry('digest', BOB.id)]
  const first = table.acquire(one)
  assert.is(table.acquire([entry('digest', BOB.id)]), first, 'equal lists are one')
  assert.equal(table.at(first), one)
  assert.is.not(table.at(first), one, 'the caller keeps its own')
  const other = table.acquire([entry('digest', BOB.id, 1)])
  assert.is(table.size, 2)
  assert.is.not(table.hashOf(first), table.hashOf(other))
  assert.is.not(table.hashOf(first), 0)
  table.release(first)
  assert.is(table.acquire(one), first)
  table.release(first)
  table.release(first)
  assert.is(table.size, 1)
  assert.is(table.hashOf(first), 0, 'it is forgotten')
  table.release(other)
  assert.is(table.size, 0)
  const open = table.acquire([{ ...OPEN_ACL[0]! }])
  assert.is(table.at(open), OPEN_ACL)
  table.release(open)
  assert.is(table.size, 0, 'the open list takes no room')
  assert.is(equalAcls([entry('ip', '::1'), entry('ip', '::2')], [entry('ip', '::2'), entry('ip', '::1')]), false)
})

test('a list cannot be confused with another by its text', () => {
  const table = new AclTable()
  const a = table.acquire([entry('digest', 'a","1'), entry('ip', 'x')])
  const b = table.acquire([entry('digest', 'a'), entry('1', 'ip","x')])
  assert.is.not(a, b)
  assert.is(table.size, 2)
})

test.run()
