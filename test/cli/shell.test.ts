import { PassThrough } from 'node:stream'
import { createEnsemble } from '../../lib/node.ts'
import { Shell } from '../../lib/cli/shell.ts'
import { runLines } from '../../lib/cli/terminal.ts'
import { splitWords } from '../../lib/cli/words.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'

const test = suite('shell')
const never = new Promise<never>(() => undefined)

interface Scene {
  readonly shell: Shell
  readonly printed: string[]
  readonly complaints: string[]
}

async function open(t: Case): Promise<Scene> {
  const ensemble = await createEnsemble({ size: 1 })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect()
  const printed: string[] = []
  const complaints: string[] = []
  const shell = new Shell({
    zk, status: () => ensemble.status(), print: (line) => printed.push(line), complain: (line) => complaints.push(line),
  })
  return { shell, printed, complaints }
}

interface Screen {
  readonly input: PassThrough
  readonly output: PassThrough
  readonly shown: () => string
  readonly shows: (text: string) => Promise<void>
}

/** A terminal that a test types on. */
function terminal(): Screen {
  const input = new PassThrough()
  const output = new PassThrough()
  let text = ''
  output.on('data', (chunk: Buffer) => { text += chunk.toString() })
  const shows = (wanted: string): Promise<void> => new Promise((resolve) => {
    const check = (): void => {
      if (!text.includes(wanted)) return
      output.off('data', check)
      resolve()
    }
    output.on('data', check)
    check()
  })
  return { input, output, shown: () => text, shows }
}

test('splits words as a shell does', () => {
  const line = ' a  b\t"c d" \'e "f"\' g\\ h "" "i\\"j" k"l"m '
  assert.equal(splitWords(line), ['a', 'b', 'c d', 'e "f"', 'g h', '', 'i"j', 'klm'])
  assert.equal(splitWords(''), [])
  assert.throws(() => splitWords("'a"), /not closed/)
  assert.throws(() => splitWords('a\\'), /ends with a backslash/)
})

test('every command', async (t) => {
  const { shell, printed, complaints } = await open(t)
  for (const line of [
    'create /a 1', 'create -s /a/s-', 'create -e /a/e x', 'create -c /c', 'create -t 60000 /t', 'ls -R /a', 'ls -s /c',
    'set -v 0 /a 2', 'get -s /a', 'stat /a/e', 'sync /', 'status', 'deleteall /a', 'delete /c', 'ls /', 'help get',
  ]) await shell.run(line)
  assert.equal(complaints, [])
  const text = printed.join('\n')
  assert.match(text, /^Created \/a\nCreated \/a\/s-0000000000\nCreated \/a\/e\nCreated \/c\nCreated \/t\n/)
  assert.match(text, /Created \/t\n\/a\n\/a\/e\n\/a\/s-0000000000\n\[\]\n/)
  assert.match(text, /\n2\ncZxid = 0x[0-9a-f]+\nctime = .* UTC \d{4}\n/)
  assert.match(text, /dataVersion = 1\naclVersion = 0\nephemeralOwner = 0x0\ndataLength = 1\nnumChildren = 2\n/)
  assert.match(text, /ephemeralOwner = 0x[1-9a-f][0-9a-f]*\ndataLength = 1\n/)
  assert.match(text, /\nSync is OK\nensemble vivarium, leader peer 1\npeer 1 /)
  assert.match(text, /leader peer 1\npeer 1 {2}leading {2}epoch 1 .*\n\[t, zookeeper\]\nget /)
  assert.not.match(text, / \n/)
  assert.is(shell.failures, 0)
})

test('each failure is one line and counts', async (t) => {
  const { shell, printed, complaints } = await open(t)
  await shell.run('create /a')
  for (const line of [
    'create /a', 'create /x/y', 'create nope', 'create -c -e /x', 'create -t soon /x', 'set -v 7 /a x',
    'delete /b', 'delete -v 3 /a',
    'stat /b', 'ls', 'set /a', 'help bogus', 'frob',
  ]) await shell.run(line)
  assert.equal(printed, ['Created /a'])
  assert.is(shell.failures, 13)
  assert.is(complaints.length, 13)
  for (const line of complaints) assert.not.match(line, /\n|undefined/)
  assert.is(complaints[0], 'Node already exists: /a')
})

test('completes commands and paths', async (t) => {
  const { shell } = await open(t)
  for (const line of ['create /app', 'create /apple', 'create /app/one', 'create /app/two']) await shell.run(line)
  assert.equal(await shell.complete('de'), [['delete ', 'deleteall '], 'de'])
  assert.equal(await shell.complete('get /ap'), [['/app', '/apple'], '/ap'])
  assert.equal(await shell.complete('ls -s /app/t'), [['/app/two'], '/app/t'])
  assert.equal(await shell.complete('ls /none/'), [[], '/none/'])
  assert.equal(await shell.complete('set /app da'), [[], 'da'])
})

test('a terminal prompts, completes by TAB and ends with Ctrl-D', async (t) => {
  const { shell, printed } = await open(t)
  await shell.run('create /colour blue')
  const { input, output, shown, shows } = terminal()
  const over = runLines(shell, { input, output, isTerminal: true }, never)
  await shows('vivarium> ')
  input.write('get /co\t')
  await shows('get /colour')
  input.write('\r')
  input.write('\x04')
  await over
  assert.equal(printed, ['Created /colour', 'blue'])
  assert.ok(shown().endsWith('\n'))
})

test('Ctrl-C drops what is typed, and leaves from an empty line', async (t) => {
  const { shell, printed, complaints } = await open(t)
  const { input, output } = terminal()
  const over = runLines(shell, { input, output, isTerminal: true }, never)
  input.write('frob\x03')
  input.write('ls /\r')
  input.write('\x03')
  await over
  assert.equal([printed, complaints], [['[zookeeper]'], []])
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
  assert.equal(printed, ['Created /n', '3000'])
  assert.is(shown(), '')
})

test.run()
