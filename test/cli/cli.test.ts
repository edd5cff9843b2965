import { createEnsemble } from '../../lib/node.ts'
import { readCliArguments } from '../../lib/cli/cli-command.ts'
import { acquire } from '../../lib/recipes/index.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { freePorts } from '../ports.ts'
import { run, start } from './process.ts'
import type { Outcome } from './process.ts'

const test = suite('vivarium cli')
const limit = { timeoutMs: 40_000 }

/** A server, and the command on it; `input` of null: a command in the arguments. */
async function serve(t: Case): Promise<(input: string | null, ...args: string[]) => Promise<Outcome>> {
  const ensemble = await createEnsemble({ size: 1, clients: () => 'tcp://127.0.0.1:0' })
  t.defer(() => ensemble.stop())
  const [address] = ensemble.status().peers[0]?.status?.clientAddresses ?? []
  const server = address!.replace('tcp://', '')
  return (input, ...args) => run(t, t.tempFolder(), ['cli', '-server', `${server}${args.shift() ?? ''}`, ...args],
    input ?? '')
}

const CONNECTED = '\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null zxid: -1\n'
const CLOSED = CONNECTED.replace('SyncConnected', 'Closed')

test('reads its options up to the command', () => {
  const defaults = {
    server: 'localhost:2181', timeoutMs: 30_000, command: null, isReadOnly: false, waits: false, isJson: false,
    isQuiet: false, help: false,
  }
  assert.equal(readCliArguments([]), defaults)
  assert.equal(readCliArguments(['-r', '-timeout', '5', '--json', 'create', '-e', '/a']),
    { ...defaults, isReadOnly: true, timeoutMs: 5, isJson: true, command: ['create', '-e', '/a'] })
  assert.equal(readCliArguments(['--server', 'a:1,b:2/c', '-waitforconnection', '--quiet', '-h']),
    { ...defaults, server: 'a:1,b:2/c', waits: true, isQuiet: true, help: true })
  for (const [args, problem] of [
    [['-server'], 'no argument found for option -server'], [['-timeout', 'x'], '-timeout takes milliseconds, not x'],
    [['-timeout', '0'], '-timeout takes milliseconds'], [['-bogus'], 'unknown option -bogus'],
    [['-client-configuration', 'x'], 'Java client'],
  ] as const) assert.throws(() => readCliArguments(args), problem)
})

test('one command, and its exit code', async (t) => {
  const cli = await serve(t)
  const banner = /^Connecting to 127\.0\.0\.1:\d+\n/
  const first = await cli(null, '', 'create', '/a', 'x y')
  assert.equal([first.code, first.stderr], [0, 'Created /a\n'])
  const read = await cli(null, '', 'get', '/a')
  assert.match(read.stdout, banner)
  assert.equal([read.code, read.stderr, read.stdout.replace(banner, '')], [0, '', `${CONNECTED}x y\n`])
  assert.equal(await cli(null, '', '--quiet', 'get', '/none'),
    { code: 1, stdout: '', stderr: 'Node does not exist: /none\n' })
  const unknown = await cli(null, '', '--quiet', 'bogus')
  assert.is(unknown.code, 127)
  assert.match(unknown.stderr, /^vivarium cli -server .*\n(\t.*\n)+Command not found: bogus\n$/)
}, limit)

test('lines of the standard input, below a chroot', async (t) => {
  const cli = await serve(t)
  assert.is((await cli('create /app\ncreate /app/a 1\n', '')).code, 0)
  const lines = ['ls -R /', 'set -s /none x', 'get /a', 'create -e /e', 'getEphemerals', 'quit', 'get /a']
  const { code, stdout, stderr } = await cli(lines.join('\n'), '/app')
  assert.is(code, 0)
  assert.is(stderr, 'Node does not exist: /none\nCreated /e\n')
  assert.match(stdout, /^Connecting to .*\/app\nWelcome to vivarium!\n/)
  assert.ok(stdout.endsWith(`${CONNECTED}/\n/a\n1\n[/e]\n${CLOSED}`), stdout)
  assert.equal(await cli('setquota -n 5 /a\nconfig\nconfig -w\nls /', '/app', '--quiet'), {
    code: 0, stdout: '\n\n[a]\n', stderr: 'there is no /zookeeper/quota below this chroot: connect without it\n',
  })
  assert.is((await cli('get /none\nquit\nls /', '', '--quiet')).code, 1)
  assert.equal(await cli('get /app/e\nls /app', '', '--quiet'),
    { code: 0, stdout: '[a]\n', stderr: 'Node does not exist: /app/e\n' })
  assert.equal(await cli('ls /app\nget /app/e', '', '--json'), {
    code: 1, stderr: '', stdout: '{"path":"/app","children":["a"]}\n' +
      '{"error":{"code":"NoNode","message":"Node does not exist: /app/e","path":"/app/e"}}\n',
  })
}, limit)

test('a subtree goes from one server to another through a pipe', async (t) => {
  const [one, two] = [await serve(t), await serve(t)]
  await one('create /app\ncreate /app/a 1\ncreate /app/a/b 2', '')
  const exported = await one(null, '', '--quiet', 'export', '/app')
  assert.equal([exported.code, exported.stderr], [0, 'Exported 3 nodes of /app\n'])
  const imported = await two(exported.stdout, '', '--quiet', 'import', '-', '/copy')
  assert.equal(imported, { code: 0, stdout: 'Imported /copy: 3 made\n', stderr: '' })
  assert.is((await two(null, '', '--quiet', 'ls', '-R', '/copy')).stdout, '/copy\n/copy/a\n/copy/a/b\n')
}, limit)

test('says when no server answers, and goes on', async (t) => {
  const [port] = await freePorts(1)
  const args = ['cli', '-server', `127.0.0.1:${port}`, '-timeout', '300', '--quiet']
  const line = `cannot connect to 127.0.0.1:${port} (KeeperErrorCode = ConnectionLoss)\n`
  assert.equal(await run(t, t.tempFolder(), [...args, 'ls', '/']), { code: 1, stdout: '', stderr: line })
  assert.equal(await run(t, t.tempFolder(), args, 'ls /\nhistory\nls /\n'),
    { code: 1, stdout: '0 - ls /\n1 - history\n', stderr: line + line })
  const refused = await run(t, t.tempFolder(), [...args, '-waitforconnection'], 'ls /')
  assert.equal(refused, { code: 1, stdout: '', stderr: `vivarium: ${line}` })
  const wrong = await run(t, t.tempFolder(), ['cli', '-server', 'a:b:c', '--quiet', 'ls', '/'])
  assert.is(wrong.code, 1)
  assert.match(wrong.stderr, /AddressInvalid/)
}, limit)

test('a signal ends a watch, and the session with it', async (t) => {
  const ensemble = await createEnsemble({ size: 1, clients: () => 'tcp://127.0.0.1:0' })
  t.defer(() => ensemble.stop())
  const server = ensemble.status().peers[0]!.status!.clientAddresses[0]!.replace('tcp://', '')
  const zk = await ensemble.connect()
  await zk.create('/a', '1')
  const { child, done, says } = start(t, t.tempFolder(),
    ['cli', '-server', server, '--quiet', 'watch', '-f', '-i', '/a'], 'ignore')
  await says('present /a 1\n')
  await zk.set('/a', '2')
  await says('changed /a\n')
  child.kill('SIGINT')
  assert.equal(await done, { code: 130, stdout: 'present /a 1\nchanged /a\n', stderr: '' })
}, limit)

test('a signal ends a picture that is kept up to date', async (t) => {
  const ensemble = await createEnsemble({ size: 1, clients: () => 'tcp://127.0.0.1:0' })
  t.defer(() => ensemble.stop())
  const server = ensemble.status().peers[0]!.status!.clientAddresses[0]!.replace('tcp://', '')
  const zk = await ensemble.connect()
  const lock = await acquire(zk, '/lock', { name: 'me' })
  const { child, done, says } = start(t, t.tempFolder(), ['cli', '-server', server, '--json', 'locks', '--watch'],
    'ignore')
  await says('"name":"me"')
  await lock.release()
  await says('"locks":[]')
  child.kill('SIGINT')
  const { code, stdout, stderr } = await done
  assert.equal([code, stderr, stdout.trim().split('\n').length], [130, '', 2])
}, limit)

test.run()
