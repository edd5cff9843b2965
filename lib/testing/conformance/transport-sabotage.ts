import { ZkError } from '../../core/errors.ts'
import type { Link, LinkEvents, Transport } from '../../ports/transport.ts'
import { WrappedLink, decorated } from '../decorated-transports.ts'

/** The bugs a transport can be given on purpose, each with the case that must notice it. */
export const TRANSPORT_FLAWS = {
  'loses a chunk': 'bytes arrive in order, both ways at once, in pieces of every size',
  'doubles a chunk': 'bytes arrive in order, both ways at once, in pieces of every size',
  'swaps two chunks': 'bytes arrive in order, both ways at once, in pieces of every size',
  'hands out empty chunks': 'single bytes, a very large piece and no bytes at all arrive as they are',
  'writes to a chunk again': 'bytes arrive in order, both ways at once, in pieces of every size',
  'says too early that bytes were taken': 'bytes may be written again where a link says that the system has taken them',
  'forgets what came before attach': 'what arrived before attach is kept and comes first',
  'forgets an end before attach': 'the end of a link is told to one who attaches after it',
  'calls back inside send': 'single bytes, a very large piece and no bytes at all arrive as they are',
  'can be attached twice': 'a link is attached once',
  'never asks to wait': 'a sender is told to wait while nobody reads, and to go on afterwards',
  'never says to go on': 'a sender is told to wait while nobody reads, and to go on afterwards',
  'says to go on at once': 'a sender is told to wait while nobody reads, and to go on afterwards',
  'does not pause': 'a reader that pauses is left alone',
  'drops what is queued when it closes':
    'close sends what is queued; both ends hear of the end, once, without an error',
  'tells the end twice': 'close sends what is queued; both ends hear of the end, once, without an error',
  'ends with an error': 'close sends what is queued; both ends hear of the end, once, without an error',
  'delivers after close': 'after close nothing is heard but the end',
  'never tells its own end': 'a link that ended takes no bytes, and may be ended again',
  'takes bytes after the end': 'a link that ended takes no bytes, and may be ended again',
  'mixes links': 'many links at once do not mix',
  'says nothing of the other end': 'both ends name each other',
  'throws plain errors': 'nobody listens: Unreachable',
  'ignores the signal': 'dialling can be aborted, before and meanwhile, and not afterwards',
  'keeps an eye on the signal': 'dialling can be aborted, before and meanwhile, and not afterwards',
  'takes an address twice': 'an address in use is refused, and who has it goes on',
  'ends its links with the listener': 'a listener that closes frees its address, and its links live on',
  'does not free its address': 'a listener that closes frees its address, and its links live on',
} as const

/** The name of one bug. */
export type TransportFlaw = keyof typeof TRANSPORT_FLAWS

/** The transport with this bug; with null it has none, which proves that the bug is what the suite notices. */
export function sabotagedTransport(transport: Transport, flaw: TransportFlaw | null): Transport {
  const accepted = new Set<Link>()
  const shared: { last: FlawedLink | null } = { last: null }
  const flawed = decorated(transport, (link) => {
    accepted.add(link)
    return new FlawedLink(link, flaw, shared)
  })
  return {
    ...flawed,
    listen: async (address, onLink) => {
      const twice = flaw === 'takes an address twice'
      const listener = await flawed.listen!(address, onLink).catch((error: unknown) => {
        if (twice) return { address, close: () => Promise.resolve() }
        throw error
      })
      const close = async (): Promise<void> => {
        if (flaw === 'ends its links with the listener') for (const link of accepted) link.close()
        if (flaw !== 'does not free its address') await listener.close()
      }
      return { address: listener.address, close }
    },
    dial: async (address, options) => {
      const signal = options?.signal
      try {
        const link = await flawed.dial(address, flaw === 'ignores the signal' ? {} : options)
        if (flaw === 'keeps an eye on the signal') signal?.addEventListener('abort', () => link.close())
        return link
      } catch (error) {
        throw flaw === 'throws plain errors' ? new Error((error as ZkError).message) : error
      }
    },
  }
}

/** Where a bug strikes: at this chunk of each link. */
const STRIKE = 3

class FlawedLink extends WrappedLink {
  readonly #flaw: TransportFlaw | null
  readonly #shared: { last: FlawedLink | null }
  #events: LinkEvents | null = null
  #count = 0
  #kept: Uint8Array | null = null
  #over = false
  #lateMs: number

  constructor(inner: Link, flaw: TransportFlaw | null, shared: { last: FlawedLink | null }) {
    super(inner)
    this.#flaw = flaw
    this.#shared = shared
    this.#lateMs = Date.now()
  }

  override get remote(): string {
    return this.#flaw === 'says nothing of the other end' ? '' : super.remote
  }

  override get hasTaken(): boolean {
    return this.#flaw === 'says too early that bytes were taken'
  }

  override attach(events: LinkEvents): void {
    if (this.#events !== null && this.#flaw === 'can be attached twice') return
    const isLate = Date.now() - this.#lateMs > 5
    this.#events = events
    let skips = isLate && this.#flaw === 'forgets what came before attach' ? 1 : 0
    super.attach({
      onData: (chunk) => {
        if (skips-- > 0) return
        this.#data(this.#flaw === 'mixes links' ? (this.#shared.last ?? this) : this, chunk)
        this.#shared.last = this
      },
      onDrain: () => {
        if (this.#flaw !== 'never says to go on') events.onDrain()
      },
      onClose: (error) => {
        if (this.#flaw === 'forgets an end before attach' && isLate) return
        if (this.#over && this.#flaw === 'never tells its own end') return
        this.#over = true
        events.onClose(this.#flaw === 'ends with an error' ? new ZkError('ConnectionLoss') : error)
        if (this.#flaw === 'tells the end twice') events.onClose(error)
      },
    })
  }

  #data(to: FlawedLink, chunk: Uint8Array): void {
    const deliver = (bytes: Uint8Array): void => to.#events!.onData(bytes)
    const strikes = ++this.#count === STRIKE
    switch (this.#flaw) {
      case 'loses a chunk': if (!strikes) deliver(chunk); break
      case 'doubles a chunk':
        deliver(chunk)
        if (strikes) deliver(chunk)
        break
      case 'swaps two chunks':
        if (strikes) {
          this.#kept = chunk
          break
        }
        deliver(chunk)
        if (this.#kept !== null) deliver(this.#kept)
        this.#kept = null
        break
      case 'writes to a chunk again': {
        const copy = chunk.slice()
        deliver(copy)
        copy.fill(0)
        break
      }
      case 'hands out empty chunks':
        deliver(chunk)
        if (strikes) deliver(chunk.subarray(0, 0))
        break
      default: deliver(chunk)
    }
  }

  override send(bytes: Uint8Array): boolean {
    if (this.#over && this.#flaw === 'takes bytes after the end') return true
    if (this.#flaw === 'calls back inside send' && ++this.#count === STRIKE) this.#events?.onDrain()
    const goesOn = super.send(bytes)
    if (!goesOn && this.#flaw === 'says to go on at once') setTimeout(() => this.#events?.onDrain(), 0)
    return goesOn || this.#flaw === 'never asks to wait'
  }

  override pause(): void {
    if (this.#flaw !== 'does not pause') super.pause()
  }

  override close(): void {
    this.#over = true
    const events = this.#events
    if (this.#flaw === 'delivers after close') setTimeout(() => events?.onData(Uint8Array.of(1)), 0)
    if (this.#flaw === 'drops what is queued when it closes') super.abort()
    else super.close()
  }

  override abort(reason?: Error): void {
    this.#over = true
    super.abort(reason)
  }
}
