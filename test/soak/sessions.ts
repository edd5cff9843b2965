import type { Client } from '../../lib/index.ts'
import { connect } from '../../lib/node.ts'
import type { RemoteConnectOptions } from '../../lib/node.ts'

/** True when the client has no session any more, and gets none. */
export function isOver(zk: Client): boolean {
  return zk.state === 'expired' || zk.state === 'closed'
}

/** All sessions of a run: none is opened elsewhere, so that none is left when it ends. */
export class Sessions {
  readonly #address: string
  readonly #ended: AbortSignal
  readonly #open = new Set<Client>()

  /** `ended`: nothing is to be waited for any more, and no session is opened. */
  constructor(address: string, ended: AbortSignal) {
    this.#address = address
    this.#ended = ended
  }

  /** What is interrupted is not to be tried again. */
  get haveEnded(): boolean {
    return this.#ended.aborted
  }

  async open(options: RemoteConnectOptions): Promise<Client> {
    const zk = await connect(this.#address, { ...options, signal: this.#ended })
    this.#open.add(zk)
    zk.on('state', () => { if (isOver(zk)) this.#open.delete(zk) })
    // It was open before it was known here.
    if (this.#ended.aborted) await zk.close()
    return zk
  }

  /** Resolves when all are closed; a client takes up to 5 s for it when no peer answers. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#open, (zk) => zk.close()))
  }
}
