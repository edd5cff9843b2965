import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '../../lib/node.ts'
import { findClientPorts } from '../../lib/cli/client-ports.ts'
import { assert, rejects, suite } from '../harness.ts'
import { freePorts } from '../ports.ts'
import { run, start } from './process.ts'

const test = suite('vivarium serve zoo.cfg')
const limit = { timeoutMs: 40_000 }

test('three processes serve one tree from their zoo.cfg files, and 4lw asks them', async (t) => {
  const cwd = t.tempFolder()
  const ports = await freePorts(6)
  const servers = [1, 2, 3].map((id) => `server.${id}=127.0.0.1:${ports[id - 1]}:1`).join('\n')
  const peers = [1, 2, 3].map((id) => {
    const data = join(cwd, `d${id}`)
    mkdirSync(data)
    writeFileSync(join(data, 'myid'), `${id}\n`)
    writeFileSync(join(cwd, `zoo${id}.cfg`), [
      'tickTime=500', 'initLimit=10', 'syncLimit=4', `dataDir=${data}`, `clientPort=${ports[id + 2]}`,
      'clientPortAddress=127.0.0.1', '4lw.commands.whitelist=*', 'admin.enableServer=true', servers, '',
    ].join('\n'))
    return start(t, cwd, ['serve', `zoo${id}.cfg`], 'ignore')
  })
  await Promise.all(peers.map(({ says }, i) => says(`serves clients at tcp://127.0.0.1:${ports[i + 3]}`)))
  await Promise.all(peers.map(({ says }) => says(', serving, epoch 1')))
  const zk = await connect(`zk://127.0.0.1:${ports[3]}`)
  await zk.create('/a', 'one')
  assert.match((await zk.get('/zookeeper/config')).text(),
    new RegExp(`^server.1=127.0.0.1:${ports[0]}:${ports[0]! + 1}:participant\nserver.2=`))
  await zk.close()
  const modes = []
  for (const port of ports.slice(3)) {
    const { code, stdout } = await run(t, cwd, ['4lw', 'srvr', `127.0.0.1:${port}`])
    modes.push(`${code} ${/Mode: (\w+)/.exec(stdout)?.[1]}`)
  }
  assert.equal(modes.sort(), ['0 follower', '0 follower', '0 leader'])
  for (const { child, done } of peers) {
    child.kill('SIGTERM')
    const { code, stderr } = await done
    assert.is(code, 0)
    assert.match(stderr, /^vivarium: zoo\d.cfg: admin.enableServer=true is not honoured\n/)
  }
  assert.ok(existsSync(join(cwd, 'd1', 'vivarium')))
}, limit)

test('a file without servers is a server on its own, and options override it', async (t) => {
  const cwd = t.tempFolder()
  const [port] = await freePorts(1)
  mkdirSync(join(cwd, 'd', 'version-2'), { recursive: true })
  writeFileSync(join(cwd, 'zoo.cfg'), `dataDir=${join(cwd, 'd')}\nclientPort=1\ntickTime=2000\nenforceQuota=true\n`)
  const overrides = ['--client', `tcp://127.0.0.1:${port}`, '--words', 'ruok,conf,hash']
  const peer = start(t, cwd, ['serve', 'zoo.cfg', ...overrides], 'ignore')
  await peer.says(', serving')
  assert.equal(await run(t, cwd, ['4lw', 'ruok', `127.0.0.1:${port}`]), { code: 0, stdout: 'imok\n', stderr: '' })
  assert.equal(await run(t, cwd, ['4lw', 'hash', `127.0.0.1:${port}`]), { code: 0, stdout: '', stderr: '' })
  const { stdout } = await run(t, cwd, ['4lw', 'conf', `127.0.0.1:${port}`])
  assert.match(stdout, /\ntickTime=2000\nmaxClientCnxns=60\nminSessionTimeout=4000\nmaxSessionTimeout=40000\n/)
  const zk = await connect(`127.0.0.1:${port}`, { sessionTimeoutMs: 1 })
  assert.is(zk.session?.timeoutMs, 4_000)
  assert.is((await zk.get('/zookeeper/config')).text(), '')
  await zk.create('/zookeeper/quota/a/zookeeper_limits', 'count=-1,bytes=-1=;countHardLimit=1', { parents: true })
  await zk.create('/zookeeper/quota/a/zookeeper_stats', '')
  await zk.create('/a', 'xy')
  await rejects(zk.create('/a/b'), 'QuotaExceeded')
  assert.is((await zk.get('/zookeeper/quota/a/zookeeper_stats')).text(), 'count=1,bytes=2')
  await zk.close()
  peer.child.kill('SIGTERM')
  assert.match((await peer.done).stderr, /version-2 is Apache ZooKeeper's data, which is not read/)
}, limit)

test('IPv6, a dynamic file beside the present folder, and a file by which nobody can connect', async (t) => {
  const cwd = t.tempFolder()
  const [port, other] = await freePorts(2)
  mkdirSync(join(cwd, 'conf'))
  writeFileSync(join(cwd, 'conf/zoo.dynamic'), `server.1=[::1]:${other}:1:participant;${port}\r\n`)
  const lines = [`dataDir=${join(cwd, 'd')}`, 'dynamicConfigFile=conf/zoo.dynamic', 'peerType=observer']
  const address = [`clientPort=${port}`, 'clientPortAddress=::1']
  writeFileSync(join(cwd, 'conf/zoo.cfg'), [...lines, ...address].join('\r\n'))
  const peer = start(t, cwd, ['serve', 'conf/zoo.cfg'], 'ignore')
  await peer.says(`serves clients at tcp://[::1]:${port}`)
  peer.child.kill('SIGTERM')
  assert.match((await peer.done).stderr, /peerType=observer is not honoured: the line server.1 says otherwise\n/)
  writeFileSync(join(cwd, 'mute.cfg'), `dataDir=${join(cwd, 'm')}\n`)
  const mute = start(t, cwd, ['serve', 'mute.cfg'], 'ignore')
  await mute.says(', serving')
  mute.child.kill('SIGTERM')
  assert.is((await mute.done).stderr, 'vivarium: mute.cfg: clientPort is not set, so no client can connect\n')
}, limit)

const REFUSALS: readonly (readonly [args: string, line: RegExp])[] = [
  ['serve none.cfg', /the configuration file cannot be read/],
  ['serve zoo.cfg more.cfg', /one configuration file is enough/],
  ['serve zoo.cfg --member 1=', /the members stand in the configuration file/],
  ['serve zoo.cfg', /myid cannot be read: it holds this server's number/],
  ['serve zoo.cfg --id 7', /there is no line server.7/],
  ['serve zoo.cfg --id x', /--id takes the number/],
  ['serve --id 1 --memory --member 1= --words ruok', /--words needs --client/],
  ['serve --id 1 --memory --member 1= --client tcp://127.0.0.1:0 --words rouk', /--words: there is no word rouk/],
  ['serve ports.cfg', /clientPort=2181 is not what the line server.1 says: 0.0.0.0:2182/],
  ['4lw ruok', /4lw takes WORD HOST:PORT/],
  ['4lw ruoks 127.0.0.1:1', /a word has four letters/],
  ['4lw stmk 127.0.0.1:1', /stmk comes with a mask/],
  ['4lw ruok 127.0.0.1:1', /no answer from 127.0.0.1:1: connect ECONNREFUSED/],
  ['4lw ruok a:b:c', /not of the form host:port/],
]

test('wrong arguments are one clear line each', async (t) => {
  const cwd = t.tempFolder()
  writeFileSync(join(cwd, 'zoo.cfg'), 'dataDir=d\nserver.1=a:1:2\nserver.2=b:1:2\n')
  writeFileSync(join(cwd, 'ports.cfg'), 'dataDir=d\nclientPort=2181\nserver.1=a:1:2;2182\n')
  for (const [args, line] of REFUSALS) {
    const { code, stdout, stderr } = await run(t, cwd, args.split(' '))
    assert.equal({ args, code, stdout }, { args, code: 1, stdout: '' })
    assert.match(stderr, line)
    assert.match(stderr, /^vivarium: [^\n]+\n$/)
  }
}, { timeoutMs: 60_000 })

test('ports for clients: wished ones must be free, others move on', async (t) => {
  const holder = createServer()
  t.defer(() => holder.close())
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as AddressInfo
  await rejects(findClientPorts(1, port))
  const { ports, inUse } = await findClientPorts(3, null)
  assert.is(new Set(ports).size, 3)
  assert.ok(ports.every((one) => one >= 2181))
  assert.ok(inUse.every((one) => one >= 2181 && !ports.includes(one)))
})

test.run()
