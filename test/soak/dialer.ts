import { ZkError } from '../../lib/index.ts'
import type { Link, Transport } from '../../lib/ports/transport.ts'
import { tcp } from '../../transports/tcp.ts'

/** TCP for one client, whose cable can be pulled for good. */
export class Dialer implements Transport {
  readonly schemes: readonly string[]
  readonly features: Transport['features']
  readonly #tcp = tcp()
  #link: Link | null = null
  #isSevered = false

  constructor() {
    this.schemes = this.#tcp.schemes
    this.features = this.#tcp.features
  }

  async dial(address: string, options?: { readonly signal?: AbortSignal }): Promise<Link> {
    if (this.#isSevered) throw new ZkError('Unreachable', 'the cable is pulled')
    const link = await this.#tcp.dial(address, options)
    this.#link = link
    if (this.#isSevered) link.abort()
    return link
  }

  /** As when the client's process dies: nothing more leaves, and its connection breaks. */
  sever(): void {
    this.#isSevered = true
    this.#link?.abort()
  }
}
