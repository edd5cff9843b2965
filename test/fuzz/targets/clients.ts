import * as fc from 'fast-check'
import { ERROR_CODES } from '../../../lib/core/errors.ts'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { MultiOp, Request } from '../../../lib/core/tree/request.ts'
import { NO_SESSION, sessionIdOf } from '../../../lib/core/tree/stat.ts'
import type { SessionId } from '../../../lib/core/tree/stat.ts'
import { ZXID_ZERO } from '../../../lib/core/zxid.ts'
import type { Zxid } from '../../../lib/core/zxid.ts'
import { Peer } from '../../../lib/peer/peer.ts'
import { FOUR_LETTER_WORDS } from '../../../lib/peer/words/words.ts'
import type { Logger } from '../../../lib/ports/logger.ts'
import { FrameReader } from '../../../lib/wire/frame.ts'
import { JuteReader } from '../../../lib/wire/jute/reader.ts'
import { readConnectResponse, writeConnectRequest } from '../../../lib/wire/jute/records.ts'
import { writeAuth, writeRequest } from '../../../lib/wire/jute/requests.ts'
import { memory } from '../../../storage/memory.ts'
import { requests, written } from '../../wire/jute-records.ts'
import { joined } from '../mutate.ts'
import { streamMutated } from '../structure.ts'
import { magnitude, must } from '../target.ts'
import type { Runner, Target } from '../target.ts'
import { Door, TurnClock } from './door.ts'
import type { DoorLink } from './door.ts'
import { chunksOf } from './frames.ts'

const LARGEST_BYTES = 2 ** 24
const NUMBERS: ReadonlySet<number> = new Set(Object.values(ERROR_CODES).map(([number]) => number))
/** Connections that came to nothing are cut after 10 s, sessions after their timeout: time passes between inputs. */
const PASSED_MS = 50
const TOGETHER = 16
const KEPT = '/kept/node'
const SECRET = new TextEncoder().encode('a:b')
const READ_ONLY = [{ perms: 1, scheme: 'world', id: 'anyone' }]

const hello = (timeoutMs = 500, session = NO_SESSION, password = new Uint8Array(16)): Uint8Array =>
  written((writer) => writeConnectRequest(writer, {
    lastZxidSeen: ZXID_ZERO, timeoutMs, session, password, readOnly: false,
  })).slice()

/** The first session of a peer in memory: that of the witness. */
const WITNESS = sessionIdOf((2 ** 32 + 2) as Zxid)

const request = (xid: number, body: Request): Uint8Array =>
  written((writer) => writeRequest(writer, xid, body)).slice()

const create = (path: string, flags = 0): MultiOp =>
  ({ op: 1, path, data: Uint8Array.of(1, 2), acl: OPEN_ACL, flags, ttlMs: -1 })

/** A conversation of a client that is in order. */
const USUAL: readonly Request[] = [
  create('/a'), create('/a/b', 1), create('/a/q-', 2),
  { op: 4, path: '/a', watch: true }, { op: 3, path: '/c', watch: true }, { op: 8, path: '/a', watch: true },
  { op: 12, path: '/', watch: false }, { op: 5, path: '/a', data: Uint8Array.of(7), version: -1 },
  { op: 14, ops: [create('/m'), { op: 13, path: '/a', version: 1 }, { op: 2, path: '/m', version: 0 }] },
  { op: 106, path: '/a', mode: 1 },
  { op: 22, ops: [{ op: 4, path: '/a', watch: false }, { op: 8, path: '/', watch: false }] },
  { op: 6, path: '/a' }, { op: 11 },
  { op: 101, relativeZxid: ZXID_ZERO, data: ['/a'], exist: ['/c'], child: ['/'], persistent: [], recursive: [] },
  { op: 9, path: '/' }, { op: 7, path: '/a', acl: READ_ONLY, version: -1 }, { op: 107 },
  { op: 103, path: '/' }, { op: 104, path: '/' },
  { op: 21, path: '/t', data: null, acl: OPEN_ACL, flags: 5, ttlMs: 1_000 },
  { op: 18, path: '/a', type: 3 }, { op: 2, path: '/a/b', version: -1 }, { op: -11 },
]

/** A client in order, which asks for one node that nobody may change. */
class Witness {
  readonly #door: Door
  readonly #clock: TurnClock
  #link: DoorLink
  #frames = new FrameReader(LARGEST_BYTES)
  #session: SessionId = NO_SESSION
  #password = new Uint8Array(16)
  #xid = 0

  constructor(door: Door, clock: TurnClock) {
    this.#door = door
    this.#clock = clock
    this.#link = door.open()
  }

  /** Who names its session cuts it, as at ZooKeeper, though he does not know the password. */
  isNamedIn(input: Uint8Array): boolean {
    const session = Buffer.alloc(8)
    session.writeBigUInt64BE(BigInt(this.#session))
    return Buffer.from(input).includes(session)
  }

  get isCut(): boolean {
    return this.#link.isOver
  }

  /** It comes in, or comes back, and has the session that it had. */
  async greet(): Promise<void> {
    if (this.#link.isOver) this.#link = this.#door.open()
    this.#frames = new FrameReader(LARGEST_BYTES)
    this.#link.say(hello(60_000, this.#session, this.#password))
    await this.#clock.settle()
    const [frame, ...more] = this.#arrived()
    must(frame !== undefined && more.length === 0, 'a client in order is not welcomed')
    const { session, password, timeoutMs } = readConnectResponse(new JuteReader().reset(frame!))
    must(timeoutMs > 0, 'its session is gone')
    must(session === WITNESS, `its session is ${session}`)
    this.#session = session
    this.#password = password.slice()
  }

  /** Sends a request; the number of its answer, and what follows it. */
  async ask(body: Request): Promise<{ readonly number: number, readonly reader: JuteReader }> {
    this.#link.say(request(++this.#xid, body))
    await this.#clock.settle()
    const reader = new JuteReader()
    for (const frame of this.#arrived()) {
      const xid = reader.reset(frame).int()
      reader.long()
      const number = reader.int()
      if (xid === this.#xid) return { number, reader }
    }
    throw new Error(`a client in order is not answered${this.#link.isOver ? ', but cut' : ''}`)
  }

  #arrived(): Uint8Array[] {
    const frames: Uint8Array[] = []
    for (const bytes of this.#link.sent) {
      this.#frames.push(bytes)
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) frames.push(frame)
    }
    this.#link.sent.length = 0
    return frames
  }
}

/** What an attacker was answered: whole frames, with codes that exist. */
function answersOf(link: DoorLink, input: Uint8Array): number {
  const first = new TextDecoder('latin1').decode(input.subarray(1, 5))
  if ((FOUR_LETTER_WORDS as readonly string[]).includes(first)) return link.sent.length
  const frames = new FrameReader(LARGEST_BYTES)
  const reader = new JuteReader()
  let count = 0
  for (const chunk of link.sent) {
    frames.push(chunk)
    for (let frame = frames.next(); frame !== null; frame = frames.next()) {
      reader.reset(frame)
      if (count++ === 0) {
        must(readConnectResponse(reader).password.length === 16, 'a greeting without a password')
        continue
      }
      reader.int()
      reader.long()
      const number = reader.int()
      must(NUMBERS.has(number), `an answer with the number ${number}`)
    }
  }
  return count
}

async function make(): Promise<Runner> {
  const clock = new TurnClock()
  const door = new Door(clock)
  let complaint: string | null = null
  const complain = (text: string, fields?: Readonly<Record<string, unknown>>): void => {
    const { error, cause } = (fields ?? {}) as { readonly error?: Error, readonly cause?: Error }
    complaint ??= `${text}: ${error?.stack ?? cause?.stack ?? JSON.stringify(fields)}`
  }
  const ignore = (): void => undefined
  const logger: Logger = { debug: ignore, info: ignore, warn: complain, error: complain }
  const peer = await Peer.start({
    id: 1, ensemble: { name: 'fuzz', members: { 1: [] } }, storage: memory(), transports: [door], clock, logger,
    clients: { listen: ['tcp://door:1'], perAddress: 0, words: ['*'] },
  })
  for (let waited = 0; !peer.status().serving && waited < 100; waited++) {
    clock.pass(PASSED_MS)
    await clock.settle()
  }
  const witness = new Witness(door, clock)
  await witness.greet()
  const scene: readonly Request[] = [
    create('/kept'), { op: 1, path: KEPT, data: Uint8Array.of(1, 2), acl: READ_ONLY, flags: 0, ttlMs: -1 },
    { op: 7, path: '/kept', acl: READ_ONLY, version: -1 },
  ]
  for (const body of scene) must((await witness.ask(body)).number === 0, 'the scene cannot be set')
  return {
    async run(input) {
      const link = door.open()
      const chunks = chunksOf(input)
      for (const [index, chunk] of chunks.entries()) {
        link.say(chunk)
        // Some of them come in a turn of their own.
        if (index % TOGETHER === 0 || chunks.length < TOGETHER) await clock.settle()
      }
      await clock.settle()
      // A digest is computed elsewhere; meanwhile nothing more is read.
      for (let waited = 0; link.isPaused && !link.isOver && waited < 50; waited++) {
        await new Promise((resolve) => { setImmediate(resolve) })
        await clock.settle()
      }
      const { isOver } = link
      link.close()
      clock.pass(PASSED_MS)
      await clock.settle()
      const answers = answersOf(link, input)
      if (witness.isCut && witness.isNamedIn(input)) await witness.greet()
      const kept = await witness.ask({ op: 4, path: KEPT, watch: false })
      must(kept.number === 0 && kept.reader.data()?.join() === '1,2', 'what nobody may change has changed')
      must(peer.status().state === 'running' && peer.status().serving, `the peer is ${peer.status().state}`)
      must(complaint === null, complaint ?? '')
      return `${isOver} ${magnitude(answers)}`
    },
    async close() {
      const stopped = peer.stop()
      await clock.settle()
      clock.pass(10_000)
      await stopped
    },
  }
}

/** ZooKeeper clients at the door of a living peer. */
export const clientsTarget: Target = {
  name: 'clients', about: 'connections of ZooKeeper clients to a peer, from the greeting on, in any pieces',
  renewAfter: 400, slice: 150, longest: 4_096,
  tokens: [
    ...FOUR_LETTER_WORDS, '/kept', KEPT, '/zookeeper/quota', '/a', hello(),
    Uint8Array.of(0, 0, 0, 8, 255, 255, 255, 254, 0, 0, 0, 11),
  ],
  seeds: () => [
    ...[0, 100, 255].map((way) => stream(way, ...USUAL.map((body, index) => request(index + 1, body)))),
    ...USUAL.map((body, index) => stream(index * 11, request(1, create('/a')), request(2, body))),
    joined(Uint8Array.of(0), hello(500, WITNESS), request(1, create('/a'))),
    stream(0, written((writer) => writeAuth(writer, -4, 'digest', SECRET)).slice(), request(5, { op: 107 })),
    ...FOUR_LETTER_WORDS.map((word) => joined(Uint8Array.of(0), new TextEncoder().encode(word), new Uint8Array(8))),
    ...fc.sample(requests, { numRuns: 40, seed: 3 }).map((body, index) => stream(index, request(index, body)))
      .filter(({ length }) => length < 1_000),
  ],
  mutate: streamMutated,
  make,
}

/** What a client sends: how it is cut, its greeting, and then. */
function stream(way: number, ...frames: readonly Uint8Array[]): Uint8Array {
  return joined(Uint8Array.of(way), hello(), ...frames)
}
