/**
 * What a transport gives: ordered byte streams between addresses. Framing is not its business (lib/wire/frame.ts).
 *
 * Contract, checked by lib/testing/conformance/transport.ts:
 * - bytes arrive in order, without loss, duplication or invention, while the link lives; chunk borders mean nothing;
 * - no callback of a link runs before `attach`, nor inside `attach`, `send`, `close`, `abort` or `dial`: always in a
 *   later turn;
 * - `onClose` runs exactly once and last; after `close()` or `abort()` returns no `onData` and no `onDrain` runs;
 * - `send` after the end is a no-op that returns false; the caller must not modify bytes it sent, unless `hasTaken`;
 * - the receiver may keep a chunk it was given: the transport never writes to it again;
 * - memory is bounded by the caller: `send` never blocks and never drops, `queuedBytes` says how much waits.
 */
export interface Transport {
  /** URL schemes this transport takes, without colon: `tcp`, `ws`, `memory`. */
  readonly schemes: readonly string[]
  readonly features: TransportFeatures
  /**
   * Accepts links at `address` (`tcp://host:port`; port 0 picks one). `onLink` runs once per link and must attach to it
   * in the same turn. Errors: AddressInUse, AddressInvalid. Absent when the transport only dials.
   */
  listen?(address: string, onLink: (link: Link) => void): Promise<Listener>
  /** Opens a link. Errors: Unreachable, AddressInvalid, Aborted (the signal ended the attempt). */
  dial(address: string, options?: { readonly signal?: AbortSignal }): Promise<Link>
}

/** What a conformance suite may expect of a transport. */
export interface TransportFeatures {
  readonly listens: boolean
  /** False when bytes never leave the process. */
  readonly network: boolean
}

/** An address that accepts links. */
export interface Listener {
  /** The address as it can be dialled, with the real port. */
  readonly address: string
  /** Stops accepting; links that exist live on. Resolves when the address is free again. Idempotent. */
  close(): Promise<void>
}

/** One ordered, bidirectional byte stream. */
export interface Link {
  /** Where the other end is, for logs, limits and the `ip` scheme: `tcp://10.0.0.7:51234`. */
  readonly remote: string
  /** Bytes accepted by `send` that the system has not taken yet. */
  readonly queuedBytes: number
  /** True when the system has taken all that was ever sent: nobody reads those bytes again. Never, if absent. */
  readonly hasTaken?: boolean
  /** Begins delivery; called exactly once. What arrived before is kept and delivered first. */
  attach(events: LinkEvents): void
  /**
   * Queues bytes. False: `queuedBytes` is above the high-water mark (or the link ended); `onDrain` tells when to go
   * on.
   */
  send(bytes: Uint8Array): boolean
  /** Stops reading from the other end until `resume`, so that it feels backpressure. A few chunks may still arrive. */
  pause(): void
  resume(): void
  /** Sends what is queued, then ends. */
  close(): void
  /** Ends now; queued bytes may be lost. */
  abort(reason?: Error): void
}

/** What the owner of a link hears. None of these may throw. */
export interface LinkEvents {
  onData(chunk: Uint8Array): void
  /** `queuedBytes` fell to the low-water mark after `send` returned false. */
  onDrain(): void
  /** The link ended: by either side's close (no error) or by a failure. */
  onClose(error?: Error): void
}
