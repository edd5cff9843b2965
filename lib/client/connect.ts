import { ZkError } from '../core/errors.ts'
import type { Clock } from '../ports/clock.ts'
import { SILENT } from '../ports/logger.ts'
import type { Transport } from '../ports/transport.ts'
import { parseConnectAddress } from './address.ts'
import { makeChance } from './chance.ts'
import { Chroot } from './chroot.ts'
import { Client } from './client.ts'
import { CONNECT_OPTIONS } from './connect-options.ts'
import type { ConnectOptions } from './connect-options.ts'
import { checkOptions, checkTypes } from './options.ts'
import { RemoteEndpoint } from './remote-endpoint.ts'

/** How a session with servers is opened. */
export interface RemoteConnectOptions extends ConnectOptions {
  /** Takes a server that only reads while there is no quorum, rather than none; moves on when another one writes. */
  readonly readOnly?: boolean
  /** Tries the servers in a random order, so that many clients spread over them; true unless said otherwise. */
  readonly shuffle?: boolean
  /** What dials the addresses; TCP and WebSocket on Node. */
  readonly transports?: readonly Transport[]
  /** Time and timers of this client; those of the platform when left out. */
  readonly clock?: Clock
  /** Gives numbers from 0 to 1, never 1, for all that this client leaves to chance; the platform's when left out. */
  readonly random?: () => number
}

const OPTIONS = [...CONNECT_OPTIONS, 'readOnly', 'shuffle', 'transports', 'clock', 'random']
/** Without a word from the caller an attempt to connect ends after so long. */
const CONNECT_TIMEOUT_MS = 15_000

/** What a front door fills in. */
export interface ConnectParts {
  readonly clock: Clock
  readonly transports: readonly Transport[]
}

/**
 * Opens a session with the servers of an address, `zk://h1:2181,h2:2181/chroot`. Errors: AddressInvalid, TypeError and
 * those of Client.connect.
 */
export function connectRemote(address: string, options: RemoteConnectOptions, parts: ConnectParts): Promise<Client> {
  return Promise.resolve().then(() => {
    checkOptions(options ?? null, OPTIONS)
    checkTypes(options, { readOnly: 'boolean', shuffle: 'boolean', random: 'function' })
    const {
      readOnly = false, shuffle = true, transports = parts.transports, clock = parts.clock, random = makeChance(),
      ...rest
    } = options
    if (typeof clock.setTimer !== 'function') throw new TypeError('clock must be a Clock')
    const { servers, chroot } = parseConnectAddress(address)
    const places = (shuffle ? shuffled(servers, random) : servers).map((address) => {
      const scheme = address.slice(0, address.indexOf(':'))
      const transport = transports.find(({ schemes }) => schemes.includes(scheme))
      if (transport === undefined) throw new ZkError('AddressInvalid', `no transport dials ${address}`)
      return { address, transport }
    })
    const common = {
      clock, logger: options.logger ?? SILENT, unref: options.unref ?? false, chroot: new Chroot(chroot), readOnly,
      servers: places,
    }
    const endpoints = places.map(({ address, transport }) => new RemoteEndpoint(address, transport, common))
    return Client.connect({ endpoints, clock, random }, { connectTimeoutMs: CONNECT_TIMEOUT_MS, ...rest })
  })
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items]
  for (let left = order.length; left > 1; left--) {
    const at = Math.floor(random() * left)
    const last = order[left - 1]!
    order[left - 1] = order[at]!
    order[at] = last
  }
  return order
}
