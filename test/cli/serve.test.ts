import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { EnsembleCommand } from '../../lib/cli/ensemble-command.ts'
import { explain } from '../../lib/cli/explain.ts'
import { ServeCommand } from '../../lib/cli/serve-command.ts'
import { assert, rejects, suite } from '../harness.ts'
import { freePorts } from '../ports.ts'
import { run, start } from './process.ts'

const test = suite('vivarium serve')
const limit = { timeoutMs: 40_000 }
const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
const { version } = JSON.parse(manifest) as { version: string }

test('three processes form an ensemble, and a signal ends each cleanly', async (t) => {
  const cwd = t.tempFolder()
  const ports = await freePorts(3)
  const members = ports.flatMap((port, i) => ['--member', `${i + 1}=tcp://127.0.0.1:${port}`])
  const peers = [1, 2, 3].map((id) =>
    start(t, cwd, ['serve', '--id', `${id}`, '--data', `p${id}`, ...members], 'ignore'))
  await Promise.all(peers.map(({ says }, i) => says(`listens at tcp://127.0.0.1:${ports[i]}`)))
  await Promise.all(peers.map(({ says }) => says(', serving, epoch 1')))
  const held = await run(t, cwd, ['serve', '--id', '1', '--data', 'p1', ...members])
  assert.is(held.code, 1)
  assert.match(held.stderr, /^vivarium: .*\((StorageLocked|AddressInUse)\)\n$/)
  const ends = []
  for (const { child, done } of peers) {
    child.kill(ends.length === 0 ? 'SIGINT' : 'SIGTERM')
    ends.push(await done)
  }
  assert.equal(ends.map(({ code }) => code), [0, 0, 0])
  for (const { stdout, stderr } of ends) assert.not.match(stdout + stderr, /\n {4}at | \n/)
  const other = await run(t, cwd, ['serve', '--id', '2', '--data', 'p1', ...members])
  assert.equal(other, { code: 1, stdout: '', stderr: 'vivarium: the storage belongs to peer 1 (MembershipMismatch)\n' })
}, limit)

test('a peer without a quorum says what it waits for, and ends at a signal too', async (t) => {
  const [a, b, c] = await freePorts(3)
  const { child, done, says } = start(t, t.tempFolder(), [
    'serve', '--id', '1', '--memory', '--member', `1=tcp://127.0.0.1:${a}`, '--member', `2=tcp://127.0.0.1:${b}`,
    '--member', `3=tcp://127.0.0.1:${c}`, '--observer', '4=',
  ], 'ignore')
  await says('listens at')
  await says('peer 1 waits for peers 2, 3: the first start needs every voter, or --bootstrap\n')
  child.kill('SIGTERM')
  assert.is((await done).code, 0)
}, limit)

test('web pages of an origin that is named may connect, and of no other', async (t) => {
  const [port] = await freePorts(1)
  const { says } = start(t, t.tempFolder(), [
    'serve', '--id', '1', '--memory', '--member', '1=', '--client', `ws://127.0.0.1:${port}`,
    '--origin', 'https://app.example', '--origin', 'http://localhost:3000',
  ], 'ignore')
  await says('serving')
  const opens = (origin: string): Promise<boolean> => new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { origin })
    socket.once('error', () => resolve(false))
    socket.once('open', () => {
      socket.terminate()
      resolve(true)
    })
  })
  assert.equal(await Promise.all(['https://app.example', 'http://localhost:3000', 'https://other.example'].map(opens)),
    [true, true, false])
}, limit)

test('a port in use is one clear line', async (t) => {
  const holder = createServer()
  t.defer(() => holder.close())
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const address = `tcp://127.0.0.1:${(holder.address() as AddressInfo).port}`
  assert.equal(await run(t, t.tempFolder(), ['serve', '--id', '1', '--data', 'd', '--member', `1=${address}`]), {
    code: 1, stdout: '', stderr: `vivarium: the address is in use: ${address} (AddressInUse)\n`,
  })
  assert.ok(holder.listening)
}, limit)

const REFUSALS: readonly (readonly [args: string, line: RegExp])[] = [
  ['ensemble --bad', /Unknown option '--bad'/],
  ['ensemble --size 0', /--size takes 1 to 9, not 0/],
  ['ensemble --size', /--size .*argument missing/],
  ['ensemble --memory --data d', /takes no --data/],
  ['ensemble extra', /Unexpected argument 'extra'/],
  ['serve', /--id takes/],
  ['serve --id 1', /either --data DIR or --memory/],
  ['serve --id 1 --memory', /peer 1 is not among the members/],
  ['serve --id 1 --memory --member x', /--member takes ID=ADDRESS, not x/],
  ['serve --id 1 --memory --member 1=foo', /AddressInvalid/],
  ['serve --id 1 --memory --member 1= --member 1=', /member 1 is named twice/],
  ['serve --id 1 --memory --member 1= --secret-file none', /no such file/],
  ['serve --id 1 --memory --member 1= --origin app.example', /--origin takes an origin .*, not app\.example/],
  ['serve --id 1 --memory --member 1= --origin https://app.example/', /--origin takes an origin/],
]

test('wrong arguments are one clear line each', async (t) => {
  const cwd = t.tempFolder()
  for (const [args, line] of REFUSALS) {
    const [command, ...rest] = args.split(' ')
    const error = await rejects(command === 'serve' ? ServeCommand.run(rest) : EnsembleCommand.run(rest))
    assert.match(explain(error), line)
    assert.not.match(explain(error), /\n/)
  }
  for (const args of ['bogus', 'ensemble --bad']) {
    const { code, stdout, stderr } = await run(t, cwd, args.split(' '))
    assert.equal({ args, code, stdout }, { args, code: 1, stdout: '' })
    assert.match(stderr, /^vivarium: [^\n]+\n$/)
  }
}, limit)

test('help and version', async (t) => {
  const cwd = t.tempFolder()
  assert.equal(await run(t, cwd, ['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  for (const [args, options] of [
    ['--help', ['ensemble', 'serve', 'cli', '--version']],
    ['cli --help', ['-server', '-timeout', '-r', '-waitforconnection', '--json', '--quiet']],
    ['ensemble --help', ['--size', '--data', '--memory', '--name', '--serve']],
    ['serve --help', [
      '--id', '--member', '--observer', '--data', '--memory', '--name', '--listen', '--secret-file', '--bootstrap',
      '--origin',
    ]],
  ] as const) {
    const { code, stdout, stderr } = await run(t, cwd, args.split(' '))
    assert.equal({ code, stderr }, { code: 0, stderr: '' })
    for (const option of options) assert.ok(stdout.includes(option), `${args} names ${option}`)
    assert.not.match(stdout, / \n/)
  }
}, limit)

test.run()
