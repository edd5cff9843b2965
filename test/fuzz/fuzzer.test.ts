/** The fuzzer itself finds what is there to be found. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { assert, suite } from '../harness.ts'
import { Coverage } from './coverage.ts'
import { Fuzzer } from './fuzzer.ts'
import type { Failure } from './fuzzer.ts'
import type { Target } from './target.ts'
import { validatePath } from '../../lib/core/tree/path.ts'

const test = suite('fuzzer')

/** Bytes that lead to each other: only who keeps what came to something new gets to the last one. */
const WANTED = 'ant'

function stairs(end: (input: Uint8Array) => void): Target {
  return {
    name: 'stairs', about: 'one byte after the other', longest: 16,
    seeds: () => [new Uint8Array(8)],
    make: () => ({
      run(input) {
        let steps = 0
        while (steps < WANTED.length && input[steps] === WANTED.charCodeAt(steps)) steps++
        if (steps === WANTED.length) end(input)
        return String(steps)
      },
    }),
  }
}

async function failuresOf(target: Target, most: number): Promise<Failure[]> {
  const failures: Failure[] = []
  const fuzzer = new Fuzzer({
    target, seed: 5, coverage: null, slowMs: 50, onFailure: (failure) => void failures.push(failure),
  })
  await fuzzer.begin()
  while (failures.length === 0 && fuzzer.inputs < most) await fuzzer.batch()
  await fuzzer.close()
  return failures
}

test('an error three bytes deep is found step by step', async () => {
  const failures = await failuresOf(stairs(() => { throw new Error('found') }), 200_000)
  assert.is(failures.length, 1)
  assert.is(failures[0]!.kind, 'error')
  assert.ok(new TextDecoder().decode(failures[0]!.input).startsWith(WANTED))
}, { timeoutMs: 60_000 })

test('an input that takes long is a failure', async () => {
  let slow: Uint8Array | null = null
  const failures = await failuresOf(stairs((input) => {
    slow ??= input
    if (input !== slow) return
    // Time of the processor, as it is judged: on a busy machine that of the clock says nothing.
    const begun = process.cpuUsage()
    while (process.cpuUsage(begun).user < 200_000) WANTED.normalize()
  }), 200_000)
  assert.is(failures[0]?.kind, 'slow')
}, { timeoutMs: 60_000 })

test('blocks of the code are told apart, each once', () => {
  const coverage = new Coverage()
  coverage.start()
  coverage.take()
  validatePath('/a')
  assert.ok(coverage.take().size > 0)
  validatePath('/b')
  assert.is(coverage.take().size, 0)
  validatePath('/..')
  validatePath('/\u0001')
  const found = coverage.take()
  assert.ok(found.size > 0)
  validatePath('/fine')
  assert.not.ok(coverage.strike(found))
  validatePath('/\u0001')
  validatePath('/..')
  assert.ok(coverage.strike(found))
  assert.is(found.size, 0)
  coverage.stop()
})

test('its processes end well when nothing was found', () => {
  const run = fileURLToPath(new URL('run.ts', import.meta.url))
  const words = ['--import', 'tsx', run, '--inputs', '100', '--target', 'texts']
  const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  assert.is(status, 0, stdout)
  assert.match(stdout, /1 passed, 0 failed\n$/)
}, { timeoutMs: 60_000 })

test.run()
