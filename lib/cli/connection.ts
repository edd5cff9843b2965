import { isZkError } from '../core/errors.ts'
import type { Client } from '../client/client.ts'
import type { StateChange } from '../client/session-state.ts'
import type { WatchChange } from '../client/watch-items.ts'
import { UsageError } from './usage.ts'

/**
 * Opens a session at an address. `isRetry`: the last attempt failed just now, so this one should not take long to fail
 * too.
 */
export type Opener = (address: string, signal: AbortSignal, isRetry: boolean) => Promise<Client>

/** Who hears of a connection. */
export interface ConnectionOwner {
  /** A change of the session, named as ZooKeeper names it. */
  onState(name: string): void
  onWatch(change: WatchChange): void
  /** No server has answered for so long that the session may be gone. */
  onLost(): void
}

const EVENT_NAMES: Partial<Record<StateChange['state'], string>> = {
  connected: 'SyncConnected', suspended: 'Disconnected', expired: 'Expired', closed: 'Closed',
}

/** What zkCli says when no server answers. */
export const LOST = 'KeeperErrorCode = ConnectionLoss'

/** The session that commands work on: opened in the background, closed and opened again as its user says. */
export class Connection {
  readonly #open: Opener
  readonly #owner: ConnectionOwner
  #client: Client | null = null
  #opening: Promise<Client> | null = null
  #attempt = new AbortController()
  #hasFailed = false
  /** A command has failed because of it: the next one tries again. */
  #wasTold = false
  /** As the user named it. */
  address: string

  constructor(address: string, open: Opener, owner: ConnectionOwner) {
    this.address = address
    this.#open = open
    this.#owner = owner
  }

  /** Of the prompt, in ZooKeeper's words. */
  get state(): 'CONNECTING' | 'CONNECTED' | 'CLOSED' {
    if (this.#client !== null) {
      const { state } = this.#client
      return state === 'connected' ? 'CONNECTED' : this.isOver ? 'CLOSED' : 'CONNECTING'
    }
    return this.#opening === null ? 'CLOSED' : 'CONNECTING'
  }

  /** The session was closed or has expired, and no other is being opened. */
  get isOver(): boolean {
    if (this.#client === null) return this.#opening === null
    return this.#client.state === 'closed' || this.#client.state === 'expired'
  }

  /** Opens a session in place of the last one; a failure is told to those who wait for it. */
  connect(address: string | null): void {
    const last = this.close()
    if (address !== null) this.address = address
    void this.#begin(last, false)
  }

  #begin(last: Promise<void>, isRetry: boolean): Promise<Client> {
    const attempt = new AbortController()
    const opening = last.then(() => this.#open(this.address, attempt.signal, isRetry)).then((client) => {
      if (this.#opening === opening) this.#use(client)
      else void client.close()
      return client
    })
    this.#attempt = attempt
    this.#opening = opening
    this.#hasFailed = false
    // Whoever needs the session hears of it.
    opening.catch(() => {
      if (this.#opening === opening) this.#hasFailed = true
    })
    return opening
  }

  #use(client: Client): void {
    this.#client = client
    const onState = (state: StateChange['state']): void => {
      const name = EVENT_NAMES[state]
      if (name !== undefined) this.#owner.onState(name)
      if (state === 'lost') this.#owner.onLost()
    }
    client.on('state', ({ state }) => onState(state))
    client.on('event', (change) => this.#owner.onWatch(change))
    onState(client.state)
  }

  /** The session, once it is open. */
  async client(): Promise<Client> {
    if (this.isOver) throw new UsageError('Not connected')
    if (this.#client?.state === 'lost') throw new UsageError(LOST)
    if (this.#client !== null) return this.#client
    const opening = this.#hasFailed && this.#wasTold ? this.#begin(Promise.resolve(), true) : this.#opening
    this.#wasTold = false
    try {
      return await opening!
    } catch (error) {
      this.#wasTold = true
      if (isZkError(error, 'Aborted') && this.#opening !== opening) throw new UsageError('Not connected')
      throw error
    }
  }

  /** Ends the session, or the attempt to open one. */
  async close(): Promise<void> {
    const client = this.#client
    this.#attempt.abort()
    this.#client = null
    this.#opening = null
    await client?.close()
  }
}
