import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { counterOf, ZXID_ZERO } from '../../lib/core/zxid.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { assert, suite } from '../harness.ts'
import { bundle } from '../kill/bundle.ts'
import { compileShim, Disk, durableThrough, lastNumber } from '../kill/disk.ts'
import { diskOf, IDS, Trio } from '../kill/trio.ts'
import { level } from '../../storage/level.ts'

const test = suite('loss of power, long')

const OUTAGES = 36
/** Every so many spares one peer or two, so that those that come back find another history. */
const PARTIAL_EVERY = 3

interface Powered {
  readonly trio: Trio
  readonly disks: ReadonlyMap<number, Disk>
  lostBytes: number
  lostSteps: number
}

async function start(root: string, sync: boolean): Promise<Powered> {
  const shim = compileShim(root)
  const disks = new Map(IDS.map((id) => [id, new Disk(diskOf(root, id), shim)]))
  const trio = await Trio.start(root, { sync, env: (id) => disks.get(id as 1)!.env })
  return { trio, disks, lostBytes: 0, lostSteps: 0 }
}

async function outage(powered: Powered, ids: readonly number[], random: Random): Promise<void> {
  const { trio, disks } = powered
  await pause(random.below(400))
  await trio.kill(...ids)
  for (const id of ids) {
    const { bytes, steps } = disks.get(id)!.losePower(random)
    powered.lostBytes += bytes
    powered.lostSteps += steps
  }
  for (const id of ids) trio.startPeer(id)
  // Now and then the power goes again while they start.
  if (random.below(4) === 0) return
  await trio.allUp()
  await trio.progress()
}

test('nothing acknowledged is lost with the power of all three', async (t) => {
  const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 32))
  const random = makeRandom(seed)
  const startedMs = performance.now()
  const powered = await start(t.tempFolder(), true)
  const { trio } = powered
  t.defer(() => trio.end())
  let ofAll = 0
  for (let number = 0; number < OUTAGES; number++) {
    const [first, second] = [random.below(IDS.length), random.below(IDS.length)]
    const isPartial = number % PARTIAL_EVERY === 0
    const hit = isPartial ? IDS.filter((_, at) => at === first || at === second) : IDS
    if (!isPartial) ofAll += 1
    await outage(powered, hit, random)
    assert.equal(trio.problems(), [], `seed ${seed}, after outage ${number}`)
  }
  assert.equal(await trio.audit(), [], `seed ${seed}`)
  const { ledger, kills } = trio
  process.stdout.write(`seed ${seed}: ${ofAll} outages of all three and ${OUTAGES - ofAll} of fewer, ` +
    `${kills} processes killed; ${powered.lostBytes} bytes and ${powered.lostSteps} changes of names dropped; ` +
    `${ledger.acknowledged} acknowledged writes checked; ${Math.round((performance.now() - startedMs) / 1_000)} s\n`)
  assert.ok(ofAll >= 20)
  assert.ok(powered.lostBytes + powered.lostSteps > 0, 'the outages took nothing')
}, { timeoutMs: 1_200_000 })

test('without flushing it is lost, and that is noticed', async (t) => {
  const random = makeRandom(Math.floor(Math.random() * 2 ** 32))
  const powered = await start(t.tempFolder(), false)
  const { trio } = powered
  t.defer(() => trio.end())
  await trio.progress()
  await trio.kill(...IDS)
  for (const id of IDS) powered.lostBytes += powered.disks.get(id)!.losePower(random, true).bytes
  for (const id of IDS) trio.startPeer(id)
  const problems = await trio.audit()
  const lost = problems.filter((problem) => /should be|was set to/.test(problem))
  process.stdout.write(`without sync: ${powered.lostBytes} bytes dropped, ${lost.length} losses noticed\n`)
  assert.ok(lost.length > 0, 'nothing is missing')
}, { timeoutMs: 300_000 })

/** Opens what is left, and says what is wrong with it. */
async function problemsOf(folder: string, held: number): Promise<string[]> {
  const storage = level(folder)
  try {
    const { base, entries, damage, snapshot } = await storage.open()
    const chunks: Uint8Array[] = []
    for await (const chunk of snapshot) chunks.push(chunk)
    if (chunks.length !== (base?.chunks ?? 0)) return [`${chunks.length} chunks`]
    const last = counterOf(Array.from(entries).at(-1)?.zxid ?? base?.zxid ?? ZXID_ZERO)
    if (damage !== 'none') return [`${damage} is damaged`]
    return last < held ? [`the last entry is ${last}, ${held} was acknowledged`] : []
  } catch (error) {
    return [String(error)]
  } finally {
    await storage.close()
  }
}

test('whenever the power goes, a storage opens and holds what it acknowledged', async (t) => {
  const folder = t.tempFolder()
  const disk = new Disk(join(folder, 'disk'), compileShim(folder))
  const script = await bundle(new URL('../kill/storage-process.ts', import.meta.url), folder)
  const { signal, stderr } = spawnSync(process.execPath, [script, disk.root], { env: { ...process.env, ...disk.env } })
  assert.is(signal, 'SIGKILL', String(stderr))
  const history = disk.history()
  const problems: string[] = []
  let images = 0
  for (let length = 0; length <= history.length; length++) {
    const steps = history.slice(0, length)
    const held = steps.reduce((most, { rest }) => Math.max(most, Number(/held-(\d+)$/.exec(rest)?.[1] ?? 0)), 0)
    for (const through of new Set([durableThrough(steps), lastNumber(steps)])) {
      const target = join(folder, 'image')
      disk.image(steps, through, target, () => 0)
      images += 1
      const found = await problemsOf(join(target, 'data'), held)
      const where = `after ${length} steps, the names of ${through}`
      problems.push(...found.map((problem) => `${where}: ${problem}`))
      rmSync(target, { recursive: true })
    }
  }
  process.stdout.write(`${images} images of ${history.length} moments opened\n`)
  assert.equal(problems, [])
  assert.ok(history.length > 100)
}, { timeoutMs: 600_000 })

test.run()
