import { assert, suite } from '../harness.ts'
import type { LogEntry } from '../../lib/ports/storage.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { epochOf, makeZxid, ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { chainOf } from '../../lib/core/zab/journal.ts'
import { CHAIN_ZERO } from '../../lib/core/zab/chain.ts'
import type { Chain } from '../../lib/core/zab/chain.ts'
import { Log, follows } from '../../lib/core/zab/log.ts'
import type { LoggedTxn } from '../../lib/core/zab/log.ts'
import { planSync } from '../../lib/core/zab/sync-plan.ts'

const test = suite('log and sync plan')

/** A history: runs of [epoch, txns], chained; `salt` makes different bytes for equal zxids. */
function history(runs: readonly (readonly [number, number])[], salt = 0): LogEntry[] {
  const entries: LogEntry[] = []
  let prevZxid: Zxid = ZXID_ZERO
  let chain: Readonly<Chain> = CHAIN_ZERO
  for (const [epoch, count] of runs) {
    for (let counter = 1; counter <= count; counter++) {
      const zxid = makeZxid(epoch, counter)
      const bytes = Uint8Array.of(epoch, counter, salt)
      const next = chainOf(chain, zxid, bytes)
      entries.push({ zxid, prevZxid, ...next, bytes })
      prevZxid = zxid
      chain = next
    }
  }
  return entries
}

/** The same entries, their bytes in one piece of memory, behind something else. */
function together(entries: readonly LogEntry[]): LogEntry[] {
  const memory = new Uint8Array(entries.reduce((sum, { bytes }) => sum + bytes.length, 70_000))
  let at = 70_000
  return entries.map((entry) => {
    memory.set(entry.bytes, at)
    at += entry.bytes.length
    return { ...entry, bytes: memory.subarray(at - entry.bytes.length, at) }
  })
}

function logOf(entries: readonly LogEntry[]): Log {
  return new Log(ZXID_ZERO, CHAIN_ZERO, entries)
}

test('finds entries and points across epochs', () => {
  const log = logOf(history([[1, 3], [4, 2], [5, 1]]))
  assert.is(log.last, makeZxid(5, 1))
  assert.is(log.entryAt(makeZxid(1, 2))?.zxid, makeZxid(1, 2))
  assert.is(log.entryAt(makeZxid(2, 1)), undefined)
  assert.ok(log.holds(ZXID_ZERO))
  assert.is(log.holds(makeZxid(4, 3)), false)
  assert.is(log.pointBelow(makeZxid(4, 1)), makeZxid(1, 3))
  assert.is(log.pointBelow(makeZxid(9, 9)), makeZxid(5, 1))
  assert.is(log.pointBelow(makeZxid(1, 1)), ZXID_ZERO)
  assert.equal(log.slice(makeZxid(1, 3), makeZxid(4, 2), Infinity).map((entry) => entry.zxid),
    [makeZxid(4, 1), makeZxid(4, 2)])
  assert.is(log.slice(ZXID_ZERO, log.last, 1).length, 1)
})

test('truncates and appends again', () => {
  const log = logOf(history([[1, 5]]))
  log.truncate(makeZxid(1, 2))
  assert.is(log.last, makeZxid(1, 2))
  assert.throws(() => log.truncate(makeZxid(1, 4)))
  const bytes = Uint8Array.of(9)
  const next = makeZxid(3, 1)
  log.append({ zxid: next, prevZxid: makeZxid(1, 2), ...chainOf(log.lastChain, next, bytes), bytes, txn: null })
  assert.is(log.last, makeZxid(3, 1))
  const gap = { zxid: makeZxid(3, 3), prevZxid: makeZxid(3, 2) }
  assert.throws(() => log.append({ ...gap, hash1: 0, hash2: 0, bytes, txn: null }))
})

test('trims what a snapshot holds and keeps its counts', () => {
  const log = logOf(history([[1, 10], [2, 10]]))
  log.trim(makeZxid(1, 4))
  assert.is(log.floor, makeZxid(1, 4))
  assert.is(log.length, 16)
  assert.is(log.bytes, 48)
  log.trim(makeZxid(2, 9))
  assert.is(log.length, 1)
  assert.is(log.holds(makeZxid(2, 8)), false)
  assert.is(log.entryAfter(makeZxid(2, 9))?.zxid, makeZxid(2, 10))
  assert.is(log.retentionPoint(log.last, 10, 1000), log.floor)
})

test('retention keeps so many txns and bytes', () => {
  const log = logOf(history([[1, 10]]))
  assert.is(log.retentionPoint(makeZxid(1, 10), 3, 1e9), makeZxid(1, 7))
  assert.is(log.retentionPoint(makeZxid(1, 10), 100, 9), makeZxid(1, 7))
  assert.is(log.retentionPoint(makeZxid(1, 10), 100, 1e9), ZXID_ZERO)
})

/** What a log answers, about every zxid in reach. */
function answers(log: Log, zxids: readonly Zxid[]): unknown {
  return [log.floor, log.last, log.length, log.bytes, { ...log.lastChain }.hash1, zxids.map((zxid) => {
    const slice = log.slice(zxid, log.last, 5_000)
    const [entry, after, chain] = [log.entryAt(zxid), log.entryAfter(zxid), log.chainAt(zxid)]
    return [entry, after, chain && [chain.hash1, chain.hash2], log.holds(zxid), log.pointBelow(zxid),
      log.bytesAfter(zxid), log.retentionPoint(zxid, 700, 40_000), slice.length, slice[0], slice[slice.length - 1]]
  })]
}

/** `count` chained entries after `log`'s end, of up to `bytes` bytes each. */
function extended(log: Log, count: number, bytes: number, random: ReturnType<typeof makeRandom>): LogEntry[] {
  const entries: LogEntry[] = []
  let [prevZxid, chain]: [Zxid, Readonly<Chain>] = [log.last, log.lastChain]
  for (let i = 0; i < count; i++) {
    const isNewEpoch = prevZxid === 0 || random.below(40) === 0
    const zxid = isNewEpoch ? makeZxid(epochOf(prevZxid) + 1 + random.below(3), 1) : (prevZxid + 1) as Zxid
    const txn = new Uint8Array(1 + random.below(bytes)).fill(random.below(256))
    const next = chainOf(chain, zxid, txn)
    entries.push({ zxid, prevZxid, ...next, bytes: txn })
    prevZxid = zxid
    chain = next
  }
  return entries
}

function shown(log: Log, from: Zxid, to: Zxid): Omit<LoggedTxn, 'txn'>[] {
  const entries: Omit<LoggedTxn, 'txn'>[] = []
  log.show(from, to, ({ txn: _, ...entry }) => {
    entries.push({ ...entry, bytes: entry.bytes.slice() })
    return true
  })
  return entries
}

test('a packed log answers as one that is not', () => {
  const random = makeRandom(77)
  for (let round = 0; round < 12; round++) {
    const [plain, packed] = [logOf([]), logOf([])]
    let seen: Zxid[] = [ZXID_ZERO]
    let applied: Zxid = ZXID_ZERO
    for (let step = 0; step < 25; step++) {
      for (const entry of extended(plain, random.below(400), round % 3 === 0 ? 3_000 : 100, random)) {
        plain.append({ ...entry, txn: null })
        packed.append({ ...entry, txn: null })
        seen.push(entry.zxid, (entry.zxid + 1) as Zxid)
      }
      const some = seen[random.below(seen.length)]!
      packed.pack(some)
      if (some > applied) applied = some
      const change = random.below(4)
      if (change === 0) {
        for (const log of [plain, packed]) log.trim(some)
      } else if (change === 1 && some >= applied && plain.holds(some)) {
        for (const log of [plain, packed]) log.truncate(some)
      }
      seen = seen.filter((zxid) => zxid >= plain.floor && zxid <= plain.last + 1)
      const asked = Array.from({ length: 20 }, () => seen[random.below(seen.length)] ?? plain.last)
      assert.equal(answers(packed, asked), answers(plain, asked))
    }
  }
})

test('a log that was found at the start answers as one that was appended, cut anywhere and continued', () => {
  const random = makeRandom(78)
  for (let round = 0; round < 30; round++) {
    const found = extended(logOf([]), 1 + random.below(2_500), round % 3 === 0 ? 300 : 30, random)
    const plain = logOf([])
    for (const entry of found) plain.append({ ...entry, txn: null })
    const files = random.below(found.length)
    const apart = logOf([...together(found.slice(0, files)), ...together(found.slice(files))])
    const logs = [logOf(found), logOf(together(found)), plain, apart]
    const below = found[random.below(found.length)]!.zxid
    const cut = found[random.below(found.length)]!.zxid
    for (const log of logs) log.pack(Math.min(below, cut) as Zxid)
    const compare = (): void => {
      const seen = found.flatMap(({ zxid }) => [zxid, (zxid + 1) as Zxid]).filter((zxid) =>
        zxid >= plain.floor && zxid <= plain.last + 1)
      const asked = Array.from({ length: 20 }, () => seen[random.below(seen.length)] ?? plain.last)
      for (const log of logs) assert.equal(answers(log, asked), answers(plain, asked))
      const [from = plain.floor, to = plain.last] = asked
      const above = logs.map((log) => shown(log, from, to))
      for (const one of above) assert.equal(one, above[2])
    }
    compare()
    for (const log of logs) log.truncate(cut)
    compare()
    for (const entry of extended(plain, random.below(600), 100, random)) {
      for (const log of logs) log.append({ ...entry, txn: null })
      found.push(entry)
    }
    for (const log of logs) log.pack(log.last)
    compare()
    for (const log of logs) log.trim(below)
    compare()
  }
})

test('nothing is ever written to the memory of what was found', () => {
  const random = makeRandom(79)
  // As much as a segment of the log itself takes, which is used again.
  const memory = new Uint8Array(65_536).fill(7)
  let at = 0
  const found = extended(logOf([]), 600, 30, random).map((entry) => {
    at += entry.bytes.length
    return { ...entry, bytes: memory.subarray(at - entry.bytes.length, at) }
  })
  const log = logOf(found)
  for (let round = 0; round < 6; round++) {
    if (round === 0) log.truncate(found[450]!.zxid)
    for (const entry of extended(log, 1_500, 30, random)) log.append({ ...entry, txn: null })
    log.pack(log.last)
    log.trim(log.last)
  }
  assert.ok(memory.every((byte) => byte === 7))
})

test('an entry that was handed out keeps its bytes when its memory is used again', () => {
  const log = logOf([])
  const random = makeRandom(5)
  const add = (): void => {
    for (const entry of extended(log, 2_000, 200, random)) log.append({ ...entry, txn: null })
    log.pack(log.last)
  }
  add()
  const held = log.slice(log.floor, log.last, Infinity)
  const before = held.map(({ bytes }) => bytes.slice())
  for (let round = 0; round < 4; round++) {
    log.trim(log.last)
    add()
  }
  assert.equal(held.map(({ bytes }) => bytes), before)
})

test('an entry larger than a segment, and none at all', () => {
  const log = logOf([])
  const random = makeRandom(6)
  for (const bytes of [1, 1_000_000, 1, 300_000, 65_536]) {
    for (const entry of extended(log, 1, 1, random)) {
      const txn = new Uint8Array(bytes).fill(7)
      log.append({ ...entry, ...chainOf(log.lastChain, entry.zxid, txn), bytes: txn, txn: null })
      log.pack(log.last)
    }
  }
  const sizes = log.slice(ZXID_ZERO, log.last, Infinity).map(({ bytes }) => bytes.length)
  assert.equal(sizes, [1, 1_000_000, 1, 300_000, 65_536])
  log.trim(log.last)
  assert.equal([log.length, log.bytes, log.holds(log.floor)], [0, 0, true])
  assert.is(log.entryAfter(log.floor), undefined)
  log.reset(makeZxid(9, 9), CHAIN_ZERO)
  assert.is(log.last, makeZxid(9, 9))
})

test('what is applied is not truncated', () => {
  const log = logOf(history([[1, 5]]))
  log.pack(makeZxid(1, 3))
  assert.throws(() => log.truncate(makeZxid(1, 2)), /applied/)
  log.truncate(makeZxid(1, 3))
  assert.is(log.last, makeZxid(1, 3))
  // What was found is packed, too, before it is applied.
  log.reset(ZXID_ZERO, CHAIN_ZERO)
  assert.is(log.length, 0)
  const found = logOf(history([[1, 5]]))
  found.truncate(makeZxid(1, 4))
  found.pack(makeZxid(1, 2))
  assert.throws(() => found.truncate(makeZxid(1, 1)), /applied/)
})

test('follows: the next counter or the first of a later epoch', () => {
  assert.ok(follows(makeZxid(1, 2), makeZxid(1, 1)))
  assert.ok(follows(makeZxid(5, 1), makeZxid(1, 7)))
  assert.is(follows(makeZxid(1, 3), makeZxid(1, 1)), false)
  assert.is(follows(makeZxid(2, 2), makeZxid(1, 1)), false)
  assert.is(follows(makeZxid(1, 1), makeZxid(2, 1)), false)
})

test('the chain tells different bytes, zxids and orders apart', () => {
  const seen = new Set<string>()
  for (let epoch = 1; epoch <= 4; epoch++) {
    for (let byte = 0; byte < 64; byte++) {
      const { hash1, hash2 } = chainOf(CHAIN_ZERO, makeZxid(epoch, 1), Uint8Array.of(byte, 0, 0, 0, byte, 1, 1, 1, 2))
      seen.add(`${hash1}:${hash2}`)
    }
  }
  assert.is(seen.size, 256)
})

test('each row of the decision table', () => {
  const log = logOf(history([[1, 5], [3, 4]]))
  const at = (zxid: Zxid, base: Zxid = ZXID_ZERO): Parameters<typeof planSync>[1] =>
    ({ lastZxid: zxid, base, hash1: log.chainAt(zxid)?.hash1 ?? 7, hash2: log.chainAt(zxid)?.hash2 ?? 7 })
  assert.equal(planSync(log, at(log.last)), { kind: 'diff', from: log.last })
  assert.equal(planSync(log, at(makeZxid(1, 3))), { kind: 'diff', from: makeZxid(1, 3) })
  assert.equal(planSync(log, at(ZXID_ZERO)), { kind: 'diff', from: ZXID_ZERO })
  const ahead = planSync(log, at(makeZxid(3, 9)))
  assert.is(ahead.kind === 'trunc' && ahead.to, makeZxid(3, 4))
  const diverged = planSync(log, at(makeZxid(2, 1)))
  assert.is(diverged.kind === 'trunc' && diverged.to, makeZxid(1, 5))
  assert.equal(planSync(log, { ...at(makeZxid(1, 3)), hash1: 1 }), { kind: 'snap', alarm: true })
  assert.equal(planSync(log, at(makeZxid(2, 1), makeZxid(2, 1))), { kind: 'snap', alarm: true })
  // Three bytes each.
  const far = { bytes: 11, zxid: log.last }
  assert.equal(planSync(log, at(makeZxid(1, 5)), far), { kind: 'snap', alarm: false })
  assert.equal(planSync(log, at(makeZxid(1, 5)), { ...far, bytes: 12 }), { kind: 'diff', from: makeZxid(1, 5) })
  assert.equal(planSync(log, at(makeZxid(1, 5)), { ...far, zxid: makeZxid(1, 4) }),
    { kind: 'diff', from: makeZxid(1, 5) })
  assert.equal(planSync(log, at(makeZxid(2, 1)), far), { kind: 'snap', alarm: false })
  assert.is(planSync(log, at(makeZxid(2, 1)), { ...far, bytes: 12 }).kind, 'trunc')
  assert.is(planSync(log, at(makeZxid(2, 1)), { ...far, zxid: makeZxid(1, 4) }).kind, 'trunc')
  assert.equal(planSync(log, { ...at(makeZxid(1, 3)), hash1: 1 }, far), { kind: 'snap', alarm: true })
  log.trim(makeZxid(1, 4))
  assert.equal(planSync(log, at(makeZxid(1, 3))), { kind: 'snap', alarm: false })
  assert.equal(planSync(log, at(ZXID_ZERO)), { kind: 'snap', alarm: false })
  assert.equal(planSync(log, at(makeZxid(1, 4))), { kind: 'diff', from: makeZxid(1, 4) })
  const after = history([[1, 5], [3, 4]]).filter(({ zxid }) => zxid > makeZxid(1, 5))
  // Found at a start: what the chain was where this log begins is not known, so nobody can be told to truncate to it.
  const found = new Log(makeZxid(1, 5), null, after)
  assert.equal(planSync(found, at(makeZxid(2, 1))), { kind: 'snap', alarm: false })
})

/** The plan by the letter of the definition: keep the longest common prefix. */
function commonPrefix(leader: readonly LogEntry[], learner: readonly LogEntry[]): number {
  let length = 0
  while (length < leader.length && length < learner.length && leader[length]!.hash1 === learner[length]!.hash1) length++
  return length
}

test('random histories: the plan ends in the leader\'s log', () => {
  const random = makeRandom(4643)
  for (let round = 0; round < 2_000; round++) {
    const runs: [number, number][] = []
    for (let epoch = 1; epoch <= 6; epoch++) if (random.below(2) === 0) runs.push([epoch, 1 + random.below(5)])
    const leader = history(runs)
    // A learner has a prefix of the leader's log, then perhaps proposals of an epoch the leader knows nothing of.
    const kept = leader.slice(0, random.below(leader.length + 1))
    const last = kept[kept.length - 1]
    const learner = [...kept]
    if (random.below(2) === 0) {
      const epoch = 7 + random.below(3)
      let prevZxid = last?.zxid ?? ZXID_ZERO
      let chain: Readonly<Chain> = last ?? CHAIN_ZERO
      for (let counter = 1; counter <= 1 + random.below(3); counter++) {
        const zxid = makeZxid(epoch, counter)
        const next = chainOf(chain, zxid, Uint8Array.of(200, counter))
        learner.push({ zxid, prevZxid, ...next, bytes: Uint8Array.of(200, counter) })
        prevZxid = zxid
        chain = next
      }
    }
    const log = logOf(leader)
    const mine = logOf(learner)
    const plan = planSync(log, { lastZxid: mine.last, base: ZXID_ZERO, ...mine.lastChain })
    const point = plan.kind === 'diff' ? plan.from : plan.kind === 'trunc' ? plan.to : null
    assert.ok(point !== null, 'a log from the beginning never needs a snapshot')
    // An unknown learner epoch above the leader's end: only the prefix up to the point survives, and it is common.
    const common = commonPrefix(leader, learner)
    const keptLength = learner.filter((entry) => entry.zxid <= point).length
    if (plan.kind === 'trunc' && !mine.holds(point)) continue
    assert.ok(keptLength <= common)
    mine.truncate(point)
    for (const entry of log.slice(point, log.last, Infinity)) mine.append({ ...entry, txn: null })
    assert.is(mine.lastChain.hash1, log.lastChain.hash1)
    assert.is(mine.length, log.length)
  }
})

test.run()
