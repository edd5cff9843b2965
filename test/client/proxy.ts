/** A TCP proxy before a server whose connections a case can cut, hold or refuse. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** `up` is what the client sends, `down` what the server answers. */
export type Direction = 'up' | 'down'

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

/** One listener, which passes on to one address at a time. */
export class Proxy {
  #target: string
  readonly #listener: Server
  readonly #pairs = new Set<Pair>()
  readonly #held = new Set<Direction>()
  #isRefusing = false
  #port = 0
  /** Connections that were taken so far. */
  accepted = 0

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target)
    await new Promise<void>((resolve, reject) => {
      proxy.#listener.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    proxy.#port = (proxy.#listener.address() as AddressInfo).port
    return proxy
  }

  private constructor(target: string) {
    this.#target = target
    this.#listener = createServer((client) => this.#accept(client))
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`
  }

  get open(): number {
    return this.#pairs.size
  }

  /** Later connections go there. */
  aim(target: string): void {
    this.#target = target
  }

  /** Resets every connection: what was held, or was on its way, is lost. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      reset(client)
      reset(server)
    }
    this.#pairs.clear()
  }

  /** Nothing passes in that direction, on connections there are and those to come, until `release`. */
  hold(direction: Direction): void {
    this.#held.add(direction)
    for (const pair of this.#pairs) source(pair, direction).pause()
  }

  release(): void {
    this.#held.clear()
    for (const { client, server } of this.#pairs) {
      client.resume()
      server.resume()
    }
  }

  /** Cuts, and resets whoever connects until `welcome`. */
  refuse(): void {
    this.#isRefusing = true
    this.cut()
  }

  welcome(): void {
    this.#isRefusing = false
  }

  stop(): Promise<void> {
    this.cut()
    return new Promise((resolve) => { this.#listener.close(() => resolve()) })
  }

  #accept(client: Socket): void {
    client.on('error', ignore)
    if (this.#isRefusing) {
      reset(client)
      return
    }
    this.accepted += 1
    const [host = '', port = ''] = this.#target.split(':')
    const server = connect(Number(port), host)
    const pair: Pair = { client, server }
    this.#pairs.add(pair)
    const end = (): void => {
      this.#pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    server.on('error', ignore).on('close', end)
    client.on('close', end)
    client.on('data', (chunk) => server.write(chunk)).on('end', () => server.end())
    server.on('data', (chunk) => client.write(chunk)).on('end', () => client.end())
    for (const direction of this.#held) source(pair, direction).pause()
  }
}

function source({ client, server }: Pair, direction: Direction): Socket {
  return direction === 'up' ? client : server
}

/** Node neither closes nor tells when a socket is reset that is shutting down. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

function ignore(): void {
  // Whatever goes wrong with a socket also closes it.
}
