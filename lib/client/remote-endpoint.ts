import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Transport } from '../ports/transport.ts'
import type { Channel, ChannelEvents, Endpoint, Hello } from './channel.ts'
import type { Chroot } from './chroot.ts'
import { ReadWriteSearch } from './read-write-search.ts'
import type { Server } from './read-write-search.ts'
import { RemoteChannel } from './remote-channel.ts'

/** What all servers of one client have in common. */
export interface RemoteEndpointParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly unref: boolean
  readonly chroot: Chroot
  readonly readOnly: boolean
  /** All servers of the client. */
  readonly servers: readonly Server[]
}

/** An attempt takes at most so long, however long the session lives. */
const CONNECT_MS = 5_000
const SHORTEST_CONNECT_MS = 500
/** A server that only reads is not gone back to for so long, once another one takes writes. */
const AVOIDED_MS = 2_000

/** A server at the end of a link; its name is resolved anew at every attempt. */
export class RemoteEndpoint implements Endpoint {
  readonly name: string
  readonly gone = false
  readonly isRemote = true
  readonly #transport: Transport
  readonly #parts: RemoteEndpointParts
  #avoidedUntilMs = -Infinity

  constructor(address: string, transport: Transport, parts: RemoteEndpointParts) {
    this.name = address
    this.#transport = transport
    this.#parts = parts
  }

  get ready(): boolean {
    return this.#parts.clock.now() >= this.#avoidedUntilMs
  }

  open(hello: Hello, events: ChannelEvents): Channel {
    const connectMs = Math.min(CONNECT_MS, Math.max(SHORTEST_CONNECT_MS, hello.timeoutMs / 3))
    return new RemoteChannel({
      ...this.#parts, address: this.name, transport: this.#transport, connectMs,
      search: (leave) => this.#search(leave),
    }, hello, events)
  }

  #search(leave: () => void): ReadWriteSearch {
    const { servers, clock, unref } = this.#parts
    const others = servers.filter(({ address }) => address !== this.name)
    return new ReadWriteSearch({
      // A single name may stand for many servers.
      servers: others.length > 0 ? others : servers, clock, unref,
      onFound: () => {
        this.#avoidedUntilMs = clock.now() + AVOIDED_MS
        leave()
      },
    })
  }
}
