import { makeRandom } from '../../lib/core/random.ts'
import type { TreeOptions } from '../../lib/core/tree/prepare.ts'
import { limitsPath, readQuota, statsPath } from '../../lib/core/tree/quotas.ts'
import type { Outcome } from '../../lib/core/tree/request.ts'
import { Tree } from '../../lib/core/tree/tree.ts'
import type { PlacedTxn } from '../../lib/core/tree/txn.ts'
import { assert, suite } from '../harness.ts'
import {
  anonymous, bytes, callsOf, container, create, describe, ephemeral, load, remove, ROOT, rowsOf, set, text, World,
} from './world.ts'

const test = suite('quotas')

const EMPTY = 'count=0,bytes=0'

/** Makes the nodes of a quota, as zkCli does. */
function limit(zk: World, path: string, limits = 'count=-1,bytes=-1'): void {
  const names = path.slice(1).split('/')
  for (let depth = 1; depth <= names.length; depth++) {
    const at = `/zookeeper/quota/${names.slice(0, depth).join('/')}`
    if (!zk.tree.has(at)) zk.ok(create(at))
  }
  zk.ok(create(limitsPath(path), { data: bytes(limits) }))
  zk.ok(create(statsPath(path), { data: bytes(EMPTY) }))
}

function used(zk: World, path: string): string | null {
  return text(zk.tree.get(statsPath(path))?.data)
}

/** Count and bytes at and below a node, by looking at every one. */
function counted(tree: Tree, path: string): string {
  let [count, size] = [0, 0]
  const open = [path]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (!tree.has(at)) continue
    count++
    size += tree.stat(at)!.dataLength
    for (const name of tree.children(at) ?? []) open.push(`${at}/${name}`)
  }
  return `count=${count},bytes=${size}`
}

test('what is below is counted when it begins, and with every write of every kind', () => {
  const zk = new World()
  const session = zk.open()
  for (const [path, data] of [['/a', '1'], ['/a/b', '22'], ['/a/b/c', '333'], ['/other', '4444']] as const) {
    zk.ok(create(path, { data: bytes(data) }))
  }
  limit(zk, '/a')
  assert.is(used(zk, '/a'), 'count=3,bytes=6')
  const steps: readonly (readonly [() => unknown, string])[] = [
    [() => zk.ok(create('/a/d', { data: bytes('12345') })), 'count=4,bytes=11'],
    [() => zk.ok(create('/ab', { data: bytes('no') })), 'count=4,bytes=11'],
    [() => zk.ok(set('/a', null)), 'count=4,bytes=10'],
    [() => zk.ok(set('/a/d', '')), 'count=4,bytes=5'],
    [() => zk.ok(set('/other', 'longer than before')), 'count=4,bytes=5'],
    [() => zk.ok(container('/a/box')), 'count=5,bytes=5'],
    [() => zk.ok({ op: 20, path: '/a/box' }), 'count=4,bytes=5'],
    [() => zk.ok({ op: 14, ops: [create('/a/x', { data: bytes('xx') }), set('/a/x', 'xxx'), remove('/a/d')] }),
      'count=4,bytes=8'],
    [() => zk.write({ op: 14, ops: [create('/a/y'), remove('/none')] }), 'count=4,bytes=8'],
    [() => zk.ok({ ...ephemeral('/a/e'), data: bytes('eeee') }, anonymous(session)), 'count=5,bytes=12'],
    [() => zk.close(session), 'count=4,bytes=8'],
    [() => zk.ok(remove('/a/b/c')), 'count=3,bytes=5'],
  ]
  for (const [index, [step, expected]] of steps.entries()) {
    step()
    assert.is(used(zk, '/a'), expected, `step ${index}`)
    assert.is(counted(zk.tree, '/a'), expected)
  }
})

test('counting is no write: neither version nor zxid nor event tells of it', () => {
  const zk = new World()
  zk.ok(create('/a'))
  limit(zk, '/a')
  zk.read({ op: 4, path: statsPath('/a'), watch: true })
  const before = zk.stat(statsPath('/a'))
  zk.seen()
  zk.ok(create('/a/b', { data: bytes('0123456789') }))
  assert.equal(zk.seen(), [])
  assert.equal(zk.stat(statsPath('/a')), { ...before, dataLength: 'count=2,bytes=10'.length })
})

test('a write counts for the lowest quota above it, and for none when there is none', () => {
  const zk = new World()
  for (const path of ['/a', '/a/b', '/a/b/c', '/z']) zk.ok(create(path))
  limit(zk, '/a')
  limit(zk, '/a/b')
  zk.ok(create('/zookeeper/quota/zookeeper_limits', { data: bytes('count=1,bytes=1=;countHardLimit=1') }))
  zk.ok(create('/zookeeper/quota/zookeeper_stats', { data: bytes(EMPTY) }))
  zk.ok(create('/a/x'))
  zk.ok(create('/a/b/x', { data: bytes('x') }))
  zk.ok(set('/a/b', 'yy'))
  assert.equal([used(zk, '/a'), used(zk, '/a/b')], ['count=4,bytes=0', 'count=3,bytes=3'])
  assert.is(text(zk.tree.get('/zookeeper/quota/zookeeper_stats')?.data), EMPTY, 'the whole tree has no quota')
  zk.ok(remove(limitsPath('/a/b')))
  zk.ok(create('/a/b/y'))
  assert.equal([used(zk, '/a'), used(zk, '/a/b')], ['count=5,bytes=0', 'count=3,bytes=3'], 'without limits, no quota')
  zk.ok(remove(statsPath('/a')))
  zk.ok(create('/a/z'))
  zk.ok(create(statsPath('/a')))
  assert.is(used(zk, '/a'), counted(zk.tree, '/a'), 'and counted anew')
  limit(zk, '/later')
  assert.is(used(zk, '/later'), EMPTY)
  zk.ok(create('/later', { data: bytes('1') }))
  assert.is(used(zk, '/later'), 'count=1,bytes=1')
})

test('what somebody writes in place of a count is counted on from there', () => {
  const zk = new World()
  zk.ok(create('/a'))
  limit(zk, '/a')
  for (const [written, after] of [
    ['count=10,bytes=5', 'count=11,bytes=7'], ['nonsense', 'count=0,bytes=1'], ['', 'count=0,bytes=1'],
    [`count=1,${'x'.repeat(2_000)}`, 'count=0,bytes=1'], ['count=1e3,bytes=0x10', 'count=0,bytes=1'],
    ['count=1,bytes=2=;byteHardLimit=7', 'count=2,bytes=4=;byteHardLimit=7'],
  ] as const) {
    zk.ok(set(statsPath('/a'), written))
    zk.ok(create('/a/b', { data: bytes('bb') }))
    assert.is(used(zk, '/a'), after, written.slice(0, 30))
    zk.ok(remove('/a/b'))
  }
  assert.equal(readQuota(null), { count: -1, bytes: -1 })
})

/** Random writes under and beside nested quotas, which come and go too. */
function wander(zk: World, seed: number, steps: number): void {
  const random = makeRandom(seed)
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!
  const paths = ['/a', '/a/b', '/a/b/c', '/a/d', '/e', '/e/f', '/e/f/g']
  const owners = ['/a', '/a/b', '/e/f']
  for (const at of ['/a', '/a/b', '/e', '/e/f']) zk.ok(create(`/zookeeper/quota${at}`))
  for (let step = 0; step < steps; step++) {
    const path = random.below(5) === 0 ? pick([limitsPath, statsPath])(pick(owners)) : pick(paths)
    const data = random.below(4) === 0 ? null : bytes('x'.repeat(random.below(30)))
    switch (random.below(4)) {
      case 0: zk.propose(remove(path)); break
      case 1: if (!path.startsWith('/zookeeper')) zk.propose({ op: 5, path, data, version: -1 }); break
      default: zk.propose(create(path, { data }))
    }
    if (random.below(3) > 0) while (zk.outstanding.length > 0) zk.applyOne()
  }
  while (zk.outstanding.length > 0) zk.applyOne()
}

test('every replica, every replay and every snapshot counts the same', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const zk = new World()
    const log: PlacedTxn[] = []
    const views: { readonly view: ReturnType<Tree['freeze']>, readonly text: string }[] = []
    let restored: Tree | null = null
    zk.onApply = (placed) => {
      restored?.apply(placed.zxid, placed.txn, null, false)
      log.push(placed)
      if (log.length % 97 === 0) views.push({ view: zk.tree.freeze(), text: describe(zk.tree) })
      // From here on a tree made of a snapshot goes along.
      if (log.length === 150) {
        restored = load(rowsOf(zk.tree))
        restored.apply(placed.zxid, placed.txn, null, false)
      }
    }
    wander(zk, seed, 400)
    const replayed = Tree.empty()
    for (const { zxid, txn } of log) replayed.apply(zxid, txn, null, false)
    for (const other of [replayed, restored!]) {
      assert.is(describe(other), describe(zk.tree), `seed ${seed}`)
      assert.equal(other.digest(), zk.tree.digest())
    }
    assert.equal(load(rowsOf(zk.tree)).digest(), zk.tree.digest())
    for (const frozen of views) {
      const rows = []
      for (let some = frozen.view.next(300); some !== null; some = frozen.view.next(300)) rows.push(...some)
      assert.is(describe(load(rows)), frozen.text, `a view of seed ${seed}`)
      frozen.view.close()
    }
  }
})

// --- enforcing -----------------------------------------------------------------------------------------------------

function limited(limits: string, options: Partial<TreeOptions> = { enforceQuota: true }): World {
  const zk = new World(options)
  zk.ok(create('/a', { data: bytes('12345') }))
  limit(zk, '/a', limits)
  return zk
}

const code = ({ code: is }: Outcome): string => is

test('soft limits that are exceeded are told where limits are enforced, unless there are hard ones', () => {
  const told = (limits: string, options?: Partial<TreeOptions>): string[] => {
    const zk = limited(limits, options)
    assert.is(code(zk.write(set('/a', '123456789'))), 'Ok')
    assert.is(code(zk.write(create('/a/b'))), 'Ok')
    assert.is(code(zk.write(create('/a/c'))), 'Ok')
    assert.is(code(zk.write(create('/b'))), 'Ok')
    return zk.softQuotas.map(({ path, what, used, limit }) => `${path} ${what} ${used} ${limit}`)
  }
  assert.equal(told('count=2,bytes=8'), ['/a bytes 9 8', '/a nodes 3 2'])
  assert.equal(told('count=3,bytes=9'), [], 'just as much')
  assert.equal(told('count=2,bytes=8=;byteHardLimit=20;countHardLimit=20'), [])
  assert.equal(told('count=2,bytes=8', {}), [])
})

test('hard limits are enforced where that is wanted', () => {
  const hard = 'count=-1,bytes=-1=;byteHardLimit=8;countHardLimit=2'
  const zk = limited(hard)
  assert.is(code(zk.write(set('/a', '123456789'))), 'QuotaExceeded')
  assert.is(code(zk.write(set('/a', '12345678'))), 'Ok', 'just as much')
  assert.is(code(zk.write(create('/a/b', { data: bytes('1') }))), 'QuotaExceeded', 'bytes')
  assert.is(code(zk.write(create('/a/b'))), 'Ok')
  assert.is(code(zk.write(create('/a/c'))), 'QuotaExceeded', 'nodes')
  assert.is(code(zk.write(create('/a/b/c'))), 'QuotaExceeded', 'at every depth')
  assert.is(code(zk.write(create('/b'))), 'Ok', 'elsewhere')
  assert.is(code(zk.write(set('/a', '87654321'))), 'Ok', 'as many bytes as before')
  assert.is(code(zk.write(remove('/a/b'))), 'Ok')
  const multi = zk.write({ op: 14, ops: [create('/x'), create('/a/m', { data: bytes('m') }), remove('/b')] })
  assert.equal(multi.result, { op: 14, results: ['Ok', 'QuotaExceeded', 'RuntimeInconsistency']
    .map((each) => ({ op: -1, code: each })) })
  const free = limited(hard, {})
  assert.is(code(free.write(set('/a', '123456789'))), 'Ok', 'not unless it is wanted')
  assert.is(used(free, '/a'), 'count=1,bytes=9')
})

test('soft limits refuse nothing, and a hard one counts in place of the soft', () => {
  const soft = limited('count=1,bytes=1')
  assert.is(code(soft.write(create('/a/b', { data: bytes('xxx') }))), 'Ok')
  const both = limited('count=1,bytes=1=;countHardLimit=2')
  assert.is(code(both.write(create('/a/b', { data: bytes('xxx') }))), 'Ok')
  assert.is(code(both.write(create('/a/c'))), 'QuotaExceeded')
})

test('above its limit a subtree may go below it, and not a little down', () => {
  const zk = limited('count=-1,bytes=-1=;byteHardLimit=3')
  assert.is(code(zk.write(set('/a', '1234'))), 'QuotaExceeded')
  assert.is(code(zk.write(set('/a', '54321'))), 'Ok', 'no change of bytes is not looked at')
  assert.is(code(zk.write(set('/a', '123'))), 'Ok')
})

test('the quota is the last thing that is looked at in a creation, and comes before the version in a change', () => {
  const zk = limited('count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=1')
  const session = zk.open()
  assert.is(code(zk.write(create('/a'))), 'NodeExists')
  assert.is(code(zk.write(create('/a/none/b'))), 'NoNode')
  assert.is(code(zk.write(set('/a', '123456', 99))), 'QuotaExceeded')
  assert.is(code(zk.write(set('/a', '1234', 99))), 'BadVersion')
  zk.ok(set(limitsPath('/a'), 'count=-1,bytes=-1=;countHardLimit=2'))
  zk.ok(ephemeral('/a/e'), anonymous(session))
  assert.is(code(zk.write(create('/a/e/x'))), 'NoChildrenForEphemerals')
})

test('outstanding changes of one node are counted by what it will be', () => {
  const zk = limited('count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=9')
  zk.propose(set('/a', '1'))
  assert.is(zk.propose(set('/a', '12345')).kind, 'error', 'four more than before, of which the tree knows nothing yet')
  zk.applyAll()
  assert.is(used(zk, '/a'), 'count=1,bytes=1')
  zk.propose(create('/a/b', { data: bytes('bbbb') }))
  assert.is(zk.propose(set('/a/b', 'ccccc')).kind, 'setData', 'one more than what is being created')
  assert.is(zk.propose(set('/a', '12345')).kind, 'setData', 'four more than what it has, whatever else of it changes')
  zk.applyAll()
  assert.is(used(zk, '/a'), counted(zk.tree, '/a'))
})

test('the text of the configuration, which is each peer\'s own, counts nothing until it is written', () => {
  const zk = new World({ enforceQuota: true })
  const other = Tree.empty()
  zk.tree.setConfig(bytes('a text'))
  other.setConfig(bytes('a longer text'))
  zk.onApply = ({ zxid, txn }) => void other.apply(zxid, txn, null, false)
  const same = (owner: string, expected = used(zk, owner)): void => {
    for (const tree of [zk.tree, other]) assert.is(text(tree.get(statsPath(owner))?.data), expected)
    assert.equal(zk.tree.digest(), other.digest())
  }
  limit(zk, '/zookeeper')
  same('/zookeeper')
  limit(zk, '/zookeeper/config', 'count=-1,bytes=-1=;byteHardLimit=10')
  same('/zookeeper/config', 'count=1,bytes=0')
  assert.is(code(zk.write(set('/zookeeper/config', 'x'.repeat(11)), ROOT)), 'QuotaExceeded', 'whatever it has here')
  zk.ok(set('/zookeeper/config', '0123456789'), ROOT)
  same('/zookeeper/config', 'count=1,bytes=10')
  zk.ok(set('/zookeeper/config', '01234'), ROOT)
  same('/zookeeper/config', 'count=1,bytes=5')
})

test('what is above a deep node is not looked up where no owner can be', () => {
  const zk = new World()
  const path = '/a'.repeat(2_000)
  for (let end = 2; end <= path.length; end += 2) zk.ok(create(path.slice(0, end)))
  limit(zk, '/other')
  limit(zk, '/a/a')
  assert.ok(callsOf(Set.prototype, 'has', () => void zk.ok(set(path, 'text'))) < 10)
  assert.is(used(zk, '/a/a'), 'count=1999,bytes=4')
  zk.ok(create('/else'))
  for (const name of ['zookeeper_limits', 'zookeeper_stats']) zk.ok(remove(`/zookeeper/quota/a/a/${name}`))
  limit(zk, path)
  zk.ok(set(path, ''))
  assert.is(used(zk, path), 'count=1,bytes=0', 'the longest itself')
})

test('one owner with a long path has nothing else above looked up', () => {
  const zk = new World()
  const path = '/a'.repeat(2_000)
  for (let end = 2; end <= path.length; end += 2) zk.ok(create(path.slice(0, end)))
  limit(zk, `/${'x'.repeat(5_000)}`)
  limit(zk, '/a/a')
  assert.ok(callsOf(Set.prototype, 'has', () => void zk.ok(set(path, 'text'))) < 10)
  assert.is(used(zk, '/a/a'), 'count=1999,bytes=4')
})

test.run()
