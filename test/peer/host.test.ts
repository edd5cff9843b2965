import { AssertionError } from '../../lib/core/assert.ts'
import type { Effect, Input } from '../../lib/core/effects.ts'
import { ZkError } from '../../lib/core/errors.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { makeZxid, ZXID_ZERO } from '../../lib/core/zxid.ts'
import { Host } from '../../lib/peer/host.ts'
import { Metrics } from '../../lib/peer/metrics.ts'
import { makeNextTurn, systemClock } from '../../lib/peer/system-clock.ts'
import { SILENT } from '../../lib/ports/logger.ts'
import type { LogBatch, Meta } from '../../lib/ports/storage.ts'
import { assert, suite } from '../harness.ts'

const test = suite('host')

/** A replica that notes what is stepped and answers each turn with what the case says. */
class Script {
  readonly turns: Input[][] = []
  #stepped: Input[] = []
  deadlineMs = Infinity
  answer: (inputs: readonly Input[], turn: number) => Effect[] = () => []

  step(_now: unknown, input: Input): void {
    this.#stepped.push(input)
  }

  take(): Effect[] {
    const inputs = this.#stepped
    this.#stepped = []
    this.turns.push(inputs)
    return this.answer(inputs, this.turns.length)
  }

  deadline(): number {
    return this.deadlineMs
  }
}

interface Bench {
  readonly script: Script
  readonly host: Host
  readonly calls: string[]
  readonly batches: LogBatch[]
  readonly fatal: ZkError[]
  write: (batch: LogBatch) => Promise<void>
}

function makeBench(): Bench {
  const script = new Script()
  const calls: string[] = []
  const batches: LogBatch[] = []
  const fatal: ZkError[] = []
  const bench = { script, calls, batches, fatal, write: () => Promise.resolve() } as unknown as Bench
  const host = new Host({
    replica: script, clock: systemClock(), nextTurn: makeNextTurn(), logger: SILENT, metrics: new Metrics(),
      unref: false,
    storage: {
      write: (batch) => {
        calls.push('write')
        batches.push(batch)
        return bench.write(batch)
      },
    },
    send: (link, messages) => calls.push(`send ${link}: ${messages.map(({ kind }) => kind).join(' ')}`),
    drop: (link, code) => calls.push(`drop ${link} ${code}`),
    onRole: (effect) => calls.push(`role ${effect.role}`),
    onFatal: (error) => {
      fatal.push(error)
      calls.push('fatal')
    },
  })
  return Object.assign(bench, { host })
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
const message = (kind: 'commit' | 'newLeader'): Message => kind === 'commit'
  ? { kind, join: 1, epoch: 1, zxid: ZXID_ZERO } : { kind, join: 1, epoch: 1 }
const entry = (counter: number) => ({
  zxid: makeZxid(1, counter), prevZxid: makeZxid(1, counter - 1), hash1: 0, hash2: 0, bytes: new Uint8Array(1),
})

test('one turn takes everything that arrived, and goes out as one frame per link', async () => {
  const { script, host, calls } = makeBench()
  script.answer = () => [
    { kind: 'send', link: 1, message: message('commit') }, { kind: 'send', link: 2, message: message('commit') },
    { kind: 'send', link: 1, message: message('newLeader') },
    { kind: 'dropLink', link: 2, code: 'ConnectionLoss', reason: 'x' },
    { kind: 'role', role: 'leading', serving: true, epoch: 1, leader: 1, reason: 'x' },
  ]
  for (let conn = 0; conn < 500; conn++) host.push({ kind: 'disconnect', conn })
  assert.is(script.turns.length, 0, 'never within push')
  await turn()
  assert.equal(script.turns.map((inputs) => inputs.length), [500])
  assert.equal(calls, ['send 2: commit', 'drop 2 ConnectionLoss', 'send 1: commit newLeader', 'role leading'])
  await host.stop()
})

test('a turn that is due is taken when it is asked for, and what is not due is not', async () => {
  const { script, host } = makeBench()
  host.due()
  assert.equal(script.turns, [])
  host.push({ kind: 'disconnect', conn: 1 })
  host.due()
  host.due()
  assert.equal(script.turns, [[{ kind: 'disconnect', conn: 1 }]])
  await turn()
  assert.equal(script.turns.flat(), [{ kind: 'disconnect', conn: 1 }])
  await host.stop()
  host.due()
  assert.equal(script.turns.flat().length, 2)
})

test('a turn that was taken early is not followed by another in the same turn of the event loop', async () => {
  const { script, host } = makeBench()
  for (let conn = 0; conn < 10_000; conn++) host.push({ kind: 'disconnect', conn })
  host.due()
  host.due()
  assert.equal(script.turns.map((inputs) => inputs.length), [4_096])
  await turn()
  assert.equal(script.turns.map((inputs) => inputs.length), [4_096])
  await turn()
  assert.equal(script.turns.map((inputs) => inputs.length), [4_096, 4_096])
  await host.stop()
})

test('more than a turn can take is taken in several, in its order, and stop leaves nothing out', async () => {
  const { script, host } = makeBench()
  const wanted = Array.from({ length: 10_000 }, (_, conn) => conn)
  for (const conn of wanted) host.push({ kind: 'disconnect', conn })
  await turn()
  host.push({ kind: 'disconnect', conn: 10_000 })
  await turn()
  assert.equal(script.turns.map((inputs) => inputs.length), [4_096, 4_096])
  await host.stop()
  assert.equal(script.turns.flat(), [...wanted, 10_000]
    .map((conn): Input => ({ kind: 'disconnect', conn })).concat({ kind: 'stop' }))
})

test('txns count in a turn, whether they are written, proposed or forwarded', async () => {
  const { script, host } = makeBench()
  const entries = Array.from({ length: 3_000 }, (_, at) => entry(at + 1))
  script.answer = (inputs, count) => inputs.some(({ kind }) => kind === 'tick')
    ? [{ kind: 'persist', ticket: count, batch: { entries } }] : []
  host.start()
  await turn()
  for (let at = 0; at < 4; at++) {
    host.push({ kind: 'receive', link: 1, message: { kind: 'proposal', join: 1, epoch: 1, entries } })
  }
  for (let round = 0; round < 3; round++) await turn()
  assert.equal(script.turns.map((inputs) => inputs.map(({ kind }) => kind)),
    [['tick'], ['persisted'], ['receive', 'receive'], ['receive', 'receive']])
  await host.stop()
})

test('appends of one turn are one write, and anything else keeps its order', async () => {
  const { script, host, batches } = makeBench()
  const meta = { format: 1 } as Meta
  script.answer = (_inputs, count) => count > 1 ? [] : [
    { kind: 'persist', ticket: 1, batch: { entries: [entry(1)] } },
    { kind: 'persist', ticket: 2, batch: { entries: [entry(2), entry(3)], meta } },
    { kind: 'persist', ticket: 3, batch: { truncateAfter: makeZxid(1, 2) } },
    { kind: 'persist', ticket: 4, batch: { entries: [entry(3)] } },
  ]
  host.start()
  await turn()
  await turn()
  assert.equal(batches, [
    { entries: [entry(1), entry(2), entry(3)], meta }, { truncateAfter: makeZxid(1, 2) }, { entries: [entry(3)] },
  ])
  assert.equal(script.turns.slice(1).flat(), [
    { kind: 'persisted', ticket: 2 }, { kind: 'persisted', ticket: 3 }, { kind: 'persisted', ticket: 4 },
  ])
  await host.stop()
})

test('what is large is not joined: its tickets complete one by one', async () => {
  const { script, host, batches } = makeBench()
  const large = (counter: number) => ({ ...entry(counter), bytes: new Uint8Array(600_000) })
  script.answer = (_inputs, count) => count > 1 ? [] : [1, 2, 3].map((counter) =>
    ({ kind: 'persist', ticket: counter, batch: { entries: [large(counter)] } }))
  host.start()
  await turn()
  await turn()
  assert.equal(batches.map(({ entries }) => entries?.length), [1, 1, 1])
  assert.equal(script.turns.slice(1).flat().map((input) => input.kind === 'persisted' && input.ticket), [1, 2, 3])
  await host.stop()
})

test('a write in memory costs no turn of the event loop, yet cannot keep it from going round', async () => {
  const { script, host } = makeBench()
  script.answer = (inputs, count) => inputs.some(({ kind }) => kind === 'tick' || kind === 'persisted')
    ? [{ kind: 'persist', ticket: count, batch: {} }] : []
  host.start()
  await turn()
  assert.is(script.turns.length, 2, 'the turn, and at once the one for its write')
  for (let rounds = 1; rounds <= 20; rounds++) {
    await turn()
    assert.ok(script.turns.length <= 2 + 2 * rounds, 'at most two turns per round')
  }
  await host.stop()
})

test('a completed write has its turn, and none follows in which nothing has arrived', async () => {
  const { script, host } = makeBench()
  script.answer = (_inputs, count) => count === 1 ? [{ kind: 'persist', ticket: 1, batch: {} }] : []
  host.start()
  for (let rounds = 0; rounds < 3; rounds++) await turn()
  assert.equal(script.turns, [[{ kind: 'tick' }], [{ kind: 'persisted', ticket: 1 }]])
  await host.stop()
})

test('turns go on while a write is in flight, and stop waits for it', async () => {
  const bench = makeBench()
  const { script, host } = bench
  let finish = (): void => undefined
  bench.write = () => new Promise((resolve) => { finish = resolve })
  script.answer = (_inputs, count) => count === 1 ? [{ kind: 'persist', ticket: 1, batch: {} }] : []
  host.start()
  await turn()
  host.push({ kind: 'tick' })
  await turn()
  assert.is(script.turns.length, 2)
  let isStopped = false
  const stopping = host.stop().then(() => { isStopped = true })
  await turn()
  assert.is(isStopped, false)
  finish()
  await stopping
  assert.equal(script.turns.at(-1), [{ kind: 'stop' }])
})

test('a failed write reaches the replica, whose fatal ends the host once', async () => {
  const bench = makeBench()
  const { script, host, fatal, calls } = bench
  bench.write = () => Promise.reject(new ZkError('StorageFailed', 'disk full'))
  script.answer = (inputs) => inputs.flatMap((input): Effect[] => {
    if (input.kind === 'tick') return [{ kind: 'persist', ticket: 1, batch: {} }]
    if (input.kind !== 'persistFailed') return []
    return [{ kind: 'closeConn', conn: 1, code: 'PeerStopped' }, { kind: 'fatal', code: 'StorageFailed',
      reason: input.reason }]
  })
  const conn = host.connect({
    onConnected: () => undefined, onReply: () => undefined, onEvent: () => undefined,
    onClose: (code) => calls.push(`closed ${code}`),
  })
  assert.is(conn, 1)
  host.start()
  await turn()
  await turn()
  assert.equal(calls, ['write', 'closed PeerStopped', 'fatal'])
  assert.is(fatal[0]?.code, 'StorageFailed')
  assert.is(fatal[0]?.message, 'disk full')
  host.push({ kind: 'tick' })
  await turn()
  assert.is(host.over, true)
})

test('a storage that throws instead of rejecting has failed to write, no more', async () => {
  const bench = makeBench()
  const { script, host, fatal } = bench
  bench.write = () => { throw new Error('no space left on device') }
  const batch = { entries: [entry(1)] }
  script.answer = (_inputs, turns) => turns === 1 ? [{ kind: 'persist', ticket: 7, batch }] : []
  host.start()
  await turn()
  await turn()
  assert.equal(script.turns.flat().slice(1), [{ kind: 'persistFailed', ticket: 7, reason: 'no space left on device' }])
  assert.equal(fatal, [])
  await host.stop()
})

test('a broken invariant ends the peer and nothing else', async () => {
  const { script, host, fatal, calls } = makeBench()
  script.answer = () => { throw new AssertionError('impossible') }
  host.connect({
    onConnected: () => undefined, onReply: () => undefined, onEvent: () => undefined,
    onClose: (code) => calls.push(`closed ${code}`),
  })
  host.start()
  await turn()
  assert.equal(calls, ['closed PeerStopped', 'fatal'])
  assert.is((fatal[0]!.cause as Error).message, 'impossible')
  await host.stop()
})

test('a client that throws breaks nobody', async () => {
  const { script, host, calls } = makeBench()
  const quiet = { onConnected: () => undefined, onEvent: () => undefined, onClose: () => undefined }
  host.connect({ ...quiet, onReply: () => { throw new Error('client') } })
  host.connect({ ...quiet, onReply: (xid) => calls.push(`reply ${xid}`) })
  const outcome = { code: 'NoNode', result: null } as const
  script.answer = () => [
    { kind: 'reply', conn: 1, xid: 1, zxid: ZXID_ZERO, outcome }, { kind: 'reply', conn: 2, xid: 2,
      zxid: ZXID_ZERO, outcome },
  ]
  host.start()
  await turn()
  assert.equal(calls, ['reply 2'])
  await host.stop()
})

test('the deadline is answered with a tick', async () => {
  const { script, host } = makeBench()
  const ticked = new Promise<void>((resolve) => {
    script.answer = (inputs, count) => {
      script.deadlineMs = count === 1 ? systemClock().now() + 5 : Infinity
      if (count === 2 && inputs[0]?.kind === 'tick') resolve()
      return []
    }
  })
  host.push({ kind: 'disconnect', conn: 9 })
  await ticked
  await host.stop()
})

test.run()
