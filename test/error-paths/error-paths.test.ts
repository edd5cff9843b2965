/** The measurement behind the gate of `test/run.ts`: each error path of the storage is taken by a test of its own. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert, suite } from '../harness.ts'
import { EXCEPTIONS, judge, storageSites } from './gate.ts'
import type { Exception } from './gate.ts'
import { sitesOf } from './sites.ts'
import type { Site } from './sites.ts'
import { takenSites } from './taken.ts'

const test = suite('error paths')
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const FIXTURE = 'test/error-paths/fixture.ts'

const SAMPLE = `
// throw nothing: this is a comment
const text = 'throw, reject(1), fail(2)'
export function fail(error: unknown): Error {
  return error instanceof Error ? error
    : new TypeError('what was thrown is none', { cause: error })
}
function go(isLate: boolean): Promise<number | null> {
  if (isLate) throw fail('late')
  try {
    return null
  } catch (error) {
    // Why it is so.
    undo(error)
  }
  work.catch((error: unknown) => { undo(error) })
  new Promise((resolve, reject) => begin((error) => error === null ? resolve() : reject(error)))
  return Promise.reject(new Error('never'))
}
`

test('what deals with an error is found: once, and at its first statement', () => {
  const lines = SAMPLE.split('\n')
  const found = sitesOf('x.ts', SAMPLE).map(({ line, column }) => lines[line]!.slice(column, column + 14))
  assert.equal(found, [
    'new TypeError(', "throw fail('la", "fail('late')", 'return null', 'undo(error)', 'undo(error) })',
    'reject(error))', 'Promise.reject',
  ])
})

/** What running the fixture takes of its sites. */
function measured(folder: string): { readonly sites: readonly Site[], readonly taken: readonly string[] } {
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', join(ROOT, FIXTURE)], {
    encoding: 'utf8', timeout: 30_000, env: { ...process.env, NODE_V8_COVERAGE: folder },
  })
  assert.is(status, 0, stderr)
  const sites = sitesOf(FIXTURE, readFileSync(join(ROOT, FIXTURE), 'utf8'))
  const { taken, unknown } = takenSites(folder, ROOT, sites)
  assert.equal(Array.from(unknown), [])
  return { sites, taken: sites.filter((site) => taken.has(site)).map(({ text }) => text) }
}

test('what a process has taken is told from what it has not', (t) => {
  const { sites, taken } = measured(t.tempFolder())
  assert.equal(taken, [
    "if (isWanted) throw new Refusal('wanted')", "if (text === '') return null", 'return error',
    "return how === 'rejecting' ? Promise.reject(new Refusal(how)) : fail(how)",
    'if (!(error instanceof Refusal)) throw error',
  ])
  const untaken = sites.filter(({ text }) => !taken.includes(text)).map(({ text }) => text)
  assert.equal(untaken, [
    "throw new Refusal('never')", 'if (text.length > 100) return null',
    'return await work.catch((error: unknown) => error)', 'process.exitCode = 1',
  ])
}, { timeoutMs: 40_000 })

test('what several processes took counts together, and one that could not write its measurement is left out', (t) => {
  const folder = t.tempFolder()
  const { sites } = measured(folder)
  writeFileSync(join(folder, 'coverage-cut-short.json'), '{"result":[')
  measured(folder)
  const none = takenSites(t.tempFolder(), ROOT, sites)
  assert.equal([none.taken.size, none.unknown.size], [0, 0])
}, { timeoutMs: 80_000 })

const site = (text: string, line = 0): Site => ({ file: 'storage/x.ts', line, column: 0, text })
const THROWN = site('throw error', 3)
const NULL = site('return null', 7)

test('a path that no test takes fails the run, unless it is named', () => {
  const taken = { taken: new Set([THROWN]), unknown: new Set<Site>() }
  assert.equal(judge([THROWN, NULL], taken, []).problems, ['storage/x.ts:8: return null is taken by no test'])
  const named: Exception = { file: 'storage/x.ts', text: 'return null', reason: 'nobody comes here' }
  assert.equal(judge([THROWN, NULL], taken, [named]), { taken: 1, problems: [] })
  const unknown = { taken: new Set<Site>(), unknown: new Set([THROWN]) }
  assert.equal(judge([THROWN], unknown, []).problems, ['storage/x.ts:4: throw error cannot be found in what was run'])
})

test('who is named but not there any more fails it as well', () => {
  const gone: Exception = { file: 'storage/x.ts', text: 'return undefined', reason: 'nobody comes here' }
  const { problems } = judge([THROWN], { taken: new Set([THROWN]), unknown: new Set() }, [gone])
  assert.equal(problems, ['storage/x.ts has no "return undefined": nobody comes here'])
})

test('the storage has its error paths where they are looked for, and few exceptions', () => {
  const files = new Set(storageSites(ROOT).map(({ file }) => file))
  for (const file of ['level.ts', 'memory.ts', 'level/ledger.ts', 'level/segment-file.ts', 'parts/entries.ts']) {
    assert.ok(files.has(`storage/${file}`), file)
  }
  assert.ok(storageSites(ROOT).length > 90, `${storageSites(ROOT).length} paths`)
  assert.ok(EXCEPTIONS.length <= 5, `${EXCEPTIONS.length} exceptions`)
})

test.run()
