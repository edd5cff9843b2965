import { ANY_MODE, WatchMode, Watches } from '../../lib/core/tree/watches.ts'
import { read } from '../../lib/core/tree/reads.ts'
import { Perm } from '../../lib/core/tree/request.ts'
import type { MultiOp, Request, SetWatchesRequest } from '../../lib/core/tree/request.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'
import { anonymous, callsOf, create, ephemeral, remove, ROOT, set, setAcl, ttl, World, world } from './world.ts'

const test = suite('watches')

const { standard, persistent, recursive } = WatchMode

function persistently(zk: World, path: string, conn: number): void {
  assert.is(zk.read({ op: 106, path, mode: 0 }, conn).code, 'Ok')
}

function recursively(zk: World, path: string, conn: number): void {
  assert.is(zk.read({ op: 106, path, mode: 1 }, conn).code, 'Ok')
}

test('one-shot watches fire once', () => {
  const zk = new World()
  zk.ok(create('/a'))
  zk.read({ op: 4, path: '/a', watch: true }, 1)
  zk.read({ op: 3, path: '/a', watch: true }, 2)
  zk.read({ op: 8, path: '/a', watch: true }, 3)
  zk.read({ op: 12, path: '/a', watch: true }, 4)
  zk.read({ op: 3, path: '/b', watch: true }, 5)
  zk.read({ op: 4, path: '/a', watch: false }, 6)
  zk.read({ op: 8, path: '/a', watch: false }, 6)
  assert.equal(zk.seen(), [])
  zk.ok(set('/a'))
  assert.equal(zk.seen(), ['1 data /a', '2 data /a'])
  zk.ok(set('/a'))
  assert.equal(zk.seen(), [])
  zk.ok(create('/a/x'))
  assert.equal(zk.seen(), ['3 children /a', '4 children /a'])
  zk.ok(create('/a/y'))
  zk.ok(create('/b'))
  assert.equal(zk.seen(), ['5 created /b'])
  zk.ok(remove('/b'))
  assert.equal(zk.seen(), [])
  assert.ok(zk.watches.idle)
})

test('who watches the data of which path', () => {
  const zk = new World()
  zk.ok(create('/a'))
  const watchers = (): [string, number[]][] =>
    Array.from(zk.watches.dataWatchers(), ({ path, conns }) => [path, [...conns]])
  assert.equal(watchers(), [])
  zk.read({ op: 4, path: '/a', watch: true }, 1)
  zk.read({ op: 3, path: '/b', watch: true }, 1)
  persistently(zk, '/a', 2)
  recursively(zk, '/c', 3)
  zk.read({ op: 8, path: '/a', watch: true }, 4)
  assert.equal(watchers(), [['/a', [1, 2]], ['/b', [1]], ['/c', [3]]])
  zk.ok(set('/a'))
  assert.equal(watchers(), [['/a', [2]], ['/b', [1]], ['/c', [3]]])
  zk.watches.removeConnection(2)
  assert.equal(watchers(), [['/b', [1]], ['/c', [3]]])
})

test('what each change fires, in which order', () => {
  const zk = new World()
  zk.ok(create('/p'))
  const all = (): void => {
    zk.read({ op: 3, path: '/p/n', watch: true }, 1)
    zk.watches.addChild('/p/n', 2, standard)
    zk.read({ op: 8, path: '/p', watch: true }, 3)
    zk.read({ op: 4, path: '/p', watch: true }, 4)
    recursively(zk, '/', 5)
    recursively(zk, '/p/n', 6)
    persistently(zk, '/p', 7)
  }
  all()
  zk.ok(create('/p/n'))
  assert.equal(zk.seen(), ['1 created /p/n', '6 created /p/n', '5 created /p/n', '3 children /p', '7 children /p'])
  all()
  zk.ok(set('/p/n'))
  assert.equal(zk.seen(), ['6 data /p/n', '1 data /p/n', '5 data /p/n'])
  all()
  zk.ok(setAcl('/p/n', world(Perm.all)))
  assert.equal(zk.seen(), [])
  zk.ok(remove('/p/n'))
  assert.equal(zk.seen(),
    ['6 deleted /p/n', '1 deleted /p/n', '5 deleted /p/n', '2 deleted /p/n', '7 children /p', '3 children /p'])
  zk.write(remove('/p/n'))
  assert.equal(zk.seen(), [], 'what fails fires nothing')
  zk.ok(set('/p'))
  assert.equal(zk.seen(), ['4 data /p', '7 data /p', '5 data /p'])
  for (const { event } of zk.rawEvents.slice(-3)) assert.is(event.zxid, zk.last)
})

test('one event per connection and change, however many watches match', () => {
  const zk = new World()
  zk.ok(create('/p'))
  zk.ok(create('/p/n'))
  zk.watches.addData('/p/n', 1, ANY_MODE)
  zk.watches.addChild('/p/n', 1, standard | persistent)
  for (const path of ['/', '/p']) recursively(zk, path, 1)
  zk.ok(set('/p/n'))
  assert.equal(zk.seen(), ['1 data /p/n'])
  zk.watches.addChild('/p', 1, standard)
  zk.ok(remove('/p/n'))
  assert.equal(zk.seen(), ['1 deleted /p/n', '1 children /p'], 'the second is another lookup')
  zk.ok(create('/p/n'))
  assert.equal(zk.seen(), ['1 created /p/n'])
})

test('persistent watches stay, and tell of the node and its children alone', () => {
  const zk = new World()
  persistently(zk, '/p', 1)
  zk.ok(create('/p'))
  zk.ok(set('/p'))
  zk.ok(create('/p/n'))
  zk.ok(set('/p/n'))
  zk.ok(create('/p/n/m'))
  zk.ok(remove('/p/n/m'))
  zk.ok(remove('/p/n'))
  zk.ok(remove('/p'))
  zk.ok(create('/p'))
  assert.equal(zk.seen(), ['1 created /p', '1 data /p', '1 children /p', '1 children /p', '1 deleted /p',
    '1 created /p'])
})

test('recursive watches tell of every descendant and never of children', () => {
  const zk = new World()
  recursively(zk, '/p', 1)
  zk.ok(create('/p'))
  zk.ok(create('/p/n'))
  zk.ok(set('/p/n'))
  zk.ok(create('/pn'))
  zk.ok(remove('/p/n'))
  zk.ok(remove('/p'))
  zk.ok(set('/'))
  assert.equal(zk.seen(), ['1 created /p', '1 created /p/n', '1 data /p/n', '1 deleted /p/n', '1 deleted /p'])
  recursively(zk, '/', 2)
  zk.ok(set('/'))
  zk.ok(create('/p'))
  assert.equal(zk.seen(), ['2 data /', '1 created /p', '2 created /p'])
})

test('children of the root are its children', () => {
  const zk = new World()
  zk.read({ op: 8, path: '/', watch: true }, 1)
  zk.ok(create('/a'))
  assert.equal(zk.seen(), ['1 children /'])
})

test('the closing of a session fires as deletions', () => {
  const zk = new World()
  const session = zk.open()
  zk.ok(create('/p'))
  zk.ok(ephemeral('/p/a'), anonymous(session))
  zk.ok(ephemeral('/p/b'), anonymous(session))
  zk.read({ op: 3, path: '/p/b', watch: true }, 1)
  zk.read({ op: 8, path: '/p', watch: true }, 2)
  persistently(zk, '/p', 3)
  zk.close(session)
  assert.equal(zk.seen(), ['2 children /p', '3 children /p', '1 deleted /p/b', '3 children /p'])
  for (const { event } of zk.rawEvents) assert.is(event.zxid, zk.last)
})

test('reaping fires as deletion', () => {
  const zk = new World()
  zk.ok(ttl('/t', 5))
  zk.read({ op: 4, path: '/t', watch: true }, 1)
  zk.ok({ op: 20, path: '/t' })
  assert.equal(zk.seen(), ['1 deleted /t'])
})

test('a multi fires for each operation in order; a failed one for none', () => {
  const zk = new World()
  zk.ok(create('/a'))
  recursively(zk, '/', 1)
  zk.read({ op: 4, path: '/a', watch: true }, 2)
  const ops: MultiOp[] = [set('/a'), create('/b'), { op: 13, path: '/a', version: -1 }, set('/a'), remove('/a')]
  zk.ok({ op: 14, ops: [...ops, set('/none')] })
  assert.equal(zk.seen(), [])
  zk.ok({ op: 14, ops })
  assert.equal(zk.seen(), ['2 data /a', '1 data /a', '1 created /b', '1 data /a', '1 deleted /a'])
})

test('who may not read is not told, but the watch is spent', () => {
  const zk = new World()
  zk.identities.set(2, [{ scheme: 'digest', id: 'bob:h' }])
  const acl = [{ perms: Perm.all, scheme: 'digest', id: 'bob:h' }]
  for (const conn of [1, 2]) {
    zk.read({ op: 3, path: '/a', watch: true }, conn)
    persistently(zk, '/a/b', conn)
    zk.watches.addChild('/', conn, standard)
  }
  zk.ok(create('/a', { acl }))
  assert.equal(zk.seen(), ['2 created /a', '1 children /', '2 children /'],
    'the node by its list, the parent by its own')
  zk.ok(create('/a/b'), { session: '0x0' as never, identities: zk.identities.get(2)! })
  assert.equal(zk.seen(), ['1 created /a/b', '2 created /a/b'])
  for (const conn of [1, 2]) zk.watches.addChild('/a', conn, standard)
  zk.ok(setAcl('/a/b', acl))
  zk.ok(set('/a/b'), ROOT)
  assert.equal(zk.seen(), ['2 data /a/b'])
  zk.ok(remove('/a/b'), ROOT)
  assert.equal(zk.seen(), ['2 deleted /a/b', '2 children /a'])
  zk.ok(create('/a/b'), ROOT)
  assert.equal(zk.seen(), ['1 created /a/b', '2 created /a/b'], 'the child watches on /a are spent')
})

test('removal by type', () => {
  const rows: readonly (readonly [type: number, left: readonly string[]])[] = [
    [1, ['data', 'persistent', 'recursive']], [2, ['children', 'persistent', 'recursive']], [3, []],
    [4, ['children', 'data', 'recursive']], [5, ['children', 'data', 'persistent']],
  ]
  for (const [type, left] of rows) {
    const zk = new World()
    zk.ok(create('/a'))
    zk.read({ op: 8, path: '/a', watch: true })
    zk.read({ op: 4, path: '/a', watch: true })
    persistently(zk, '/a', 1)
    recursively(zk, '/a', 1)
    assert.is(zk.read({ op: 17, path: '/a', type }).code, 'Ok')
    assert.is(zk.read({ op: 17, path: '/a', type }, 2).code, 'NoWatcher', 'of another connection')
    assert.is(zk.read({ op: 18, path: '/a/', type }).code, 'NoWatcher')
    assert.is(zk.read({ op: 18, path: '/a', type }).code, 'Ok')
    assert.is(zk.read({ op: 18, path: '/a', type }).code, 'NoWatcher')
    const present = (['children', 'data', 'any', 'persistent', 'recursive'] as const)
      .filter((_, at) => at !== 2 && zk.read({ op: 17, path: '/a', type: at + 1 }).code === 'Ok')
    assert.equal(present, left, `type ${type}`)
    assert.is(zk.watches.idle, left.length === 0)
  }
  const zk = new World()
  for (const type of [0, 6, -1, 1.5]) {
    assert.is(zk.read({ op: 18, path: '/a', type }).code, 'MarshallingError')
    assert.is(zk.read({ op: 17, path: '/a', type }).code, 'MarshallingError')
  }
  for (const mode of [2, -1]) assert.is(zk.read({ op: 106, path: '/a', mode }).code, 'MarshallingError')
  assert.ok(zk.watches.idle)
})

test('a removed watch is silent, the others speak', () => {
  const zk = new World()
  zk.ok(create('/a'))
  recursively(zk, '/a', 1)
  recursively(zk, '/', 2)
  recursively(zk, '/', 2)
  zk.read({ op: 18, path: '/a', type: 5 }, 1)
  zk.ok(create('/a/b'))
  assert.equal(zk.seen(), ['2 created /a/b'])
  zk.read({ op: 18, path: '/', type: 5 }, 2)
  persistently(zk, '/', 3)
  zk.ok(create('/a/c'))
  assert.equal(zk.seen(), [])
  zk.read({ op: 18, path: '/', type: 4 }, 3)
  zk.ok(create('/b'))
  assert.equal(zk.seen(), [], 'a persistent watch goes from both tables')
  assert.ok(zk.watches.idle)
})

test('setWatches: what changed meanwhile fires, the rest is armed', () => {
  const zk = new World()
  for (const path of ['/same', '/changed', '/kids', '/born', '/closed']) zk.ok(create(path))
  zk.ok(setAcl('/closed', world(0)))
  const relativeZxid = zk.last
  zk.ok(set('/changed'))
  zk.ok(create('/kids/k'))
  zk.ok(set('/closed'), ROOT)
  const request: SetWatchesRequest = {
    op: 105, relativeZxid, data: ['/gone', '/same', '/changed', '/kids', '/closed'],
    exist: ['/gone2', '/born', '/same2'],
    child: ['/gone3', '/same', '/kids', '/changed'], persistent: ['/gone4', '/changed'], recursive: ['/kids', '/gone5'],
  }
  assert.equal(zk.read(request).result, { op: 105 })
  assert.equal(zk.seen(), [
    '1 deleted /gone', '1 data /changed', '1 created /born', '1 deleted /gone3', '1 children /kids',
  ])
  for (const { event } of zk.rawEvents) assert.is(event.zxid, -1)
  const armed = (path: string): number[] => [1, 2, 4, 5].filter((type) => zk.watches.has(path, 1, type))
  const expected: Record<string, number[]> = {
    '/gone': [], '/same': [1, 2], '/changed': [1, 4], '/kids': [2, 5], '/closed': [], '/gone2': [2], '/born': [],
    '/same2': [2],
    '/gone3': [], '/gone4': [4], '/gone5': [5],
  }
  for (const [path, types] of Object.entries(expected)) assert.equal(armed(path), types, path)
  zk.ok(create('/changed/x'))
  assert.equal(zk.seen(), ['1 children /changed'], 'standard and persistent child watches are one event')
})

test('setWatches tells nothing about nodes that may not be read', () => {
  const zk = new World()
  zk.ok(create('/a'))
  zk.ok(setAcl('/a', world(30)))
  const lists = { persistent: [], recursive: [] }
  const request: SetWatchesRequest = {
    op: 101, relativeZxid: ZXID_ZERO, data: ['/a'], exist: ['/a'], child: ['/a'], ...lists,
  }
  zk.read(request)
  assert.equal(zk.seen(), [])
  assert.ok(zk.watches.idle)
  zk.ok(setAcl('/a', world(1)))
  zk.read(request)
  assert.equal(zk.seen(), ['1 data /a', '1 created /a', '1 children /a'])
})

test('setWatches goes by mzxid for data and by pzxid for children; equal is unchanged', () => {
  const zk = new World()
  zk.ok(create('/a'))
  zk.ok(set('/a'))
  const { mzxid, pzxid } = zk.stat('/a')
  const again = (relativeZxid: number): string[] => {
    const lists = { exist: [], persistent: [], recursive: [] }
    zk.read({ op: 101, relativeZxid: relativeZxid as Zxid, data: ['/a'], child: ['/a'], ...lists })
    return zk.seen()
  }
  assert.equal(again(mzxid), [])
  assert.equal(again(pzxid), ['1 data /a'])
  assert.equal(again(pzxid - 1), ['1 data /a', '1 children /a'])
  assert.equal(again(ZXID_ZERO), ['1 data /a', '1 children /a'])
})

test('a connection that ends takes all its watches along', () => {
  const zk = new World()
  zk.ok(create('/a'))
  for (const conn of [1, 2]) {
    for (const path of ['/a', '/b', '/']) {
      zk.watches.addData(path, conn, ANY_MODE)
      zk.watches.addChild(path, conn, standard | persistent)
    }
  }
  assert.equal(zk.watches.counts, { watches: 12, connections: 2, paths: 3 })
  zk.watches.removeConnection(1)
  assert.equal(zk.watches.counts, { watches: 6, connections: 1, paths: 3 })
  zk.ok(set('/a'))
  assert.equal(zk.seen(), ['2 data /a'])
  zk.watches.removeConnection(2)
  assert.equal(zk.watches.counts, { watches: 0, connections: 0, paths: 0 })
  assert.ok(zk.watches.idle)
  zk.watches.removeConnection(3)
})

test('idle says exactly whether anybody watches', () => {
  const told: number[] = []
  const watches = new Watches((conn) => void told.push(conn), () => true)
  assert.ok(watches.idle)
  watches.addData('/a', 1, standard)
  watches.addChild('/a', 1, standard)
  watches.addData('/a', 1, standard)
  watches.dataChanged('/a', ZXID_ZERO, [])
  assert.not.ok(watches.idle)
  watches.created('/a/b', ZXID_ZERO, [], '/a', [])
  assert.ok(watches.idle)
  assert.equal(told, [1, 1])
  watches.addData('/a', 1, recursive)
  watches.dataChanged('/a', ZXID_ZERO, [])
  assert.not.ok(watches.idle)
  assert.ok(watches.remove('/a', 1, 5))
  assert.ok(watches.idle)
})

test('an exists watch on a node that comes and goes in one multi', () => {
  const zk = new World()
  zk.read({ op: 3, path: '/a', watch: true })
  zk.ok({ op: 14, ops: [create('/a'), remove('/a')] })
  assert.equal(zk.seen(), ['1 created /a'])
})

test('no event needs no watches: applying without them changes the same', () => {
  const [one, two] = [new World(), new World()]
  one.watches.addData('/a', 1, ANY_MODE)
  for (const zk of [one, two]) {
    zk.ok(create('/a'))
    zk.ok(set('/a'))
    zk.ok(remove('/a'))
  }
  assert.equal(one.tree.digest(), two.tree.digest())
  assert.is(one.seen().length, 3)
})

test('what is above a deep node is not looked up where nobody can watch all below', () => {
  const told: string[] = []
  const watches = new Watches((conn) => void told.push(`${conn}`), () => true)
  const path = '/a'.repeat(2_000)
  const lookUps = (): number => callsOf(Map.prototype, 'get', () => watches.dataChanged(path, ZXID_ZERO, []))
  watches.addData('/a/a', 1, recursive)
  watches.addData('/a/ab', 2, recursive)
  watches.addData('/', 3, recursive)
  assert.ok(lookUps() < 10)
  assert.equal(told.splice(0), ['1', '3'])
  watches.addData(path.slice(0, -2), 4, recursive)
  watches.addData(path, 5, recursive)
  watches.dataChanged(path, ZXID_ZERO, [])
  assert.equal(told.splice(0), ['5', '4', '1', '3'])
  for (const conn of [1, 2, 3, 4, 5]) watches.removeConnection(conn)
  watches.addData('/', 3, recursive)
  assert.ok(lookUps() < 10, 'and shorter again when all are gone')
  assert.equal(told, ['3'])
})

test('one long path that is watched recursively has nothing else above looked up', () => {
  const told: string[] = []
  const watches = new Watches((conn) => void told.push(`${conn}`), () => true)
  const path = '/a'.repeat(2_000)
  const lookUps = (): number => callsOf(Map.prototype, 'get', () => watches.dataChanged(path, ZXID_ZERO, []))
  watches.addData('/x'.repeat(3_000), 1, recursive)
  watches.addData('/x'.repeat(1_500), 1, recursive)
  watches.addData('/a/a', 2, recursive)
  watches.addData('/b/b', 3, recursive)
  assert.ok(lookUps() < 10)
  assert.equal(told.splice(0), ['2'])
  watches.removeConnection(2)
  watches.dataChanged('/b/b/b', ZXID_ZERO, [])
  assert.equal(told.splice(0), ['3'], 'another one as long is watched still')
  watches.removeConnection(3)
  watches.dataChanged('/b/b/b', ZXID_ZERO, [])
  watches.dataChanged('/x'.repeat(2_000), ZXID_ZERO, [])
  assert.equal(told, ['1'])
})

test('a connection watches so many paths and no more, and nothing is left of what is refused', () => {
  const zk = new World()
  zk.ok(create('/a'))
  const watches = new Watches(() => undefined, () => true, 3)
  const ask = (request: Request, conn = 1): string =>
    read(zk.tree, request, anonymous(), conn, watches, zk.options).code
  const again = (of: Partial<SetWatchesRequest>): string =>
    ask({ op: 105, relativeZxid: zk.last, data: [], exist: [], child: [], persistent: [], recursive: [], ...of })
  const paths = (): number => watches.counts.paths
  assert.is(again({ exist: ['/1', '/2', '/3', '/4'] }), 'QuotaExceeded')
  assert.is(paths(), 0)
  assert.is(again({ exist: ['/1', '/2'], persistent: ['/1', '/2', '/3'], recursive: ['/3'] }), 'Ok', 'three in all')
  assert.is(again({ exist: ['/1', '/2', '/3'], recursive: ['/3'] }), 'Ok', 'the same ones')
  assert.is(again({ exist: ['/1', '/2', '/3'], child: ['/a'] }), 'QuotaExceeded')
  for (const request of [
    { op: 3, path: '/a', watch: true }, { op: 4, path: '/a', watch: true }, { op: 8, path: '/a', watch: true },
    { op: 3, path: '/none', watch: true }, { op: 106, path: '/a', mode: 0 }, { op: 106, path: '/a', mode: 1 },
  ] as const) {
    assert.is(ask(request), 'QuotaExceeded')
    assert.is(ask(request, 2), request.path === '/none' ? 'NoNode' : 'Ok', 'each has its own')
  }
  watches.removeConnection(2)
  assert.is(paths(), 3)
  assert.is(ask({ op: 4, path: '/a', watch: false }), 'Ok')
  assert.is(ask({ op: 106, path: '/1', mode: 1 }), 'Ok')
  assert.is(ask({ op: 18, path: '/3', type: 3 }), 'Ok')
  assert.is(ask({ op: 8, path: '/a', watch: true }), 'Ok', 'there is room again')
})

test('the text of what a connection watches counts as well', () => {
  const zk = new World()
  const watches = new Watches(() => undefined, () => true, 10)
  const ask = (request: Request): string => read(zk.tree, request, anonymous(), 1, watches, zk.options).code
  const watch = (path: string): string => ask({ op: 3, path, watch: true })
  const again = (exist: readonly string[]): string =>
    ask({ op: 105, relativeZxid: zk.last, data: [], exist, child: [], persistent: [], recursive: [] })
  const long = (name: string, length: number): string => `/${name}`.padEnd(length, name)
  assert.is(watch(long('a', 2_560)), 'QuotaExceeded')
  assert.is(again([long('a', 1_024), long('b', 1_280)]), 'QuotaExceeded')
  assert.is(watches.counts.paths, 0)
  assert.is(again([long('a', 1_024), long('b', 1_024)]), 'Ok', 'ten in all')
  assert.is(again([long('a', 1_024), long('b', 1_024), long('a', 1_024)]), 'Ok', 'the same ones')
  assert.is(watch(long('a', 1_024)), 'NoNode')
  assert.is(watch('/c'), 'QuotaExceeded')
  assert.is(ask({ op: 18, path: long('a', 1_024), type: 3 }), 'Ok')
  assert.is(watch(long('c', 1_279)), 'NoNode')
  assert.is(watch('/d'), 'QuotaExceeded')
})

test.run()
