import { execFile } from 'node:child_process'
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT as root, build } from './built.ts'
import { assert, suite } from './harness.ts'

const run = promisify(execFile)
const test = suite('pack')

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

/** The import specifiers that users may write, without package.json. */
const specifiers = Object.keys(manifest.exports)
  .filter((subpath) => subpath !== './package.json')
  .map((subpath) => manifest.name + subpath.slice(1))

/** Every file of dist/ that the manifest names. */
const named = [...JSON.stringify([manifest.exports, manifest.bin]).matchAll(/"(?:\.\/)?(dist\/[^"]+)"/g)]
  .map((match) => match[1] ?? '')

let installed: Promise<string> | null = null

/**
 * Packs the package and lays it out as if a user had installed it; only run-time dependencies are beside it. Once for
 * all cases: they add files of their own at most.
 */
function install(): Promise<string> {
  return installed ??= pack()
}

async function pack(): Promise<string> {
  build()
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: root })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  await run('tar', ['-xzf', tarball], { cwd: folder })
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '@types'), { recursive: true })
  symlinkSync(join(folder, 'package'), join(modules, manifest.name))
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  return folder
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1).replaceAll('\\', '/'))
}

test('every target of the manifest is built', () => {
  build()
  assert.ok(named.length > 15, 'the manifest names hardly anything')
  assert.equal(named.filter((path) => !existsSync(join(root, path))), [])
}, { timeoutMs: 120_000 })

test('every adapter and conformance suite is in the manifest', () => {
  const folders = ['transports', 'storage', 'lib/testing/conformance']
  const files = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
  const ports = files.filter((path) => path.endsWith('.ts') && /^(transports|storage)\/[\w-]+\.ts$/.test(path))
  ports.push('lib/testing/conformance/transport.ts', 'lib/testing/conformance/storage.ts')
  const targets = ports.map((path) => path.replace(/\.ts$/, '.js'))
  const all = targets.flatMap((path) => [`dist/${path}`, `dist/node/${path}`])
  const missing = all.filter((path) => !named.includes(path))
  assert.equal(missing, [])
})

test('the tarball holds what is published, with sources behind its maps, and nothing else', async () => {
  const folder = await install()
  const files = listFiles(join(folder, 'package'))
  const documents = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/
  const modules = /^((dist\/(node\/)?)?(lib|transports|storage)|dist\/node\/chunks)\//
  const isAllowed = (path: string): boolean => documents.test(path) || modules.test(path)
  assert.equal(files.filter((path) => !isAllowed(path) || path.endsWith('tsconfig.json')), [])
  const present = new Set(files)
  for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md']) assert.ok(present.has(path), `${path} is missing`)
  for (const path of files.filter((file) => /^dist\/.*\.js$/.test(file))) {
    const stem = path.replace(/\.js$/, '')
    const ends = path.startsWith('dist/node/') ? ['.js.map'] : ['.d.ts', '.js.map', '.d.ts.map']
    for (const end of ends) assert.ok(present.has(stem + end), `${stem + end} is missing`)
    const map = JSON.parse(readFileSync(join(folder, 'package', `${path}.map`), 'utf8')) as { sources: string[] }
    const sources = map.sources.map((source) => join(dirname(path), source).replaceAll('\\', '/'))
    assert.equal(sources.filter((source) => !present.has(source)), [], `sources of ${path} are missing`)
  }
}, { timeoutMs: 120_000 })

/** Loads everything in one process that must then end by itself, silently: loading has no effects. */
async function load(folder: string, args: readonly string[], script: string): Promise<Record<string, string[]>> {
  const { stdout, stderr } = await run(process.execPath, [...args, '-e', script], { cwd: folder, timeout: 30_000 })
  assert.is(stderr, '')
  return JSON.parse(stdout) as Record<string, string[]>
}

test('every subpath can be imported', async () => {
  const names = await load(await install(), ['--input-type=module'], `
    const names = {}
    for (const specifier of ${JSON.stringify(specifiers)}) names[specifier] = Object.keys(await import(specifier))
    console.log(JSON.stringify(names))`)
  for (const specifier of specifiers) assert.ok((names[specifier]?.length ?? 0) > 0, `${specifier} exports nothing`)
}, { timeoutMs: 120_000 })

test('every subpath can be required', async () => {
  const names = await load(await install(), ['--no-warnings', '--input-type=commonjs'], `
    const names = {}
    for (const specifier of ${JSON.stringify(specifiers)}) names[specifier] = Object.keys(require(specifier))
    console.log(JSON.stringify(names))`)
  for (const specifier of specifiers) assert.ok((names[specifier]?.length ?? 0) > 0, `${specifier} exports nothing`)
}, { timeoutMs: 120_000 })

test('there is one of every class, under its own name, whatever it is imported from', async () => {
  const classes = await load(await install(), ['--input-type=module'], `
    const isClass = (value) => typeof value === 'function' && /^class\\b/.test(String(value))
    const classes = new Map()
    for (const specifier of ${JSON.stringify(specifiers)}) {
      for (const [name, value] of Object.entries(await import(specifier))) {
        if (isClass(value)) classes.set(name, (classes.get(name) ?? new Set()).add(value))
      }
    }
    const { ZkError } = await import('vivarium')
    const { tcp } = await import('vivarium/transports/tcp')
    const error = await tcp().dial('nowhere').catch((reason) => reason)
    console.log(JSON.stringify({
      all: [...classes.keys()], several: [...classes.keys()].filter((name) => classes.get(name).size > 1),
      renamed: [...classes].flatMap(([name, all]) => [...all].filter((each) => each.name !== name)).map(String),
      thrown: error instanceof ZkError ? [error.code] : [],
    }))`)
  assert.ok((classes['all']?.length ?? 0) > 10, 'hardly any class was found')
  assert.equal(classes['several'], [])
  assert.equal(classes['renamed'], [])
  assert.equal(classes['thrown'], ['AddressInvalid'])
}, { timeoutMs: 120_000 })

test('the front doors export the same names, and only declared subpaths resolve', async () => {
  const folder = await install()
  const doors = await load(folder, ['--input-type=module'], `
    const names = async (path) => Object.keys(await import(path)).sort()
    console.log(JSON.stringify({ node: await names('vivarium'), web: await names('./package/dist/lib/index.js') }))`)
  assert.equal(doors['web']?.filter((name) => doors['node']?.includes(name) !== true), [])
  const failure = await load(folder, ['--input-type=module'], `
    const code = await import('vivarium/dist/lib/index.js').then(() => 'resolved', (error) => error.code)
    console.log(JSON.stringify({ code: [code] }))`)
  assert.equal(failure['code'], ['ERR_PACKAGE_PATH_NOT_EXPORTED'])
}, { timeoutMs: 120_000 })

for (const [module, moduleResolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']] as const) {
  test(`the types resolve for ${moduleResolution}`, async () => {
    const folder = await install()
    const lines = specifiers.map((specifier, index) => `import * as m${index} from '${specifier}'\nvoid m${index}`)
    writeFileSync(join(folder, `user-${module}.mts`), `${lines.join('\n')}\n`)
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2023', '--types', 'node']
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const check = run(process.execPath, [
      tsc, ...options, '--lib', 'es2023,esnext.disposable,dom',
      '--module', module, '--moduleResolution', moduleResolution, `user-${module}.mts`,
    ], { cwd: folder })
    const output = await check.then(() => '', (error: { stdout?: string }) => error.stdout ?? 'failed')
    assert.is(output, '')
  }, { timeoutMs: 120_000 })
}

test('the command is executable and says who it is', async () => {
  const folder = await install()
  const command = join(folder, 'package', manifest.bin['vivarium'] ?? '')
  assert.match(readFileSync(command, 'utf8'), /^#!\/usr\/bin\/env node\n/)
  const { stdout } = await run(process.execPath, [command, '--help'], { cwd: folder, timeout: 30_000 })
  assert.match(stdout, 'vivarium')
}, { timeoutMs: 120_000 })

test.run()
