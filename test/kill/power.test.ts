import { assert, suite } from '../harness.ts'
import { IDS, Trio } from './trio.ts'
import type { TrioOptions } from './trio.ts'

const test = suite('kill > power')

/** All three lose their power at once, so often, while clients write. */
async function outages(trio: Trio, count: number): Promise<void> {
  for (let outage = 0; outage < count; outage++) {
    await trio.progress()
    await trio.kill(...IDS)
    for (const id of IDS) trio.startPeer(id)
    await trio.allUp()
  }
}

async function audit(root: string, options: TrioOptions): Promise<string[]> {
  const trio = await Trio.start(root, options)
  try {
    await outages(trio, 2)
    return await trio.audit()
  } finally {
    await trio.end()
  }
}

test('nothing acknowledged is lost with what LevelDB was not told to flush', async (t) => {
  assert.equal(await audit(t.tempFolder(), { isVolatile: true }), [])
}, { timeoutMs: 120_000 })

test('without flushing it is lost, and that is noticed', async (t) => {
  const problems = await audit(t.tempFolder(), { isVolatile: true, sync: false })
  const lost = problems.filter((problem) => /should be|was set to/.test(problem))
  assert.ok(lost.length > 0, 'nothing is missing')
}, { timeoutMs: 120_000 })

test.run()
