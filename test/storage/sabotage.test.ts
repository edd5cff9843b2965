import {
  STORAGE_FLAWS, StorageContext, sabotagedPlace, storageCases,
} from '../../lib/testing/conformance/storage.ts'
import type { StorageFlaw } from '../../lib/testing/conformance/storage.ts'
import { assert, suite } from '../harness.ts'

const test = suite('storage sabotage')

/** The names of the cases that notice something. */
async function noticing(flaw: StorageFlaw | null): Promise<string[]> {
  const failed: string[] = []
  for (const { name, needs, run } of storageCases) {
    const context = new StorageContext(sabotagedPlace(flaw), false)
    if (needs !== undefined && !context.storage.features[needs]) continue
    const error = await run(context).then(() => null, (thrown: unknown) => thrown)
    if (error !== null) failed.push(name)
  }
  return failed
}

test('the sabotaged storage without a bug passes every case', async () => {
  assert.equal(await noticing(null), [])
})

for (const [flaw, expected] of Object.entries(STORAGE_FLAWS)) {
  test(`a storage that ${flaw} is caught`, async () => {
    const failed = await noticing(flaw as StorageFlaw)
    assert.ok(failed.includes(expected), `"${expected}" did not notice; these did: ${failed.join('; ') || 'none'}`)
  })
}

test.run()
