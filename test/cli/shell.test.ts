import { readArguments } from '../../lib/cli/arguments.ts'
import { pathProblem } from '../../lib/cli/paths.ts'
import { Shell } from '../../lib/cli/shell.ts'
import { runLines } from '../../lib/cli/terminal.ts'
import { splitWords } from '../../lib/cli/words.ts'
import { assert, suite } from '../harness.ts'
import { connected, settle } from '../client/fakes.ts'
import { open, terminal } from './scene.ts'

const test = suite('shell')
const never = new Promise<never>(() => undefined)

test('splits words as zkCli does', () => {
  assert.equal(splitWords(' a  b\t"c d" \'e "f"\' it\'s {"x":1} "" g\\ h '),
    ['a', 'b', 'c d', 'e "f"', "it's", '{"x":1}', '', 'g\\', 'h'])
  assert.equal(splitWords('"a b"c'), ['a b', 'c'])
  assert.equal(splitWords('  '), [])
  assert.throws(() => splitWords("get 'a"), /a ' is not closed/)
})

test('reads options as zkCli does', () => {
  const kinds = { s: 'flag', w: 'flag', v: 'value', add: 'value' } as const
  for (const [typed, flags, value, words] of [
    [['-s', '/a', '-v', '5'], 's', '5', ['/a']],
    [['-sw', '/a', 'b'], 'sw', undefined, ['/a', 'b']],
    [['-v5', '-'], '', '5', ['-']],
    [['-v=5', '-s'], 's', '5', []],
    [['-sv-1'], 's', '-1', []],
    [['-v', '-1', '--', '-s', '-x'], '', '-1', ['-s', '-x']],
  ] as const) {
    const args = readArguments(typed, kinds)
    assert.equal(args.words, words)
    assert.equal(args.value('v'), value)
    assert.is(['s', 'w'].filter((name) => args.has(name)).join(''), flags)
  }
  assert.is(readArguments(['-add', '1=x;2'], kinds).value('add'), '1=x;2')
  assert.equal(readArguments(['-1'], {}).words, ['-1'])
  assert.throws(() => readArguments(['-v'], kinds), 'Missing argument for option: v')
  assert.throws(() => readArguments(['-v', '-s'], kinds), 'Missing argument for option: v')
  for (const wrong of ['-x', '--s', '-sx', '-s=1', '-toString']) {
    assert.throws(() => readArguments([wrong], kinds), `Unrecognized option: ${wrong}`)
  }
  assert.throws(() => readArguments(['-v', '1x'], kinds).integer('v'), '-v argument must be an int value')
  assert.throws(() => readArguments(['-v', '2147483648'], kinds).integer('v'), 'int value')
})

test('says what is wrong with a path in the words of zkCli', () => {
  for (const path of ['/', '/a', '/a/b.c', '/...', '/a/.b', '/\u00fc']) assert.is(pathProblem(path), null)
  for (const [path, problem] of [
    ['', 'Path length must be > 0'], ['a', 'Path must start with / character'],
    ['/a/', 'Path must not end with / character'],
    ['/a//b', 'Invalid path string "/a//b" caused by empty node name specified @3'],
    ['/a/./b', 'Invalid path string "/a/./b" caused by relative paths not allowed @3'],
    ['/a/..', 'Invalid path string "/a/.." caused by relative paths not allowed @4'],
    ['/a\0', 'Invalid path string "/a\0" caused by null character not allowed @2'],
    ['/a\x7f', 'Invalid path string "/a\x7f" caused by invalid character @2'],
  ] as const) assert.is(pathProblem(path), problem)
})

test('a failure is one line, counts, and gives the exit code', async (t) => {
  const { shell, printed, complaints, says } = await open(t)
  await says('create /a')
  assert.is(await says('create /a'), 'Node already exists: /a')
  const lines = [
    'create /x/y', 'create nope', 'create -c -e /x', 'create -t soon /x', 'set -v 7 /a x', 'delete /b',
    'delete -v 3 /a', 'stat /b', 'ls', 'set /a', 'help bogus', 'get "/a', 'get -z /a',
  ]
  for (const line of lines) {
    await shell.run(line)
    assert.is(shell.exitCode, 1, line)
  }
  assert.is(shell.failures, lines.length + 1)
  assert.is(complaints.length, lines.length + 2)
  for (const line of complaints) assert.not.match(line, /\n|undefined/)
  await shell.run('frob')
  assert.is(shell.exitCode, 127)
  assert.is(complaints.at(-1), 'Command not found: frob (help lists the commands)')
  await shell.run('ls /')
  assert.is(shell.exitCode, 0)
  assert.equal(printed, ['[a, zookeeper]'])
})

test('answers an unknown command with all there are, when asked to', async (t) => {
  const { complaints, says, shell } = await open(t, { showsUsage: true })
  await says('frob')
  assert.is(shell.exitCode, 127)
  assert.is(complaints.at(-1), 'Command not found: frob')
  assert.ok(complaints.includes('\tcreate [-s] [-e] [-c] [-t ttl] path [data] [acl]'))
})

test('history and redo', async (t) => {
  const { says, shell } = await open(t)
  await says('create -s /a-', 'ls /', '  ', '# a comment')
  assert.match(await says('redo 0'), /^Created \/a-\d+1$/)
  assert.is(await says('history'), '0 - create -s /a-\n1 - ls /\n2 - create -s /a-\n3 - history')
  for (const [line, problem] of [
    ['redo 5', 'Command index out of range'], ['redo -1', 'Command index out of range'],
    ['redo x', 'Command index out of range'], ['redo', 'redo cmdno'],
  ] as const) assert.is(await says(line), problem)
  await shell.run('redo 1')
  for (let i = 0; i < 12; i++) await shell.run(`get /${i}`)
  const lines = (await says('history')).split('\n')
  assert.is(lines.length, 11)
  assert.is(lines.at(-1), '21 - history')
  assert.is(await says('redo 4'), 'No redoing redos')
})

test('completes commands and paths', async (t) => {
  const { shell, says } = await open(t)
  await says('create /app', 'create /apple', 'create /app/one', 'create /app/two')
  assert.equal(await shell.complete('de'), [['delete ', 'deleteall ', 'delquota '], 'de'])
  assert.equal(await shell.complete('help stat'), [['stat ', 'status '], 'stat'])
  assert.equal(await shell.complete('get /ap'), [['/app', '/apple'], '/ap'])
  assert.equal(await shell.complete('ls -s /app/t'), [['/app/two'], '/app/t'])
  assert.equal(await shell.complete('ls /none/'), [[], '/none/'])
  assert.equal(await shell.complete('set /app da'), [[], 'da'])
  await says('close')
  assert.equal(await shell.complete('get /ap'), [[], '/ap'])
})

test('a terminal prompts, completes by TAB and ends with Ctrl-D', async (t) => {
  const { shell, printed, says } = await open(t)
  await says('create /colour blue')
  const { input, output, shown, shows } = terminal()
  const over = runLines(shell, { input, output, isTerminal: true }, never)
  await shows('[zk: test(CONNECTED) 1] ')
  input.write('get /co\t')
  await shows('get /colour')
  input.write('\r')
  await shows('[zk: test(CONNECTED) 2] ')
  input.write('\x04')
  await over
  assert.equal(printed, ['blue'])
  assert.ok(shown().endsWith('\n'))
})

test('Ctrl-C drops what is typed, ends a command, and leaves from an empty line', async (t) => {
  const { shell, printed, complaints, other, says } = await open(t)
  const zk = await other()
  await says('create /a', 'create /b')
  const { input, output, shows } = terminal()
  const over = runLines(shell, { input, output, isTerminal: true }, never)
  input.write('frob\x03')
  input.write('ls /\r')
  await shows(' 3] ')
  input.write('watch -f -i /a\r')
  // What there is comes last of all before the changes.
  while (!printed.includes('present /a')) await zk.sync()
  input.write('\x03')
  await shows(' 4] ')
  input.write('\x03')
  await over
  assert.equal(printed, ['[a, b, zookeeper]', 'present /a'])
  assert.equal(complaints, ['Created /a', 'Created /b'])
  assert.is(shell.exitCode, 130)
})

test('a command fails when no server has answered for too long', async () => {
  const { zk, clock, endpoint } = await connected()
  const complaints: string[] = []
  const complain = (line: string): void => void complaints.push(line)
  const shell = new Shell({
    address: 'gone', open: () => Promise.resolve(zk), print: complain, note: complain, complain, showsSession: true,
  })
  shell.connection.connect(null)
  await shell.connection.client()
  const running = shell.run('setquota -n 5 /a')
  await settle()
  endpoint.last.end('ConnectionLoss')
  clock.pass(20_000)
  await running
  assert.is(complaints.at(-1), 'KeeperErrorCode = ConnectionLoss')
  await shell.run('ls /')
  assert.is(complaints.filter((line) => line === 'KeeperErrorCode = ConnectionLoss').length, 2)
  assert.is(shell.exitCode, 1)
  assert.match(shell.prompt, /gone\(CONNECTING\)/)
  assert.match(complaints.join('\n'), /state:Disconnected type:None path:null/)
})

test('quit and a signal leave the lines behind them alone', async (t) => {
  const { shell, printed } = await open(t)
  const { input, output } = terminal()
  input.end('ls /\nquit\nls /\n')
  await runLines(shell, { input, output, isTerminal: false }, never)
  assert.equal(printed, ['[zookeeper]'])
  const second = await open(t)
  const waiting = terminal()
  const streams = { input: waiting.input, output: waiting.output, isTerminal: false }
  await runLines(second.shell, streams, Promise.resolve('SIGTERM'))
  assert.equal(second.printed, [])
})

test('more lines than are read ahead run in order', async (t) => {
  const { shell, printed } = await open(t)
  const { input, output, shown } = terminal()
  input.end('create /n 0\n' + Array.from({ length: 3_000 }, (_, i) => `set /n ${i + 1}\n`).join('') + 'get /n')
  await runLines(shell, { input, output, isTerminal: false }, never)
  assert.equal(printed, ['3000'])
  assert.is(shown(), '')
})

test.run()
