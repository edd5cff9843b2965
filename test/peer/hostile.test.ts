import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { WebSocket } from 'ws'
import { makeRandom } from '../../lib/core/random.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import { FakeClock } from '../client/fakes.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { ascii, attack, ATTACK_NAMES, greeting } from './attacks.ts'
import { checkAnswers, hurl, portOf } from './hurl.ts'
import type { RawClient } from './raw-client.ts'
import { create, dial, join, look, serve } from './raw-client.ts'

const test = suite('hostile clients')

const CONNECTIONS = 10_000
const WEB_CONNECTIONS = 1_000
const AT_ONCE = 100
/** What thousands of connections may leave behind: their sessions make about ten thousand txns, kept in the log. */
const LEFT_MAX_BYTES = 12 * 1024 * 1024
const SECOND_MS = 1_000
/** Turns of the event loop between two rounds of who behaves, so that the others get theirs. */
const PAUSE_TURNS = 4

function turn(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve) })
}

/** Time passes in steps that a peer does not take for a stall of its process. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    clock.pass(50)
    for (let turns = 0; turns < 3; turns++) await turn()
  }
}

interface Scene {
  readonly peer: Peer
  readonly clock: FakeClock
  readonly good: RawClient
}

/** A peer whose time passes when the case says so, and a session that behaves. */
async function scene(t: Case, clientQueueBytes = 64 * 1024 * 1024): Promise<Scene> {
  const clock = new FakeClock()
  const peer = await serve(t, {
    clock, limits: { clientQueueBytes },
    clients: {
      listen: ['tcp://127.0.0.1:0', 'ws://127.0.0.1:0'], perAddress: 0, words: ['ruok', 'stat', 'stmk', 'cons', 'mntr'],
    },
  })
  await peer.ready()
  const good = await join(t, peer)
  assert.is(await good.code(1, create('/good')), 0)
  assert.is(await good.code(2, create('/garbage')), 0)
  return { peer, clock, good }
}

/** A write, a read of it and a question, with the right answers, again and again until told otherwise. */
class Behaving {
  rounds = 0
  readonly #good: RawClient
  readonly #path: string
  #isOver = false
  readonly #work: Promise<void>

  constructor(good: RawClient, path = '/behaving') {
    this.#good = good
    this.#path = path
    this.#work = this.#run()
  }

  async #run(): Promise<void> {
    assert.is(await this.#good.code(9, create(this.#path)), 0)
    while (!this.#isOver) {
      await this.#round()
      for (let turns = 0; turns < PAUSE_TURNS; turns++) await turn()
    }
  }

  async #round(): Promise<void> {
    const good = this.#good
    const version = this.rounds++
    const xid = 10 + 3 * version
    const data = Uint8Array.of(version, version >>> 8)
    good.request(xid, { op: 5, path: this.#path, data, version })
    good.request(xid + 1, look(4, this.#path))
    good.request(xid + 2, { op: 107 })
    const written = await good.answer()
    assert.equal([written.xid, written.number], [xid, 0])
    const read = await good.answer()
    assert.equal([read.xid, read.number], [xid + 1, 0])
    assert.equal([...read.body.data() ?? []], [...data])
    const who = await good.answer()
    assert.equal([who.xid, who.number, who.body.count(), who.body.text()], [xid + 2, 0, 1, 'ip'])
  }

  /** Fails when an answer was wrong, or none came. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#work
  }
}

/** Does so many things, `AT_ONCE` at a time. */
async function inParallel(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** What stays when everything that nobody needs is collected. */
async function keptBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < 3; round++) {
    await turn()
    collect()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Resolves when nothing but the session that behaves is connected. */
async function untilAlone(peer: Peer): Promise<void> {
  while (peer.status().connections > 1) await turn()
}

/** The answer to a four-letter word. */
async function ask(t: Case, peer: Peer, word: string): Promise<string> {
  const client = await dial(t, peer)
  const text = client.text()
  client.send(ascii(word))
  return text
}

async function checkTables(t: Case, peer: Peer): Promise<void> {
  const { sessions, connections } = peer.status()
  assert.equal({ sessions, connections }, { sessions: 1, connections: 1 })
  // The one that asks is a connection too; sockets that ended just now may be on their way.
  let monitor = ''
  do monitor = await ask(t, peer, 'mntr')
  while (!/^zk_num_alive_connections\t2$/m.test(monitor))
  assert.match(monitor, /^zk_outstanding_requests\t0$/m)
  assert.is((await ask(t, peer, 'cons')).trim().split('\n').length, 2)
}

test('thousands of malformed connections: each is answered or ended, and who behaves is served on', async (t) => {
  const { peer, clock, good } = await scene(t)
  const port = portOf(peer)
  const random = makeRandom(20)
  const answers = new Map<string, number>()
  const one = async (number: number): Promise<void> => {
    const { name, pieces, ending } = attack(number, random)
    const { socket, sent, answers: counted } = hurl(port, pieces)
    await sent
    if (ending === 'end') socket.end()
    else if (ending === 'reset') socket.resetAndDestroy()
    const count = await counted
    answers.set(name, (answers.get(name) ?? 0) + count)
  }
  const behaving = new Behaving(good)
  // What is compiled and cached on the way comes first.
  await inParallel(CONNECTIONS / 10, one)
  const before = await keptBytes()
  await inParallel(CONNECTIONS, one)
  await behaving.stop()
  await untilAlone(peer)
  await pass(clock, 2 * SECOND_MS)
  while (peer.status().sessions > 1) await pass(clock, SECOND_MS)
  const left = await keptBytes() - before
  assert.ok(left < LEFT_MAX_BYTES, `${left} bytes are left`)
  assert.ok(behaving.rounds > 100, `${behaving.rounds} rounds`)
  await checkTables(t, peer)
  const each = CONNECTIONS / ATTACK_NAMES.length
  for (const name of ['a word twice', 'a word in two', 'a word that is not allowed', 'broken requests']) {
    assert.ok(answers.get(name)! >= each, `${name}: ${answers.get(name)} answers`)
  }
  for (const name of ['2 GiB', 'a negative length', 'HTTP', 'TLS', 'no word', 'no length', 'half a frame']) {
    assert.is(answers.get(name), 0, name)
  }
}, { timeoutMs: 120_000 })

/** A WebSocket that is open. */
function openWeb(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })
}

/** What a WebSocket was sent until it was closed. */
function webAnswers(socket: WebSocket): Promise<number> {
  const chunks: Uint8Array[] = []
  socket.on('message', (chunk: Buffer) => void chunks.push(new Uint8Array(chunk)))
  socket.on('error', () => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.once('close', () => {
      try {
        resolve(checkAnswers(chunks))
      } catch (error) {
        reject(error as Error)
      }
    })
  })
}

test('the same over WebSockets, and to the door of WebSockets', async (t) => {
  const { peer, clock, good } = await scene(t)
  const port = portOf(peer, 1)
  const random = makeRandom(21)
  let answers = 0
  const one = async (number: number): Promise<void> => {
    const { pieces, ending } = attack(number, random)
    if (number % 4 === 0) {
      // No WebSocket at all.
      const { socket, sent } = hurl(port, pieces)
      const closed = new Promise((resolve) => void socket.once('close', resolve))
      await sent
      if (ending === 'reset') socket.resetAndDestroy()
      else socket.end()
      await closed
      return
    }
    const socket = await openWeb(port)
    const counted = webAnswers(socket)
    for (const piece of pieces) socket.send(piece)
    if (ending === 'end') socket.close()
    else if (ending === 'reset') socket.terminate()
    const count = await counted
    answers += count
  }
  const behaving = new Behaving(good)
  await inParallel(WEB_CONNECTIONS, one)
  await behaving.stop()
  await untilAlone(peer)
  while (peer.status().sessions > 1) await pass(clock, SECOND_MS)
  assert.ok(answers > WEB_CONNECTIONS / 20, `${answers} answers`)
  await checkTables(t, peer)
}, { timeoutMs: 60_000 })

test('a connection that comes byte by byte and has no session ends after 10 s, on time', async (t) => {
  const { peer, clock, good } = await scene(t)
  const behaving = new Behaving(good)
  const slow = await Promise.all(Array.from({ length: 100 }, (_, number) => dial(t, peer, number % 2)))
  let ended = 0
  for (const client of slow) void client.ended.then(() => { ended++ })
  const bytes = greeting()
  // Less than a tenth of a second before each byte would be fast enough.
  const stepMs = 250
  assert.ok(bytes.length * stepMs > 11 * SECOND_MS)
  let at = 0
  for (; at * stepMs < 9 * SECOND_MS; at++) {
    for (const client of slow) client.send(bytes.subarray(at, at + 1))
    await pass(clock, stepMs)
  }
  assert.is(ended, 0)
  for (; at * stepMs < 11.5 * SECOND_MS; at++) {
    for (const client of slow) client.send(bytes.subarray(at, at + 1))
    await pass(clock, stepMs)
  }
  await Promise.all(slow.map((client) => client.ended))
  await behaving.stop()
  await checkTables(t, peer)
}, { timeoutMs: 60_000 })

/** Bytes of the node that fills a socket soon. */
const LARGE_BYTES = 200_000

test('who asks and never reads is cut when its session is over, and costs no more than a full link', async (t) => {
  const { peer, clock, good } = await scene(t)
  assert.is(await good.code(3, create('/large', new Uint8Array(LARGE_BYTES))), 0)
  for (const door of [0, 1]) {
    const deaf = await dial(t, peer, door)
    const { timeoutMs } = (await deaf.hello({ timeoutMs: 4_000 }))!
    deaf.link.pause()
    const before = await keptBytes()
    // Far more than what two kernels and a link take: 400 MB.
    for (let xid = 1; xid <= 2_000; xid++) deaf.request(xid, look(4, '/large'))
    const behaving = new Behaving(good, `/behaving${door}`)
    while (behaving.rounds < 200) await turn()
    await behaving.stop()
    const cost = await keptBytes() - before
    assert.ok(cost < 16 * 1024 * 1024, `${cost} bytes`)
    assert.is(peer.status().connections, 2)
    await pass(clock, timeoutMs + SECOND_MS)
    await untilAlone(peer)
    deaf.link.abort()
    await checkTables(t, peer)
  }
}, { timeoutMs: 60_000 })

test('who never reads its events is cut at the bound of its queue', async (t) => {
  const queueBytes = 256 * 1024
  const { peer, good } = await scene(t, queueBytes)
  for (const door of [0, 1]) {
    const deaf = await join(t, peer, door)
    // Persistent, and recursive.
    assert.is(await deaf.code(1, { op: 106, path: '/good', mode: 1 }), 0)
    deaf.link.pause()
    assert.is(peer.status().connections, 2)
    let written = 0
    const name = 'n'.repeat(60_000)
    while (peer.status().connections > 1) {
      assert.is(await good.code(10, create(`/good/${name}${door}${written++}`)), 0)
      assert.ok(written < 2_000, 'it is not cut')
      if (written % 10 === 0) assert.is(await good.code(11, { op: 11 }), 0)
    }
    // What lies between the two sockets comes on top of the queue.
    assert.ok(written * name.length > queueBytes, `cut after ${written} events`)
    deaf.link.abort()
  }
}, { timeoutMs: 60_000 })

test('who reads slowly gets everything, in order', async (t) => {
  const { peer, good } = await scene(t)
  assert.is(await good.code(3, create('/large', new Uint8Array(LARGE_BYTES).fill(7))), 0)
  const behaving = new Behaving(good)
  await Promise.all([0, 1].map(async (door) => {
    const slow = await join(t, peer, door)
    const asked = 150
    for (let xid = 1; xid <= asked; xid++) {
      slow.request(xid, xid % 3 === 0 ? { op: 5, path: '/garbage', data: null, version: -1 } : look(4, '/large'))
    }
    for (let xid = 1; xid <= asked; xid++) {
      // It reads only now and then.
      slow.link.pause()
      for (let turns = 0; turns < 5; turns++) await turn()
      slow.link.resume()
      const answer = await slow.answer()
      assert.equal([answer.xid, answer.number], [xid, 0])
      if (xid % 3 === 0) continue
      const data = answer.body.data()!
      assert.is(data.length, LARGE_BYTES)
      assert.ok(data[0] === 7 && data[LARGE_BYTES - 1] === 7)
    }
  }))
  await behaving.stop()
}, { timeoutMs: 60_000 })

test.run()
