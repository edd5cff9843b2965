import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { assert, suite } from './harness.ts'
import { RULES, target } from './tidy/rules.ts'
import { parse } from './tidy/source.ts'
import type { Problem, Source } from './tidy/source.ts'

const run = promisify(execFile)
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const test = suite('tidy')

/** Every file that is or is about to be in the repository. */
async function repositoryFiles(): Promise<string[]> {
  const { stdout } = await run('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  return stdout.split('\n').filter((path) => path !== '' && existsSync(join(root, path)))
}

async function parsed(): Promise<readonly Source[]> {
  const paths = await repositoryFiles()
  const typescript = paths.filter((path) => /^(lib|transports|storage|test|bench|examples)\/.*\.ts$/.test(path))
  return typescript.map((path) => parse(path, readFileSync(join(root, path), 'utf8')))
}

let all: Promise<readonly Source[]> | null = null

/** Parsed once for all cases. */
function sources(): Promise<readonly Source[]> {
  return all ??= parsed()
}

function expectNone(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const lines = problems.map(({ path, line, message }) => `${path}:${line}: ${message}`)
  assert.unreachable(`${problems.length} problems\n${lines.join('\n')}\n`)
}

interface Failed {
  readonly code?: number
  readonly stdout?: string
  readonly stderr?: string
}

/** Runs a tool that must have nothing to say. */
async function expectContent(tool: string, args: readonly string[]): Promise<void> {
  try {
    await run(process.execPath, [join(root, 'node_modules', tool), ...args], { cwd: root, maxBuffer: 16_000_000 })
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as Failed
    assert.unreachable(`exit ${String(code)}\n${stdout}${stderr}`)
  }
}

test('every file keeps the rules', async () => {
  const all = await sources()
  assert.ok(all.length > 20, 'the file list looks empty')
  expectNone(all.flatMap((source) => RULES.flatMap((rule) => rule(source))))
})

/** Each sample breaks one rule; the rule must see it, or the test above proves nothing. */
const SAMPLES: readonly (readonly [path: string, text: string, message: RegExp])[] = [
  ['lib/core/x.ts', 'const a = Date.now()', /no Date/],
  ['lib/core/x.ts', 'const a = Math.random()', /Math\.random/],
  ['lib/core/x.ts', 'function f(): Promise<void> {}', /no promises/],
  ['lib/core/x.ts', 'const a = Math.log(b)', /left to the engine/],
  ['lib/testing/x.ts', 'const a = 10 ** b.unit()', /left to the engine/],
  ['lib/core/x.ts', 'setTimeout(f, 1)', /no timers/],
  ['lib/core/x.ts', "import { a } from '../wire/a.ts'", /core may not import/],
  ['lib/core/x.ts', "import {\n  a,\n} from 'node:fs'", /node:fs outside/],
  ['lib/wire/x.ts', "import { a } from '../peer/a.ts'", /wire may not import/],
  ['lib/ports/x.ts', "import { a } from '../core/zxid.ts'", /ports may not import/],
  ['lib/client/x.ts', "import { a } from 'ws'", /package ws/],
  ['lib/client/x.ts', "import { a } from 'left-pad'", /no dependency/],
  ['lib/client/x.ts', "import { a } from './a.js'", /end in \.ts/],
  ['lib/index.ts', "export { tcp } from '../transports/tcp.ts'", /index\.ts may not import/],
  ['lib/peer/x.ts', 'console.log(1)', /no console/],
  ['lib/peer/x.ts', "process.on('exit', f)", /guest/],
  ['lib/peer/x.ts', 'let a = 1', /mutable state/],
  ['lib/peer/x.ts', 'const a = new Map<string, string>()', /mutable state/],
  ['lib/peer/x.ts', 'socket.send(view.buffer)', /byteOffset/],
  ['lib/peer/x.ts', 'const a = await f()', /top-level await/],
  ['lib/peer/x.ts', '/** A. */\n\nexport const a = 1', /docstring/],
  ['lib/peer/x.ts', 'export function a(): void {}', /docstring/],
  ['lib/peer/x.ts', 'try { f() } catch {}', /empty catch/],
  ['lib/peer/x.ts', 'try {\n  f()\n} catch (error) {\n}', /empty catch/],
  ['lib/other/x.ts', '', /no known room/],
  ['test/x.ts', 'export default 1', /default export/],
  ['test/x.ts', 'enum A { B }', /no enum/],
  ['test/x.ts', 'const a = b as any', /no any/],
  ['test/x.ts', 'function f(a: any): void {}', /no any/],
  ['test/x.ts', 'suite.only(f)', /\.only/],
  ['test/x.ts', `// ${'FIX'}${'ME'} later`, /finish it/],
  ['test/x.ts', "import { suite } from 'uvu'", /uvu only/],
  ['test/x.ts', `const a = '${'x'.repeat(120)}'`, /columns/],
  ['test/x.ts', 'a()\n'.repeat(501), /501 lines/],
]

const CLEAN = [
  ['lib/core/x.ts', `// Date, await, any
/** Says no Promise. */
export const a = 'Date.now() await'
const b = /Date.now('/.test(\`\${a} Date\`)
`],
  ['lib/peer/x.ts', `/** A. */
export async function a(): Promise<void> {
  await b(new DataView(c.buffer, c.byteOffset))
}
`],
  ['lib/ports/x.ts', "import type { Zxid } from '../core/zxid.ts'\n"],
] as const

test('the rules see what they forbid', () => {
  for (const [path, text, message] of SAMPLES) {
    const found = RULES.flatMap((rule) => rule(parse(path, text))).map((problem) => problem.message)
    const isSeen = found.some((entry) => message.test(entry))
    assert.ok(isSeen, `${String(message)} not seen in ${path}: ${text.slice(0, 60)}; found ${found.join()}`)
  }
  for (const [path, text] of CLEAN) expectNone(RULES.flatMap((rule) => rule(parse(path, text))))
})

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin: Readonly<Record<string, string>>
}

/** The sources behind package.json's exports and bin. */
function entries(): string[] {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const text = JSON.stringify([manifest.exports, manifest.bin])
  return [...text.matchAll(/"(?:\.\/)?dist\/(?:node\/)?([^"]+)\.js"/g)].map((match) => `${match[1] ?? ''}.ts`)
}

test('every published file is reachable from an entry', async () => {
  const all = (await sources()).filter(({ path }) => /^(lib|transports|storage)\//.test(path))
  const published = new Map(all.map((source) => [source.path, source]))
  const reached = new Set<string>()
  const queue = entries()
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = published.get(path)
    if (!source || reached.has(path)) continue
    reached.add(path)
    for (const { specifier } of source.imports) if (specifier.startsWith('.')) queue.push(target(source, specifier))
  }
  const dead = [...published.keys()].filter((path) => !reached.has(path))
  expectNone(dead.map((path) => ({ path, line: 1, message: 'no entry of package.json reaches this file' })))
})

test('no file imports itself by way of others', async () => {
  const all = new Map((await sources()).map((source) => [source.path, source]))
  const done = new Set<string>()
  const problems: Problem[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      const loop = [...trail.slice(trail.indexOf(path)), path]
      problems.push({ path, line: 1, message: `import cycle of values: ${loop.join(' -> ')}` })
      return
    }
    const source = all.get(path)
    if (!source || done.has(path)) return
    for (const { specifier, isType } of source.imports) {
      if (!isType && specifier.startsWith('.')) visit(target(source, specifier), [...trail, path])
    }
    done.add(path)
  }
  for (const path of all.keys()) visit(path, [])
  expectNone(problems)
})

/** Folders and documents that are no part of the repository, spelled so that these lines do not name them. */
const OUTSIDE = /\.\.\/share[d]|\/wor[k]\/|\/tmp\/brie[f]|\/roo[t]\/|\bshare[d]\/\w|\breferenc[e]\/\w/
const PAGES = /\b(design|zab|correctness|client-protocol|zookeeper-features|users|style)\.m[d]\b/

test('nothing names a path outside the repository', async () => {
  const files = (await repositoryFiles()).filter((path) => path !== 'package-lock.json')
  const problems: Problem[] = []
  for (const path of files) {
    readFileSync(join(root, path), 'utf8').split('\n').forEach((text, index) => {
      const match = OUTSIDE.exec(text) ?? PAGES.exec(text)
      if (match) problems.push({ path, line: index + 1, message: `names what is outside: ${match[0]}` })
    })
  }
  expectNone(problems)
})

const TOP = /^(package(-lock)?\.json|tsconfig\.json|README\.md|LICENSE|CHANGELOG\.md|\..*)$/
const FOLDERS = /^(lib|transports|storage|bench|test|examples)$/

test('the top level holds what it may hold', async () => {
  const names = new Set((await repositoryFiles()).map((path) => path.split('/')[0] ?? ''))
  assert.equal([...names].filter((name) => !TOP.test(name) && !FOLDERS.test(name)), [])
})

test('the lock file names no registry', async () => {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const hosts = [...text.matchAll(/"resolved": "([^"]+)"/g)].map((match) => match[1] ?? '')
  assert.equal(hosts.filter((url) => !url.startsWith('https://registry.npmjs.org/')), [])
})

interface Locked {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>
}

/** Where a registry lacks another platform's binaries npm leaves them out, and then `npm ci` refuses the file. */
test('the lock file names the packages of every platform', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Locked
  const names = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
  assert.equal(names.filter((name) => packages[`node_modules/${name}`] === undefined), [])
})

test('lib/core compiles with nothing but the language', async () => {
  await expectContent('typescript/bin/tsc', ['-p', 'lib/core/tsconfig.json'])
}, { timeoutMs: 120_000 })

test('what browsers may load compiles without Node', async () => {
  await expectContent('typescript/bin/tsc', ['-p', 'lib/tsconfig.json'])
}, { timeoutMs: 120_000 })

test('functions are short, and the linter is content', async () => {
  await expectContent('oxlint/bin/oxlint', ['--deny-warnings', '--format=unix'])
}, { timeoutMs: 120_000 })

test.run()
