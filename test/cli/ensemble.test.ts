import { existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { assert, suite } from '../harness.ts'
import { run, start } from './process.ts'

const test = suite('vivarium ensemble')
const limit = { timeoutMs: 30_000 }

test('answers the five commands, in the default folder, and keeps the data', async (t) => {
  const cwd = t.tempFolder()
  const five = ['create /my_node "my_data"', 'get /my_node', 'set /my_node x', 'ls /', 'delete /my_node']
  const lines = [...five, 'create /kept 1']
  const first = await run(t, cwd, ['ensemble'], lines.join('\n'))
  assert.equal(first, {
    code: 0, stderr: '', stdout: 'Created /my_node\nmy_data\n[my_node, zookeeper]\nCreated /kept\n',
  })
  assert.ok(existsSync(join(cwd, '.vivarium')))
  const second = await run(t, cwd, ['ensemble'], 'ls /\nget /kept')
  assert.equal(second, { code: 0, stdout: '[kept, zookeeper]\n1\n', stderr: '' })
}, limit)

test('runs what follows a failure, and says so with its exit code', async (t) => {
  const input = [
    '# a comment', '', 'create "/a b" \'c "d"\'', 'get "/a b"', 'bogus', 'get', 'get -z /',
    'get /nope', 'ls "', 'ls /', 'quit', 'get /',
  ].join('\r\n')
  const { code, stdout, stderr } = await run(t, t.tempFolder(), ['ensemble', '--memory', '--size', '1'], input)
  assert.is(code, 1)
  assert.is(stdout, 'Created /a b\nc "d"\n[a b, zookeeper]\n')
  assert.equal(stderr.split('\n'), [
    'Command not found: bogus (help lists the commands)', 'get [-s] [-w] [-b] [-x] path',
    'Unrecognized option: -z',
    'Node does not exist: /nope', 'a " is not closed', '',
  ])
}, limit)

test('takes commands from a file, and keeps nothing in memory', async (t) => {
  const cwd = t.tempFolder()
  writeFileSync(join(cwd, 'commands'), 'create /x 1\nget /x\nstatus')
  const { done } = start(t, cwd, ['ensemble', '--memory', '--size', '5'], openSync(join(cwd, 'commands'), 'r'))
  const { code, stdout, stderr } = await done
  assert.equal({ code, stderr }, { code: 0, stderr: '' })
  assert.match(stdout, /^Created \/x\n1\nensemble vivarium, leader peer \d\n(peer \d {2}.*\n){5}$/)
  assert.not.match(stdout, / \n/)
  assert.not.ok(existsSync(join(cwd, '.vivarium')))
}, limit)

test('does not mind a reader that leaves', async (t) => {
  const { child, done, says } = start(t, t.tempFolder(), ['ensemble', '--memory', '--size', '1'], 'pipe')
  child.stdin?.write('create /a\n')
  await says('Created /a')
  child.stdout?.destroy()
  child.stdin?.end('ls /\n'.repeat(2_000))
  const { code, stderr } = await done
  assert.equal({ code, stderr }, { code: 0, stderr: '' })
}, limit)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serves until ${signal}, and everything is on disk`, async (t) => {
    const cwd = t.tempFolder()
    assert.is((await run(t, cwd, ['ensemble', '--data', 'd', '--size', '1'], 'create /a b')).code, 0)
    const { child, done, says } = start(t, cwd, ['ensemble', '--data', 'd', '--size', '1'], 'ignore')
    await says('leader is peer 1')
    const other = await run(t, cwd, ['ensemble', '--data', 'd', '--size', '1'], 'ls /')
    assert.equal(other, {
      code: 1, stdout: '',
      stderr: 'vivarium: the storage d/peer-1 is in use, by another process or by this one (StorageLocked)\n',
    })
    child.kill(signal)
    const end = await done
    assert.equal({ ...end, stdout: '' }, { code: 0, stdout: '', stderr: '' })
    assert.match(end.stdout,
      /^1 peer in d, leader is peer 1\nclients connect to 127\.0\.0\.1:\d+( \(in use: [\d, ]+\))?\n$/)
    assert.is((await run(t, cwd, ['ensemble', '--data', 'd', '--size', '1'], 'get /a')).stdout, 'b\n')
  }, limit)
}

test('a second signal ends it at once', async (t) => {
  const { child, done, says } = start(t, t.tempFolder(), ['ensemble', '--data', 'd', '--serve'], 'ignore')
  await says('3 peers in d')
  // Both are pending when it goes on, so the second comes before the disk has answered the first.
  for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) child.kill(signal)
  const { code, stderr } = await done
  assert.ok(code === 130 || code === 143, `exit code ${code}`)
  assert.is(stderr, '')
}, limit)

test('--serve leaves its input alone', async (t) => {
  const { child, done, says } = start(t, t.tempFolder(), ['ensemble', '--memory', '--serve'], 'pipe')
  child.stdin?.end('bogus\n')
  await says('3 peers in memory')
  child.kill('SIGTERM')
  const { code, stderr } = await done
  assert.equal({ code, stderr }, { code: 0, stderr: '' })
}, limit)

test('refuses the folder of another ensemble or size, and leaves it as it was', async (t) => {
  const cwd = t.tempFolder()
  const base = ['ensemble', '--data', 'd', '--size', '1']
  await run(t, cwd, base, 'create /a b')
  const foreign = await run(t, cwd, [...base, '--name', 'other'], 'ls /')
  assert.equal(foreign, {
    code: 1, stdout: '', stderr: 'vivarium: the storage belongs to ensemble "vivarium" (ForeignEnsemble)\n',
  })
  const larger = await run(t, cwd, ['ensemble', '--data', 'd'], 'ls /')
  assert.is(larger.code, 1)
  assert.match(larger.stderr, /^vivarium: .*\(MembershipMismatch\)\n$/)
  assert.is((await run(t, cwd, base, 'get /a')).stdout, 'b\n')
}, limit)

test('refuses a folder that is a file, and one that cannot be made', async (t) => {
  const cwd = t.tempFolder()
  writeFileSync(join(cwd, 'f'), '')
  for (const [data, reason] of [['f', 'ENOTDIR'], ['f/g', 'ENOTDIR'], ['/proc/none', 'ENOENT']] as const) {
    if (data.startsWith('/proc') && process.platform !== 'linux') continue
    const { code, stdout, stderr } = await run(t, cwd, ['ensemble', '--data', data], 'ls /')
    assert.equal({ code, stdout }, { code: 1, stdout: '' })
    assert.match(stderr, new RegExp(`^vivarium: .*${data}/peer-\\d: ${reason}: .*\\(StorageFailed\\)\\n$`))
  }
}, limit)

test.run()
