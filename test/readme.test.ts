import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { ERROR_CODES } from '../lib/core/errors.ts'
import { DEFAULT_LIMITS } from '../lib/core/limits.ts'
import { createEnsemble } from '../lib/node.ts'
import { DEFAULT_TIMING } from '../lib/peer/options.ts'
import { ROOT as root, build as buildPackage, installInto } from './built.ts'
import { assert, suite } from './harness.ts'
import type { Case } from './harness.ts'
import { freePorts } from './ports.ts'

const RUN_MS = 20_000
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string, exports: Record<string, unknown>,
}
const tsx = pathToFileURL(join(root, 'node_modules/tsx/dist/loader.mjs')).href
const test = suite('readme')
buildPackage()

interface Block {
  readonly language: string
  readonly label: string
  readonly code: string
  readonly line: number
}

const blocks: readonly Block[] = [...readme.matchAll(/^```(\w+)(?: ([\w-]+))?\n([\s\S]*?)^```$/gm)].map((match) => ({
  language: match[1] ?? '', label: match[2] ?? '', code: match[3] ?? '',
  line: readme.slice(0, match.index).split('\n').length + 1,
}))

/** The source, for browsers, behind each specifier that users write. */
function sourceOf(specifier: string): string {
  const entry = JSON.stringify(manifest.exports[specifier.replace(/^vivarium\/?/, './').replace(/^\.\/$/, '.')])
  const file = [...entry.matchAll(/dist\/([\w/-]+)\.js/g)].map((match) => `${match[1] ?? ''}.ts`).at(-1)
  if (file === undefined) throw new Error(`the package has no ${specifier}`)
  return join(root, file)
}

/** What the block says that it prints. */
function expected(code: string): string {
  return [...code.matchAll(/\/\/ => (.*)$/gm)].map((match) => `${match[1] ?? ''}\n`).join('')
}

/** What the process prints. Rejects, with that, when it fails or does not end. */
async function run(args: readonly string[], cwd: string): Promise<Record<'stdout' | 'stderr', string>> {
  try {
    return await promisify(execFile)(process.execPath, args, { cwd, timeout: RUN_MS })
  } catch (error) {
    const { killed, code, stdout, stderr } = error as Error & Record<'killed' | 'code' | 'stdout' | 'stderr', unknown>
    const end = killed === true ? `did not end within ${RUN_MS} ms` : `ended with ${String(code)}`
    throw new Error(`${end}, and printed: ${String(stdout)}${String(stderr)}`, { cause: error })
  }
}

/** A module beside the installed package. */
function write(t: Case, name: string, text: string): string {
  const folder = t.tempFolder()
  installInto(folder)
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('there are blocks', () => {
  assert.ok(blocks.filter(({ language }) => language === 'js').length >= 10)
  assert.equal(blocks.slice(0, 2).map(({ language }) => language), ['sh', 'js'])
  assert.is(blocks[0]?.code, `npm install ${manifest.name}\n`)
})

for (const { language, label, code, line } of blocks) {
  if ((language !== 'js' && language !== 'ts') || label !== '') continue
  test(`the block at line ${line} runs and prints what it says`, async (t) => {
    const path = write(t, language === 'js' ? 'block.mjs' : 'block.mts', code)
    const args = language === 'js' ? [path] : ['--import', tsx, path]
    const { stdout, stderr } = await run(args, dirname(path))
    assert.is(stderr, '')
    assert.is(stdout, expected(code))
  }, { timeoutMs: 30_000 })
}

/** What stands before and after each recipe's example: the client that it uses. */
const BEFORE = "import { createEnsemble } from 'vivarium'\nconst ensemble = await createEnsemble({ size: 1 })\n" +
  'const zk = await ensemble.connect()\n'
const AFTER = 'await zk.close()\nawait ensemble.stop()\n'

for (const { language, code, line } of blocks.filter((block) => block.label === 'recipe')) {
  test(`the recipe at line ${line} runs and prints what it says`, async (t) => {
    assert.is(language, 'js')
    const path = write(t, 'block.mjs', `${BEFORE}${code}${AFTER}`)
    const { stdout, stderr } = await run([path], dirname(path))
    assert.is(stderr, '')
    assert.is(stdout, expected(code))
  }, { timeoutMs: 30_000 })
}

/** Resolves when the process has printed the text. */
function prints(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes(text)) resolve()
    })
    child.stderr?.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it printed '${text}': ${output}`)))
  })
}

test('servers elsewhere', async (t) => {
  const block = blocks.find(({ label }) => label === 'no-server')
  const ensemble = await createEnsemble({ size: 1, clients: () => 'tcp://127.0.0.1:0' })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect()
  await zk.create('/my-app/inside', '', { parents: true })
  const address = ensemble.peers[0]?.status().clientAddresses[0]?.replace('tcp://', '') ?? ''
  const code = (block?.code ?? '').replace('zk1:2181,zk2:2181,zk3:2181', address)
  const path = write(t, 'elsewhere.mjs', `${code}\nconsole.log(await zk.children('/'))\nawait zk.close()\n`)
  const { stdout } = await run([path], dirname(path))
  assert.is(stdout, "[ 'inside' ]\n")
}, { timeoutMs: 30_000 })

test('three machines', async (t) => {
  const block = blocks.find(({ label }) => label === 'three-machines')
  assert.ok(block)
  const ports = await freePorts(3)
  let code = block?.code ?? ''
  for (const [index, port] of ports.entries()) code = code.replace(`10.0.0.${index + 1}:7001`, `127.0.0.1:${port}`)
  const path = write(t, 'peer.mjs', code)
  const children = ports.map((_, index) =>
    spawn(process.execPath, [path, String(index + 1)], { cwd: dirname(path) }))
  for (const child of children) t.defer(() => child.kill('SIGKILL'))
  await Promise.all(children.map((child, index) => prints(child, `peer ${index + 1} serves\n`)))
  const exits = children.map((child) => new Promise((resolve) => { child.once('exit', resolve) }))
  for (const child of children) child.kill('SIGTERM')
  assert.equal(await Promise.all(exits), [0, 0, 0])
  // Alone it waits for the others, and ends as cleanly.
  const waiting = write(t, 'waiting.mjs', code.replace('await peer.ready()', 'console.log("up")\n  await peer.ready()'))
  const alone = spawn(process.execPath, [waiting, '1'], { cwd: dirname(waiting) })
  t.defer(() => alone.kill('SIGKILL'))
  const exit = new Promise((resolve) => { alone.once('exit', resolve) })
  await prints(alone, 'up\n')
  alone.kill('SIGTERM')
  assert.is(await exit, 0)
}, { timeoutMs: 60_000 })

const FOREIGN = /^node:|node_modules\/(?!msgpackr\/)|\(disabled\)/

test('the browser block bundles for a page, and joins the ensemble it names', async (t) => {
  const block = blocks.find(({ label }) => label === 'browser')
  const [port = 0] = await freePorts(1)
  const code = (block?.code ?? '').replace(/from '(vivarium[^']*)'/g, (_, specifier: string) =>
    `from ${JSON.stringify(sourceOf(specifier))}`).replace('127.0.0.1:7002', `127.0.0.1:${port}`)
  const bundle = await build({
    stdin: { contents: `${code}\nawait leaf.stop()\n`, resolveDir: root, loader: 'js' }, bundle: true, write: false,
    metafile: true, platform: 'browser', format: 'esm', target: 'es2023', logLevel: 'silent',
  })
  assert.equal(Object.keys(bundle.metafile.inputs).filter((path) => FOREIGN.test(path)), [])
  const hub = write(t, 'hub.mjs', `
    import { createPeer } from 'vivarium'
    import { memory } from 'vivarium/storage/memory'
    const hub = await createPeer({
      id: 1, storage: memory(),
      ensemble: { name: 'house', members: { 1: 'ws://127.0.0.1:${port}', 2: { addresses: [], role: 'observer' } } },
    })
    await hub.ready()
    console.log('up')`)
  const child = spawn(process.execPath, [hub])
  t.defer(() => child.kill('SIGKILL'))
  await prints(child, 'up\n')
  // Node 20 lends the page a WebSocket.
  const webSocket = pathToFileURL(join(root, 'node_modules/ws/wrapper.mjs')).href
  const page = write(t, 'page.mjs', `import { WebSocket } from '${webSocket}'\nglobalThis.WebSocket = WebSocket\n` +
    `${bundle.outputFiles[0]?.text ?? ''}`)
  const { stdout } = await run([page], dirname(page))
  assert.is(stdout, `[ 'zookeeper' ]\n`)
}, { timeoutMs: 60_000 })

/** The rows of the table between two marks. */
function rows(mark: string): string[][] {
  const text = readme.slice(readme.indexOf(`<!-- ${mark} -->`), readme.indexOf(`<!-- /${mark} -->`))
  return text.split('\n').filter((line) => line.startsWith('| `')).map((line) =>
    line.split('|').slice(1, -1).map((cell) => cell.trim().replaceAll('`', '')))
}

test('the table of errors is that of the code', () => {
  const table = Object.entries(ERROR_CODES).filter(([code]) => code !== 'Ok')
    .map(([code, [number, text]]) => [code, number === 0 ? '' : String(number), text])
  assert.equal(rows('errors'), table)
})

test('the tables of limits and times are those of the code', () => {
  const numbers = (mark: string): [string, number][] =>
    rows(mark).map(([name = '', value = '']) => [name, Number(value.replaceAll(',', ''))])
  assert.equal(numbers('limits'), Object.entries(DEFAULT_LIMITS))
  assert.equal(numbers('timing'), Object.entries(DEFAULT_TIMING))
})

test.run()
