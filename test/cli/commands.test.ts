import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatHex } from '../../lib/cli/format.ts'
import { glob } from '../../lib/cli/glob.ts'
import { formatQuota, parseQuota } from '../../lib/core/tree/quota-text.ts'
import { assert, suite } from '../harness.ts'
import { open } from './scene.ts'

const test = suite('commands')
const STAT = /^cZxid = 0x[0-9a-f]+\nctime = [A-Z].* \d{4}\nmZxid = .*\nmtime = .*\npZxid = .*\ncversion = \d+\n/

test('create makes nodes of every kind, and says what cannot be', async (t) => {
  const { says, printed } = await open(t)
  assert.is(await says('create /a 1', 'create -s /a/s- x', 'create -e /a/e y', 'create -e -s /a/es- y', 'create -c /c',
    'create -t 60000 /t d', 'create -st60000 /t-', 'create /null', 'create /empty ""'),
  'Created /a\nCreated /a/s-0000000000\nCreated /a/e\nCreated /a/es-0000000002\nCreated /c\nCreated /t\n' +
    'Created /t-0000000003\nCreated /null\nCreated /empty')
  assert.equal(printed, [])
  for (const [line, problem] of [
    ['create', 'create [-s] [-e] [-c] [-t ttl] path [data] [acl]'],
    ['create /a 2', 'Node already exists: /a'],
    ['create /a/e/c', 'Ephemerals cannot have children: /a/e/c'],
    ['create -c -e /x', '-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.'],
    ['create -t x /x', '-t argument must be a long value'],
    ['create -t 1 -e /x', 'TTLs cannot be used with Ephemeral znodes'],
    ['create -t 1 -c /x', 'TTLs cannot be used with Container znodes'],
    ['create -t 0 /x', 'ttl must be positive and cannot be larger than: 1099511627775'],
    ['create /x/y', 'Node does not exist: /x/y'],
    ['create /bad/', 'Path must not end with / character'],
    ['create /x d bogus', 'bogus does not have the form scheme:id:perm\nAcl is not valid : /x'],
    ['create /x d world:anyone:rz', 'Unknown perm type: z\nCreated /x'],
    ['create /y d foo:bar:r', 'Acl is not valid : /y'],
    ['create /z 1 world:anyone:r more', 'ignored: more\nCreated /z'],
  ] as const) assert.is(await says(line), problem)
})

test('get, set, stat, delete and sync', async (t) => {
  const { says } = await open(t)
  await says('create /a 1', 'create /null', 'create /empty ""')
  assert.is(await says('get /a', 'get /null', 'get /empty', 'get -b /a'), '1\nnull\n\nMQ==')
  assert.match((await says('get -s /a')).replace('1\n', ''), STAT)
  assert.is(await says('get /a watch'),
    "'get path [watch]' has been deprecated. Please use 'get [-s] [-w] path' instead.\n1")
  assert.match(await says('set -s /a 2'),
    /\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:\/a zxid: \d+\ncZxid/)
  assert.is(await says('set -v 9 /a 3', 'set -v1 /a 3', 'get /a'), 'version No is not valid : /a\n3')
  assert.is(await says('set -b /a aGVsbG8=', 'get /a', 'set -b /a !'), 'hello\nthe data is not valid Base64')
  assert.is(await says('set /a -- -5', 'get /a', 'set /a {"x":1}', 'get /a'), '-5\n{"x":1}')
  assert.match(await says('stat /a'), STAT)
  assert.is(await says('stat /none', 'get /none', 'get nope'),
    'Node does not exist: /none\nNode does not exist: /none\nPath must start with / character')
  assert.match(await says('delete /a 0'), /deprecated.*\nversion No is not valid : \/a$/)
  assert.is(await says('delete -v 5 /a', 'delete /zookeeper', 'sync /'),
    'Arguments are not valid : /zookeeper\nSync is OK')
})

test('a hexadecimal dump has rows of sixteen', () => {
  const bytes = Uint8Array.from({ length: 18 }, (_, i) => 0x30 + i * 5)
  assert.is(formatHex(bytes).split('\n').slice(3).join('\n'),
    '|00000000| 30 35 3a 3f 44 49 4e 53 58 5d 62 67 6c 71 76 7b |05:?DINSX]bglqv{|\n' +
    '|00000010| 80 85                                           |..              |\n' +
    `+--------+${'-'.repeat(49)}+----------------+`)
  assert.is(formatHex(new Uint8Array(0)), '')
})

test('ls in both orders, counts and ephemerals', async (t) => {
  const { says, complaints, printed } = await open(t)
  await says('create /a', 'create /a/b', 'create /a/b/c', 'create /a/d', 'create -e /a/e')
  assert.is(await says('ls /a', 'ls /a/d'), '[b, d, e]\n[]')
  assert.is(await says('ls -R /a'), '/a\n/a/b\n/a/d\n/a/e\n/a/b/c')
  assert.match(await says('ls -sw /a'), /^\[b, d, e\]\ncZxid/)
  assert.match(await says('create /a/f'), /type:NodeChildrenChanged path:\/a zxid: \d+\nCreated \/a\/f$/)
  assert.is(await says('getAllChildrenNumber /a', 'getEphemerals', 'getEphemerals /b', 'getEphemerals /a'),
    '5\n[/a/e]\n[]\n[/a/e]')
  assert.is(await says('ls', 'ls -R /none', 'ls -?').then((text) => text.split('\n').slice(0, 3).join('\n')),
    'ls [-s] [-w] [-R] path\nNode does not exist: /none\nusage: ls [options] path')
  assert.ok(printed.length > 0 && complaints.length > 0)
})

test('access-control lists and identities', async (t) => {
  const { says, shell } = await open(t)
  await says('create /a', 'create /a/b')
  assert.is(await says('getAcl /a'), "'world,'anyone\n: cdrwa")
  assert.match(await says('setAcl -s /a world:anyone:crdwa,ip:::1:r'), STAT)
  assert.is(await says('getAcl /a'), "'world,'anyone\n: cdrwa\n'ip,'::1\n: r")
  assert.is(await says('setAcl -v 7 /a world:anyone:r'), 'version No is not valid : /a')
  assert.is(await says('setAcl -R /a world:anyone:rwa', 'getAcl /a/b'), "'world,'anyone\n: rwa")
  assert.match(await says('getAcl -s /a'), /^'world,'anyone\n: rwa\ncZxid/)
  assert.is(await says('create /a/c', 'setAcl /a', 'setAcl /a zzz').then((text) => text.split('\n')[0]),
    'Insufficient permission : /a/c')
  assert.match(await says('addauth digest bob:pw', 'whoami'), /^Auth scheme: User\n(?:.*\n)?digest: bob/)
  await says('create /mine x auth::crdwa', 'setAcl /a/b digest:bob:nobody:a,world:anyone:r')
  assert.match(await says('getAcl /mine'), /^'digest,'bob:[\w+/=]+\n: cdrwa$/)
  assert.is(await says('setAcl -R /a world:anyone:r'),
    'Insufficient permission : /a/b\nthe list of 1 node is as it was')
  assert.is(shell.exitCode, 1)
  assert.is(await says('addauth'), 'addauth scheme auth')
})

test('watches are left, fire, and are removed', async (t) => {
  const { says: saysAll } = await open(t)
  const zxids: number[] = []
  const says = async (...lines: string[]): Promise<string> => (await saysAll(...lines)).replace(/ zxid: (\d+)$/gm,
    (_, zxid: string) => {
      zxids.push(Number(zxid))
      return ' zxid: N'
    })
  const event = (type: string, path: string): string =>
    `\nWATCHER::\n\nWatchedEvent state:SyncConnected type:${type} path:${path} zxid: ` +
    (type.endsWith('Removed') ? '-1' : 'N')
  await says('create /a', 'stat -w /a', 'get -w /a')
  assert.is(await says('set /a 1', 'set /a 2'), event('NodeDataChanged', '/a'))
  assert.is(await says('addWatch /a', 'create /a/b', 'set /a/b 1', 'delete /a/b'),
    `${event('NodeCreated', '/a/b')}\nCreated /a/b\n${event('NodeDataChanged', '/a/b')}\n` +
    event('NodeDeleted', '/a/b'))
  assert.is(await says('removewatches /a -d'), 'KeeperErrorCode = No such watcher for /a')
  assert.is(await says('removewatches /a'), event('PersistentWatchRemoved', '/a'))
  assert.is(await says('set /a 3', 'removewatches /a -r'), 'KeeperErrorCode = No such watcher for /a')
  assert.is(await says('addWatch -m persistent /a', 'ls -w /a', 'create /a/c'),
    `[]\n${event('NodeChildrenChanged', '/a')}\nCreated /a/c`)
  assert.is(await says('get -w /a', 'removewatches /a -d', 'removewatches /a -p -l'),
    `3\n${event('DataWatchRemoved', '/a')}\n${event('PersistentWatchRemoved', '/a')}`)
  assert.is(await says('ls -w /a', 'printwatches', 'printwatches off', 'delete /a/c', 'printwatches',
    'printwatches on'),
    '[c]\nprintwatches is on\nprintwatches is off')
  assert.match(await says('addWatch -m bogus /a'), /^addWatch \[-m mode\] path # .*PERSISTENT_RECURSIVE$/)
  assert.is(await says('stat -w /new', 'create /new'),
    `Node does not exist: /new\n${event('NodeCreated', '/new')}\nCreated /new`)
  assert.is(zxids.length, 6)
  assert.equal(zxids, zxids.toSorted((one, other) => one - other))
})

test('watch shows what there is and follows so many changes', async (t) => {
  const { shell, printed, other } = await open(t)
  const zk = await other()
  await zk.create('/a', 'one')
  const watching = shell.run('watch -n 3 -i -R /a')
  while (printed.length === 0) await zk.sync()
  await zk.create('/a/b')
  await zk.set('/a', 'two')
  await zk.delete('/a/b')
  await watching
  assert.equal(printed, ['present /a one', 'created /a/b', 'changed /a', 'deleted /a/b'])
  assert.is(shell.exitCode, 0)
  await shell.run('watch -n 0 /a')
  assert.is(shell.exitCode, 1)
})

test('quotas are nodes, as zkCli writes them', async (t) => {
  const { says, shell } = await open(t)
  await says('create /q 1', 'create /q/a 22')
  const at = 'absolute path is /zookeeper/quota/q/zookeeper_limits'
  assert.is(await says('listquota /q'), `${at}\nquota for /q does not exist.`)
  assert.is(await says('delquota /q'), 'Quota does not exist for /q')
  await says('setquota -n 5 /q')
  assert.is(await says('get /zookeeper/quota/q/zookeeper_limits'),
    'count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1')
  assert.is(await says('setquota -b 100 /q', 'setquota -N 6 /q', 'setquota -B 200 /q'), '')
  assert.match(await says('listquota /q'),
    /\nOutput quota for \/q count=5,bytes=100=;byteHardLimit=200;countHardLimit=6\nOutput stat for \/q count=\d,.*\d$/)
  for (const [line, problem] of [
    ['setquota /q', 'Missing required option: [-n num soft quota, -b bytes soft quota, -N num hard quota, ' +
      '-B bytes hard quota]'],
    ['setquota -n 1 -b 2 /q',
      "The option 'b' was specified but an option from this group has already been selected: 'n'"],
    ['setquota -n 5 /q/a', '/q/a has a parent /q which has a quota'],
    ['setquota -n 0 /q', 'the num quota must be greater than zero'],
    ['setquota -b -1 /q', 'the bytes quota must be greater than or equal to zero'],
    ['setquota -n x /q', 'the value of -n must be a whole number, not x'],
    ['setquota -n 5 /none', '/none does not exist.'],
    ['setquota -n 5 /zookeeper/quota/x', 'cannot set a quota under the path: /zookeeper/quota'],
    ['setquota -n 5', 'setquota -n|-b|-N|-B val path'],
  ] as const) {
    assert.is(await says(line), problem)
    assert.is(shell.exitCode, 1)
  }
  assert.match(await says('delquota -n /q', 'listquota /q'), /Output quota for \/q count=-1,bytes=100=;/)
  assert.is(await says('delquota /q', 'ls -R /zookeeper/quota'), '/zookeeper/quota')
  await says('create /q/a/b', 'setquota -n 9 /q/a/b')
  assert.is(await says('setquota -n 9 /q'), '/q has a child /q/a/b which has a quota')
  assert.equal(parseQuota('count=1,bytes='), { count: 1, bytes: -1 })
  assert.is(formatQuota({ count: 1, bytes: 2 }), 'count=1,bytes=2')
})

test('config, reconfig, version and the session', async (t) => {
  const { says, shell } = await open(t)
  assert.is(await says('config', 'config -c'), '\n ')
  assert.match(await says('config -s'), /^\ncZxid/)
  assert.is(await says('reconfig -remove 1'), 'KeeperErrorCode = Reconfig is disabled')
  for (const [line, problem] of [
    ['reconfig', /^reconfig \[-s\] \[-v version\]/], ['reconfig -members a -add b', /^Can't use -file or -members/],
    ['reconfig -file x -members y', /^Can't use -file and -members/],
    ['reconfig -file /nope', /^Error processing \/nope/],
    ['reconfig -v zz -add 1', /^-v must be followed by a long/],
  ] as const) assert.match(await says(line), problem)
  assert.match(await says('version'), /^vivarium CLI version: \d/)
  assert.match(await says('status'), /^ensemble vivarium, leader peer 1\npeer 1 {2}leading {2}epoch 1 /)
  assert.match(await says('session'), /^session 0x[0-9a-f]+, connected, time-out \d+ ms, zxid 0x/)
  await says('create -e /e')
  assert.is(await says('close', 'get /e', 'close', 'help bogus'),
    'Not connected\nNot connected\nCommand not found: bogus')
  assert.is(await says('connect', 'get /e'), 'Node does not exist: /e')
  assert.is(await says('help redo'), 'redo cmdno\n    run a command of the history again')
  assert.match(await says('help'), /\nls \[-s\] \[-w\] \[-R\] path\n/)
  await says('exit')
  assert.ok(shell.over)
})

test('deleteall removes whole subtrees in batches', async (t) => {
  const { says, shell, other } = await open(t)
  const zk = await other()
  for (const parent of ['/a', '/a/b', '/a/b/c']) {
    await zk.create(parent)
    await Promise.all(Array.from({ length: 40 }, (_, i) => zk.create(`${parent}/n${i}`)))
  }
  assert.is(await says('deleteall -b 7 /a', 'ls /'), '[zookeeper]')
  assert.is(await says('deleteall /a'), 'Node does not exist: /a')
  assert.is(await says('deleteall /zookeeper/config'), 'Failed to delete some node(s) in the subtree!')
  assert.is(shell.exitCode, 1)
  assert.is(await says('deleteall -b x /'), '-b argument must be an int value')
})

test('tree and find', async (t) => {
  const { says } = await open(t)
  await says('create /a', 'create /a/b 12345', 'create /a/b/c', 'create /a/b/d', 'create -e /a/e hello',
    'create /a/f.c')
  assert.is(await says('tree /a'), [
    '/a', '\u251c\u2500\u2500 b', '\u2502   \u251c\u2500\u2500 c', '\u2502   \u2514\u2500\u2500 d',
    '\u251c\u2500\u2500 e', '\u2514\u2500\u2500 f.c', '6 nodes',
  ].join('\n'))
  assert.match(await says('tree -s -d 1 /a'), / b {2}\[5 bytes\] \(2 below\)\n.* e {2}\[5 bytes, ephemeral 0x\w+\]\n/)
  assert.is(await says('find -name ?.c /a'), '/a/f.c')
  assert.is(await says('find -name c', 'find -e /a', 'find -data 34 /'), '/a/b/c\n/a/e\n/a/b')
  assert.is(await says('find -e -data hell', 'find -owner 0x7777', 'find -d 0 /a', 'find /none'),
    '/a/e\n/a\nNode does not exist: /none')
  assert.ok(glob('a*[b]?')('axx[b]c') && !glob('a*')('ba'))
})

test('export and import carry data and access-control lists, and note what they cannot', async (t) => {
  const { says, shell, other } = await open(t)
  const file = join(t.tempFolder(), 'app.jsonl')
  const zk = await other()
  await says('create /app', 'create /app/a 1', 'create /app/a/b ""', 'create -e /app/e x',
    'create /app/r x world:anyone:r')
  await zk.create('/app/binary', new Uint8Array([0xff, 0]))
  assert.is(await says(`export -o ${file} /app`),
    `Exported 6 nodes of /app to ${file} (1 ephemeral, which an import leaves out)`)
  const lines = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.is(lines[0]?.['root'], '/app')
  assert.equal(lines.slice(1, 4), [{ path: '', data: null }, { path: 'a', data: '1' }, { path: 'a/b', data: '' }])
  assert.equal(lines[4], { path: 'binary', base64: '/wA=' })
  assert.equal(lines[6], { path: 'r', data: 'x', acl: [{ scheme: 'world', id: 'anyone', perms: 'r' }] })
  assert.is(await says(`import ${file} /copy/of`), 'Imported /copy/of: 5 made, 1 ephemeral left out')
  assert.is(await says('ls -R /copy', 'get /copy/of/a', 'get /copy/of', 'get -b /copy/of/binary', 'getAcl /copy/of/r'),
    "/copy\n/copy/of\n/copy/of/a\n/copy/of/binary\n/copy/of/r\n/copy/of/a/b\n1\nnull\n/wA=\n'world,'anyone\n: r")
  assert.match(await says(`import ${file} /copy/of`),
    /^(Node already exists: .*\n){5}Imported .*: 0 made, .*5 failed\n5 nodes/)
  await says('set /copy/of/a 2')
  assert.match(await says(`import -f ${file} /copy/of`),
    /^Insufficient permission : \/copy\/of\/r\nImported .*: 0 made, 4 replaced, 1 ephemeral left out, 1 failed\n/)
  assert.is(await says('get /copy/of/a'), '1')
  assert.is(shell.exitCode, 0)
})

test('import refuses what is no export', async (t) => {
  const { says } = await open(t)
  const folder = t.tempFolder()
  const file = join(folder, 'x')
  const head = '{"format":"vivarium-export","version":1,"root":"/x"}\n'
  assert.match(await says(`import ${folder}/none`), /^cannot read .*ENOENT/)
  for (const [text, problem] of [
    ['', 'this is no export: it is empty'], ['hello', /^line 1 of the export is no JSON/], ['[]', /no export/],
    ['{"format":"vivarium-export","version":2}', 'an export of version 2'],
    [`${head}{"path":"/a"}`, 'line 2 of the export: path is not one below the root'],
    [`${head}{"path":"","data":1}`, 'line 2 of the export: data is no string'],
    [`${head}{"path":"","acl":[{}]}`, 'line 2 of the export: acl is no list of { scheme, id, perms }'],
    [`${head}{"path":"a//b"}`, /empty node name/],
  ] as const) {
    writeFileSync(file, text)
    const said = await says(`import ${file}`)
    if (typeof problem === 'string') assert.is(said, problem)
    else assert.match(said, problem)
  }
  writeFileSync(file, `${head}{"path":"","container":true}\n\n{"path":"t","ttlMs":60000}\n`)
  assert.is(await says(`import ${file}`, 'ls /x'), 'Imported /x: 2 made\n[t]')
  assert.match(await says(`export -o ${folder}/none/x /x`), /^cannot write .*ENOENT/)
  assert.not.ok(existsSync(join(folder, 'none')))
  assert.is((await says('export /')).split('\n').length, 5)
})

test('JSON: one value per line, for results, errors and events', async (t) => {
  const { shell, printed, complaints, says } = await open(t, { isJson: true, showsUsage: true, showsSession: true })
  await says('create -s /a- 1', 'get -w /a-0000000000', 'set /a-0000000000 2', 'get /none', 'get', 'frob', 'ls /')
  const values = printed.map((line) => JSON.parse(line) as Record<string, unknown>)
  const path = '/a-0000000000'
  assert.equal(values[0], { event: { state: 'SyncConnected', type: 'None', path: null, zxid: -1 } })
  assert.equal(values[1], { path })
  assert.equal(values[2], { path, data: '1' })
  const { stat } = values[4] as { stat: { mzxid: number, version: number } }
  assert.is(stat.version, 1)
  assert.equal(values[3], { event: { state: 'SyncConnected', type: 'NodeDataChanged', path, zxid: stat.mzxid } })
  assert.equal(values[5], { error: { code: 'NoNode', message: 'Node does not exist: /none', path: '/none' } })
  assert.equal(values[6], { error: { message: 'get [-s] [-w] [-b] [-x] path' } })
  assert.equal(values[7], { error: { message: 'Command not found: frob' } })
  assert.equal(values[8], { path: '/', children: ['a-0000000000', 'zookeeper'] })
  assert.is(values.length, 9)
  assert.equal(complaints, [])
  assert.is(shell.failures, 3)
})

test.run()
