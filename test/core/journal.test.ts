import type { Effect } from '../../lib/core/effects.ts'
import { CHAIN_ZERO } from '../../lib/core/zab/chain.ts'
import { Journal } from '../../lib/core/zab/journal.ts'
import { Log } from '../../lib/core/zab/log.ts'
import { makeZxid, ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Meta } from '../../lib/ports/storage.ts'
import { assert, suite } from '../harness.ts'
import { Disk } from './cluster.ts'

const test = suite('journal')

const META: Meta = {
  format: 1, peerId: 1, ensembleName: 'test', ensembleId: '', members: '1:voter', acceptedEpoch: 1, currentEpoch: 1,
  commitHint: ZXID_ZERO, health: 'ok',
}

type Persist = Extract<Effect, { kind: 'persist' }>

class Bench {
  readonly journal = new Journal(new Log(ZXID_ZERO, CHAIN_ZERO, []), META, null,
    { syncChunkBytes: 250, syncChunksInFlight: 4 })
  #counter = 0

  append(...sizes: number[]): void {
    for (const size of sizes) this.journal.appendNew(makeZxid(1, ++this.#counter), new Uint8Array(size), null)
  }

  /** What one turn wants written. */
  flush(): Persist[] {
    const effects: Effect[] = []
    this.journal.flush(effects)
    return effects as Persist[]
  }
}

const counts = (writes: readonly Persist[]): (number | undefined)[] => writes.map(({ batch }) => batch.entries?.length)

test('a turn is one write, or several where it has many bytes, and each is durable by itself', () => {
  const bench = new Bench()
  const { journal } = bench
  bench.append(...Array.from({ length: 99 }, () => 10))
  assert.equal(counts(bench.flush()), [99])
  bench.append(400, 400, 400, 5_000, 400)
  assert.is(journal.ticket, 4)
  journal.setMeta({ acceptedEpoch: 2 })
  const writes = bench.flush()
  assert.equal(counts(writes), [3, 1, 1])
  assert.equal(writes.map(({ ticket }) => ticket), [2, 3, 4])
  assert.equal(writes.map(({ batch }) => batch.meta?.acceptedEpoch), [undefined, undefined, 2])
  const durable: number[] = []
  for (let ticket = 1; ticket <= 4; ticket++) {
    journal.persisted(ticket)
    durable.push(journal.durableZxid)
  }
  assert.equal(durable, [99, 102, 103, 104].map((counter) => makeZxid(1, counter)))
  assert.ok(journal.idle)
})

test('a truncation reaches what its own turn has divided, and its bytes count no more', () => {
  const bench = new Bench()
  const { journal } = bench
  const disk = new Disk()
  const keep = (writes: readonly Persist[]): void => {
    for (const { batch, ticket } of writes) {
      disk.apply(batch)
      journal.persisted(ticket)
      assert.ok(journal.durableZxid <= makeZxid(1, 2))
    }
  }
  bench.append(600, 600, 600, 600, 300)
  journal.truncate(makeZxid(1, 2))
  keep(bench.flush())
  assert.equal(disk.entries.map(({ zxid }) => zxid), [makeZxid(1, 1), makeZxid(1, 2)])
  bench.append(900)
  journal.truncate(makeZxid(1, 2))
  bench.append(900, 50)
  assert.is(bench.flush().length, 1)
})

test.run()
