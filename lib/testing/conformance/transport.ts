import { isZkError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { makeRandom } from '../../core/random.ts'
import type { Link, Listener, Transport } from '../../ports/transport.ts'
import { logUniform } from '../draws.ts'
import { LinkProbe, joined, sameContent, turns } from './link-probe.ts'
import { check, within } from './storage-checks.ts'
import type { RegisterTest } from './storage.ts'

export { TRANSPORT_FLAWS, sabotagedTransport } from './transport-sabotage.ts'
export type { TransportFlaw } from './transport-sabotage.ts'
export type { RegisterTest } from './storage.ts'

/** A transport under test, and addresses for it. */
export interface TransportPlace {
  readonly transport: Transport
  /** Listens for a transport that only dials; must take the same addresses. */
  readonly listening?: Transport
  /** Where a listener finds a free place: `tcp://127.0.0.1:0`. */
  readonly address: string
  /** A well-formed address at which nobody listens. */
  readonly nowhere: string
  /** What is no address of this transport. */
  readonly malformed: string
  /** Releases everything. */
  remove?(): Promise<void>
}

/** What the runner may add. */
export interface TransportRunOptions {
  /** Told of each case that is left out. */
  readonly skipped?: (name: string, reason: string) => void
}

/** One case. */
export interface TransportCase {
  readonly name: string
  /** Left out for a transport that only dials. */
  readonly listens?: boolean
  readonly run: (context: TransportContext) => Promise<void>
}

const CASE_TIMEOUT_MS = 20_000
/** A sender must have been told to wait by then. */
const FLOOD_BYTES = 128 * 1024 * 1024
const CHUNK_BYTES = 64 * 1024

/** One transport under test with everything that was opened, for the end. */
export class TransportContext {
  readonly place: TransportPlace
  readonly #listeners: Listener[] = []
  readonly #probes: LinkProbe[] = []
  /** Links that came in and were not asked for yet. */
  readonly #accepted: LinkProbe[] = []
  #wanted: ((probe: LinkProbe) => void)[] = []

  constructor(place: TransportPlace) {
    this.place = place
  }

  get transport(): Transport {
    return this.place.transport
  }

  /** Listens; whoever comes in is attached at once. */
  async listen(address: string = this.place.address): Promise<Listener> {
    const listening = this.place.listening ?? this.transport
    check(listening.listen !== undefined, 'somebody listens')
    const listener = await listening.listen(address, (link) => {
      const probe = this.#probe(link).attach()
      const next = this.#wanted.shift()
      if (next === undefined) this.#accepted.push(probe)
      else next(probe)
    })
    this.#listeners.push(listener)
    return listener
  }

  #probe(link: Link): LinkProbe {
    const probe = new LinkProbe(link)
    this.#probes.push(probe)
    return probe
  }

  /** The next link that comes in. */
  accepted(): Promise<LinkProbe> {
    const probe = this.#accepted.shift()
    return probe === undefined ? new Promise((resolve) => void this.#wanted.push(resolve)) : Promise.resolve(probe)
  }

  /** Dials; the link is not attached yet. */
  async dial(address: string, signal?: AbortSignal): Promise<LinkProbe> {
    return this.#probe(await this.transport.dial(address, signal === undefined ? {} : { signal }))
  }

  /** Both ends of a new link, attached. */
  async pair(): Promise<readonly [LinkProbe, LinkProbe]> {
    const listener = this.#listeners[0] ?? await this.listen()
    const [here, there] = await Promise.all([this.dial(listener.address), this.accepted()])
    return [here.attach(), there]
  }

  /** Ends everything, and checks what every link did. */
  async end(): Promise<void> {
    for (const { link } of this.#probes) link.abort()
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    for (const probe of this.#probes) probe.verify()
  }
}

/** Runs every case on a transport of its own. */
export function runTransportCases(
  test: RegisterTest, make: () => TransportPlace | Promise<TransportPlace>, options: TransportRunOptions = {},
): void {
  for (const one of transportCases) {
    test(one.name, async () => {
      const place = await make()
      try {
        if (one.listens === true && place.transport.listen === undefined) options.skipped?.(one.name, 'it only dials')
        else await runTransportCase(one, place)
      } finally {
        await place.remove?.()
      }
    })
  }
}

/** Runs one case; throws when the transport breaks its contract, or takes longer than this. */
export async function runTransportCase(
  { run }: TransportCase, place: TransportPlace, limitMs: number = CASE_TIMEOUT_MS,
): Promise<void> {
  const context = new TransportContext(place)
  try {
    await within(limitMs, run(context))
  } catch (error) {
    // What the case found is the reason; what the end then finds follows from it.
    await context.end().then(() => undefined, () => undefined)
    throw error
  }
  await context.end()
}

/** Bytes that tell where they belong. */
function pattern(bytes: number, seed: number): Uint8Array {
  const random = makeRandom(seed)
  const made = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at++) made[at] = random.below(256)
  return made
}

/** Sends in pieces of every size, and waits whenever the link says so. */
async function stream(probe: LinkProbe, bytes: Uint8Array, seed: number): Promise<void> {
  const random = makeRandom(seed)
  for (let at = 0; at < bytes.length;) {
    const size = 1 + Math.floor(logUniform(random, 1, CHUNK_BYTES))
    const drains = probe.drains
    const goesOn = probe.send(bytes.subarray(at, at + size))
    at += size
    if (!goesOn) await probe.until(() => probe.drains > drains)
  }
}

/** Sends until the link says to wait; how much that was. */
function flood(probe: LinkProbe): number {
  const chunk = pattern(CHUNK_BYTES, 1)
  let sent = chunk.length
  while (probe.send(chunk)) {
    sent += chunk.length
    check(sent < FLOOD_BYTES, `${sent} bytes were taken and nobody read them`)
  }
  return sent
}

async function fails(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const codeOf = (error: unknown): string => isZkError(error) ? error.code : `${error as Error}`
  const got = await promise.then(() => 'nothing', codeOf)
  check(got === code, `expected ${code}, got ${got}`)
}

/** Every sentence of the contract. */
export const transportCases: readonly TransportCase[] = [
  { name: 'bytes arrive in order, both ways at once, in pieces of every size', run: async (context) => {
    const [here, there] = await context.pair()
    const [up, down] = [pattern(2_000_000, 2), pattern(1_500_000, 3)]
    await Promise.all([
      stream(here, up, 4), stream(there, down, 5), there.received(up.length), here.received(down.length),
    ])
    check(sameContent(there.content(), up) && sameContent(here.content(), down), 'other bytes arrived than were sent')
  } },
  { name: 'single bytes, a very large piece and no bytes at all arrive as they are', run: async (context) => {
    const [here, there] = await context.pair()
    const small = pattern(3_000, 6)
    const large = pattern(3_000_000, 7)
    for (const byte of small) here.send(Uint8Array.of(byte))
    here.send(new Uint8Array(0))
    here.send(large)
    const all = joined([small, large])
    await there.received(all.length)
    check(sameContent(there.content(), all), 'other bytes arrived than were sent')
    check(there.chunks.every(({ length }) => length > 0), 'an empty piece arrived')
  } },
  { name: 'bytes may be written again where a link says that the system has taken them', run: async (context) => {
    const [here, there] = await context.pair()
    there.link.pause()
    const expected: Uint8Array[] = []
    let total = 0
    for (let at = 0; at < 400; at++) {
      const bytes = new Uint8Array(1 + (at * 7_919) % 40_000).fill(1 + at % 250)
      expected.push(bytes.slice())
      total += bytes.length
      here.send(bytes)
      if (here.link.hasTaken === true) bytes.fill(0)
      if (at === 200) there.link.resume()
    }
    await there.received(total)
    const all = new Uint8Array(total)
    let at = 0
    for (const bytes of expected) {
      all.set(bytes, at)
      at += bytes.length
    }
    check(sameContent(there.content(), all), 'what was taken has changed on its way')
  } },
  { name: 'what arrived before attach is kept and comes first', run: async (context) => {
    const listener = await context.listen()
    const here = await context.dial(listener.address)
    const there = await context.accepted()
    there.send(Uint8Array.of(1, 2, 3))
    await turns(20)
    there.send(Uint8Array.of(4, 5))
    here.attach()
    await here.received(5)
    check(sameContent(here.content(), Uint8Array.of(1, 2, 3, 4, 5)), 'what came early is not what came first')
  } },
  { name: 'the end of a link is told to one who attaches after it', run: async (context) => {
    const listener = await context.listen()
    const here = await context.dial(listener.address)
    const there = await context.accepted()
    there.send(Uint8Array.of(7))
    there.close()
    await turns(20)
    here.attach()
    await here.closed()
    check(sameContent(here.content(), Uint8Array.of(7)), 'the bytes before the end are missing')
  } },
  { name: 'a link is attached once', run: async (context) => {
    const [here] = await context.pair()
    let error: unknown = null
    try {
      here.link.attach({ onData: () => undefined, onDrain: () => undefined, onClose: () => undefined })
    } catch (thrown) {
      error = thrown
    }
    check(error instanceof TypeError, 'a second attach is a TypeError')
  } },
  { name: 'a sender is told to wait while nobody reads, and to go on afterwards', run: async (context) => {
    const [here, there] = await context.pair()
    there.link.pause()
    const sent = flood(here)
    check(here.link.queuedBytes > 0, 'something waits')
    await turns(20)
    const early = here.drains
    check(early === 0, 'onDrain although nobody read')
    there.link.resume()
    await here.until(() => here.drains > 0)
    await there.received(sent)
    check(here.drains === 1, `onDrain ran ${here.drains} times`)
    check(there.bytes === sent, 'bytes were lost or invented')
    await turns(5)
    check(here.link.queuedBytes === 0, `${here.link.queuedBytes} bytes wait although all arrived`)
  } },
  { name: 'a reader that pauses is left alone', run: async (context) => {
    const [here, there] = await context.pair()
    there.link.pause()
    const sent = flood(here)
    await turns(20)
    const before = there.bytes
    check(before < sent, 'everything was delivered to a reader that had paused')
    await turns(20)
    check(there.bytes === before, 'bytes go on arriving')
  } },
  { name: 'a link that stands still stops no other', run: async (context) => {
    const [sender, stuck] = await context.pair()
    const [here, there] = await context.pair()
    stuck.link.pause()
    flood(sender)
    const bytes = pattern(500_000, 8)
    await Promise.all([stream(here, bytes, 9), there.received(bytes.length)])
    check(sameContent(there.content(), bytes), 'other bytes arrived than were sent')
  } },
  { name: 'close sends what is queued; both ends hear of the end, once, without an error', run: async (context) => {
    const [here, there] = await context.pair()
    const bytes = pattern(900_000, 10)
    here.send(bytes)
    here.close()
    await Promise.all([here.closed(), there.closed()])
    check(sameContent(there.content(), bytes), 'what was queued is not what arrived')
    check(here.error === undefined && there.error === undefined, 'a clean end with an error')
    await turns(20)
    check(here.closes === 1 && there.closes === 1, 'the end was told twice')
  } },
  { name: 'after close nothing is heard but the end', run: async (context) => {
    const [here, there] = await context.pair()
    for (let i = 0; i < 50; i++) there.send(pattern(CHUNK_BYTES, i))
    here.close()
    await here.closed()
    await turns(20)
  } },
  { name: 'abort ends both ends, and nothing is heard but the end', run: async (context) => {
    const [here, there] = await context.pair()
    for (let i = 0; i < 50; i++) {
      there.send(pattern(CHUNK_BYTES, i))
      here.send(pattern(CHUNK_BYTES, i))
    }
    here.abort()
    await Promise.all([here.closed(), there.closed()])
    await turns(20)
    check(here.closes === 1 && there.closes === 1, 'the end was told twice')
  } },
  { name: 'a link may be closed or aborted in the middle of a delivery', run: async (context) => {
    for (const how of ['close', 'abort'] as const) {
      const [here, there] = await context.pair()
      here.onChunk = () => here[how]()
      for (let i = 0; i < 20; i++) there.send(pattern(1_000, i))
      await here.closed()
      await turns(5)
    }
  } },
  { name: 'a link that ended takes no bytes, and may be ended again', run: async (context) => {
    for (const how of ['close', 'abort'] as const) {
      const [here, there] = await context.pair()
      here[how]()
      check(!here.send(Uint8Array.of(1)), 'bytes were taken after the end')
      here.close()
      here.abort()
      await Promise.all([here.closed(), there.closed()])
      check(!here.send(Uint8Array.of(1)) && !there.send(Uint8Array.of(1)), 'bytes were taken after the end')
      here.abort()
      there.close()
      await turns(5)
      check(here.closes === 1 && there.closes === 1, 'the end was told twice')
    }
  } },
  { name: 'many links at once do not mix', run: async (context) => {
    const listener = await context.listen()
    await Promise.all(Array.from({ length: 30 }, async (_, seed) => {
      const here = (await context.dial(listener.address)).attach()
      const bytes = pattern(20_000, seed)
      here.send(Uint8Array.of(seed))
      here.send(bytes)
      here.close()
      await here.closed()
    }))
    for (let i = 0; i < 30; i++) {
      const there = await context.accepted()
      await there.closed()
      const content = there.content()
      check(sameContent(content.subarray(1), pattern(20_000, content[0]!)), 'a link got bytes of another')
    }
  } },
  { name: 'both ends name each other', run: async (context) => {
    const listener = await context.listen()
    const here = (await context.dial(listener.address)).attach()
    const there = await context.accepted()
    check(here.link.remote === listener.address, `the dialled end is called ${here.link.remote}`)
    const scheme = there.link.remote.split('://')[0]!
    check(context.transport.schemes.includes(scheme), `the dialling end is called ${there.link.remote}`)
  } },
  { name: 'nobody listens: Unreachable', run: async (context) => {
    await fails(context.transport.dial(context.place.nowhere), 'Unreachable')
  } },
  { name: 'no address: AddressInvalid', run: async (context) => {
    await fails(context.transport.dial(context.place.malformed), 'AddressInvalid')
    const { place, transport } = context
    if (transport.listen === undefined) return
    await fails(transport.listen(place.malformed, () => undefined), 'AddressInvalid')
  } },
  { name: 'dialling can be aborted, before and meanwhile, and not afterwards', run: async (context) => {
    const listener = await context.listen()
    const before = new AbortController()
    before.abort()
    await fails(context.transport.dial(listener.address, { signal: before.signal }), 'Aborted')
    const meanwhile = new AbortController()
    const dialling = context.transport.dial(listener.address, { signal: meanwhile.signal })
    meanwhile.abort()
    await fails(dialling, 'Aborted')
    const after = new AbortController()
    const here = (await context.dial(listener.address, after.signal)).attach()
    after.abort()
    await turns(20)
    check(here.closes === 0 && here.send(Uint8Array.of(1)), 'a signal ended a link that was open')
  } },
  { name: 'an address in use is refused, and who has it goes on', listens: true, run: async (context) => {
    const [here, there] = await context.pair()
    const { address } = await context.listen()
    await fails(context.transport.listen!(address, () => undefined), 'AddressInUse')
    here.send(Uint8Array.of(1))
    await there.received(1)
    await context.dial(address)
  } },
  { name: 'a listener that closes frees its address, and its links live on', listens: true, run: async (context) => {
    const first = await context.listen()
    const [here, there] = await context.pair()
    await first.close()
    await first.close()
    await fails(context.transport.dial(first.address), 'Unreachable')
    here.send(Uint8Array.of(1))
    there.send(Uint8Array.of(2))
    await Promise.all([there.received(1), here.received(1)])
    const second = await context.listen(first.address)
    check(second.address === first.address, `the address became ${second.address}`)
    await context.dial(second.address)
  } },
]
