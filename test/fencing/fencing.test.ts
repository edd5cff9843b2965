import { join } from 'node:path'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { Contest } from './contest.ts'
import { FencedFile } from './file.ts'
import { Journal } from './journal.ts'
import type { Ask } from './protocol.ts'

const test = suite('fencing')

/** The token of the holder with this number. */
const token = (number: number): string => `000000000000000${number}@tree`

/** A storage that says what became of each call. */
class Scene {
  readonly journal: Journal = new Journal()
  readonly file: FencedFile
  #ids = 0

  constructor(folder: string, isFenced: boolean) {
    this.file = new FencedFile(join(folder, 'counter.json'), isFenced)
  }

  read(number: number, begun: number): number | null {
    const count = this.file.read(token(number))
    const ask: Ask = { kind: 'read', ask: 0, worker: `w${number}`, token: token(number), begun: String(begun) }
    this.journal.note(ask, count !== null)
    return count
  }

  write(number: number, count: number, looked: number | null = null): boolean {
    const id = `i${this.#ids += 1}`
    const isTaken = this.file.write(token(number), count)
    this.journal.note({
      kind: 'write', ask: 0, worker: `w${number}`, token: token(number), count, id,
      looked: looked === null ? null : String(looked),
    }, isTaken)
    if (isTaken) this.journal.acked(id, count)
    return isTaken
  }

  get problems(): string[] {
    return this.journal.problems(this.file.content.count)
  }
}

test('the file refuses who is late, also when the next holder has only read', async (t) => {
  const scene = new Scene(t.tempFolder(), true)
  assert.equal([scene.read(1, 10), scene.write(1, 1), scene.write(1, 2)], [0, true, true])
  assert.is(scene.read(2, 20), 2)
  assert.equal([scene.write(1, 3), scene.read(1, 10)], [false, null])
  assert.equal([scene.write(2, 3), scene.file.content], [true, { token: token(2), count: 3 }])
  assert.equal([scene.journal.lateWrites, scene.journal.lateReads, scene.problems], [1, 1, []])
})

test('a lost update, a token that falls and two holders at once are noticed', async (t) => {
  const scene = new Scene(t.tempFolder(), false)
  scene.read(1, 10)
  scene.read(2, 20)
  scene.write(2, 1, 25)
  scene.write(1, 1, 30)
  assert.match(scene.problems.join('\n'), /lost update: i2/)
  assert.match(scene.problems.join('\n'), /the file says 1 after 2/)
  assert.match(scene.problems.join('\n'), /i2 with .*1@tree came after/)
  assert.match(scene.problems.join('\n'), /w1 saw itself hold the lock/)
})

test('workers and peers die and stand still, and no update is lost', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  process.stdout.write(`seed ${seed}\n`)
  const contest = new Contest({ folder: t.tempFolder(), seed, workers: 8, forMs: 10_000 })
  t.defer(() => contest.end())
  assert.equal(await contest.run(), [])
  const { peers, workers } = contest.blows!
  const blows = [peers, workers].flatMap(({ kills, shortStops, longStops }) => [kills, shortStops, longStops])
  assert.ok(blows.reduce((sum, count) => sum + count, 0) >= 2 && contest.journal.acknowledged >= 16)
}, { timeoutMs: 150_000 })

/** Twice, a holder writes when others have had the lock; nothing else goes wrong. */
async function lateWriters(t: Case, isFenced: boolean): Promise<{ problems: string[], journal: Journal }> {
  const contest = new Contest({
    folder: t.tempFolder(), seed: 1, workers: 4, forMs: 0, isFenced,
    plan: async (fray) => {
      await fray.haltHolder()
      await fray.haltHolder()
    },
  })
  t.defer(() => contest.end())
  return { problems: await contest.run(), journal: contest.journal }
}

test('a holder that stood still is refused by the storage', async (t) => {
  const { problems, journal } = await lateWriters(t, true)
  assert.equal(problems, [])
  assert.ok(journal.lateWrites + journal.lateThoughHeld > 0)
}, { timeoutMs: 150_000 })

test('a storage that compares no tokens loses updates, and the journal says so', async (t) => {
  const { problems } = await lateWriters(t, false)
  assert.match(problems.join('\n'), /lost update: /)
  assert.match(problems.join('\n'), / came after /)
}, { timeoutMs: 150_000 })

test.run()
