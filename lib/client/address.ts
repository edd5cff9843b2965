import { ZkError } from '../core/errors.ts'
import { validatePath } from '../core/tree/path.ts'

/** Where a client may connect, and what it takes for the root. */
export interface ConnectAddress {
  /** Addresses that a transport dials: `tcp://h1:2181`, `wss://h1:8181`. */
  readonly servers: readonly string[]
  /** `/app`, or empty. */
  readonly chroot: string
}

const DEFAULT_PORT = 2181
/** `zk` is ZooKeeper's protocol over TCP. */
const SCHEMES: ReadonlyMap<string, string> = new Map([['zk', 'tcp'], ['tcp', 'tcp'], ['ws', 'ws'], ['wss', 'wss']])
const HOST = /^(?:\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[^:/[\]@\s,]+)(?::(\d{1,5}))?$/

/**
 * Reads `zk://h1:2181,h2,[::1]:2181/chroot`; the scheme may be left out, or be `ws` or `wss`, and a port that is left
 * out is 2181 (for WebSockets that of the scheme). Throws AddressInvalid.
 */
export function parseConnectAddress(address: string): ConnectAddress {
  if (typeof address !== 'string') throw new TypeError(`an address must be a string, not ${typeof address}`)
  const match = /^(?:([a-z]+):\/\/)?([^/]*)(\/.*)?$/.exec(address.trim())
  const scheme = SCHEMES.get(match?.[1] ?? 'zk')
  if (match === null || scheme === undefined) {
    throw new ZkError('AddressInvalid', `not an address of servers: ${address} (zk://host:port,host:port/chroot)`)
  }
  const path = match[3] ?? ''
  const chroot = path === '/' ? '' : path
  if (chroot !== '' && !validatePath(chroot)) {
    throw new ZkError('AddressInvalid', `the chroot is not a valid path: ${chroot}`)
  }
  const hosts = match[2]!.split(',').map((host) => host.trim()).filter((host) => host !== '')
  const servers = hosts.map((host) => {
    const parts = HOST.exec(host)
    const port = Number(parts?.[1] ?? DEFAULT_PORT)
    if (parts === null || port < 1 || port > 65_535) {
      throw new ZkError('AddressInvalid', `not a host and port: ${host}`)
    }
    const hasPort = parts[1] !== undefined || scheme !== 'tcp'
    return `${scheme}://${host}${hasPort ? '' : `:${DEFAULT_PORT}`}`
  })
  if (servers.length === 0) throw new ZkError('AddressInvalid', `no server is named: ${address}`)
  return { servers, chroot }
}
