import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FencedFile } from './file.ts'
import type { Journal } from './journal.ts'
import type { Answer, Ask } from './protocol.ts'

/** Serves the counter file to the workers through a socket, and keeps the journal. */
export class Storage {
  readonly socket: string
  readonly #file: FencedFile
  readonly #journal: Journal
  readonly #server: Server
  readonly #connections = new Set<Socket>()

  static async start(folder: string, journal: Journal, isFenced: boolean): Promise<Storage> {
    const storage = new Storage(folder, journal, isFenced)
    storage.#server.listen(storage.socket)
    await once(storage.#server, 'listening')
    return storage
  }

  private constructor(folder: string, journal: Journal, isFenced: boolean) {
    this.socket = join(folder, 'storage.sock')
    this.#file = new FencedFile(join(folder, 'counter.json'), isFenced)
    this.#journal = journal
    this.#server = createServer((connection) => this.#serve(connection))
  }

  /** What the file says. */
  get count(): number {
    return this.#file.content.count
  }

  #serve(connection: Socket): void {
    this.#connections.add(connection)
    // Workers are killed while they talk.
    connection.on('error', () => connection.destroy())
    connection.once('close', () => this.#connections.delete(connection))
    createInterface({ input: connection }).on('line', (line) => {
      const ask = whole(line)
      if (ask !== null) connection.write(`${JSON.stringify(this.#answer(ask))}\n`)
    }).on('error', () => connection.destroy())
  }

  #answer(ask: Ask): Answer {
    const count = ask.kind === 'read' ? this.#file.read(ask.token)
      : this.#file.write(ask.token, ask.count) ? ask.count : null
    this.#journal.note(ask, count !== null)
    return count === null ? { ask: ask.ask, isTaken: false } : { ask: ask.ask, isTaken: true, count }
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Null for a line whose end was never sent. */
function whole(line: string): Ask | null {
  try {
    return JSON.parse(line) as Ask
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
