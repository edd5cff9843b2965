import { createServer } from 'node:net'
import { UsageError } from './usage.ts'

/** Where ZooKeeper's clients look first. */
const FIRST_PORT = 2181
const LAST_PORT = 65_535
const HOST = '127.0.0.1'

/** One port for each peer, and which of the wished ones were in use. */
export interface ClientPorts {
  readonly ports: readonly number[]
  readonly inUse: readonly number[]
}

/**
 * Ports on the loopback interface: those from `wanted` on, which must be free, or the first free ones from 2181 on.
 * Throws UsageError.
 */
export async function findClientPorts(count: number, wanted: number | null): Promise<ClientPorts> {
  const ports: number[] = []
  const inUse: number[] = []
  for (let port = wanted ?? FIRST_PORT; ports.length < count; port++) {
    if (port > LAST_PORT) throw new UsageError('there are not enough ports for the clients')
    if (await isFree(port)) ports.push(port)
    else if (wanted !== null) throw new UsageError(`the client port ${port} is in use`)
    else inUse.push(port)
  }
  return { ports, inUse }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(new UsageError(`the client port ${port} cannot be had: ${error.message}`))
    })
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Where a peer listens for clients. */
export function clientAddress(port: number): string {
  return `tcp://${HOST}:${port}`
}

/** What a ZooKeeper client is told to connect to. */
export function connectString(ports: readonly number[]): string {
  return ports.map((port) => `${HOST}:${port}`).join(',')
}
