import { makeRandom } from '../../lib/core/random.ts'
import { assert, suite } from '../harness.ts'
import { deal } from './rounds.ts'
import type { Blow } from './rounds.ts'
import { Trio } from './trio.ts'

const test = suite('kill')

/** The long test deals far more of them. */
const BLOWS: readonly Blow[] = ['one', 'leader', 'two', 'stop', 'wipe', 'start']

test('nothing acknowledged is lost by killing, stopping and wiping processes', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  process.stdout.write(`seed ${seed}\n`)
  const random = makeRandom(seed)
  const trio = await Trio.start(t.tempFolder())
  t.defer(() => trio.end())
  await deal(trio, BLOWS, random)
  assert.equal(await trio.audit(), [])
  assert.ok(trio.kills >= 6 && trio.ledger.acknowledged > 100)
}, { timeoutMs: 120_000 })

test.run()
