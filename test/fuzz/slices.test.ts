/** So many inputs for each target, always the same ones: `npm run fuzz` goes on from here, guided by coverage. */
import { suite, assert } from '../harness.ts'
import { Fuzzer } from './fuzzer.ts'
import type { Failure } from './fuzzer.ts'
import { TARGETS } from './targets/all.ts'

const test = suite('fuzz')
const INPUTS = 1_000
const SEED = 1

for (const target of TARGETS) {
  test(`${target.name}: ${target.about}`, async (t) => {
    const failures: Failure[] = []
    await target.prepare?.()
    const fuzzer = new Fuzzer({ target, seed: SEED, coverage: null,
      onFailure: (failure) => void failures.push(failure) })
    t.defer(() => fuzzer.close())
    await fuzzer.begin()
    const { slice = INPUTS } = target
    while (fuzzer.inputs < slice) await fuzzer.batch(Math.min(64, slice))
    for (const { kind, text, input } of failures) {
      assert.unreachable(`${kind}: ${text}\n${Buffer.from(input).toString('base64')}`)
    }
    // It came to more than to be refused.
    assert.ok(fuzzer.words > 1, `${fuzzer.words} outcomes`)
  }, { timeoutMs: 120_000 })
}

test.run()
