/** What a worker process is told at its start, as JSON in its only argument. */
export interface WorkerSettings {
  readonly name: string
  /** Of the ensemble. */
  readonly address: string
  /** Path of the storage's socket. */
  readonly socket: string
  readonly lock: string
  readonly sessionTimeoutMs: number
  /** True: looks at `lock.held` before each write. False: leaves everything to the token. */
  readonly isCareful: boolean
}

/** A line from a worker to the storage, as JSON. Moments are in ns, by the clock that all processes share. */
export type Ask =
  | {
    readonly kind: 'read', readonly ask: number, readonly worker: string, readonly token: string
    /** The worker had the lock then. */
    readonly begun: string
  }
  | {
    readonly kind: 'write', readonly ask: number, readonly worker: string, readonly token: string
    readonly count: number
    /** Of this increment, unique. */
    readonly id: string
    /** Before the worker saw `lock.held`; null when it was false. */
    readonly looked: string | null
  }

/** A line from the storage to the worker, as JSON. */
export type Answer =
  | { readonly ask: number, readonly isTaken: true, readonly count: number }
  | { readonly ask: number, readonly isTaken: false }

/** A line on the worker's standard output, as JSON. */
export type Report =
  | { readonly kind: 'session', readonly number: number }
  | { readonly kind: 'acked', readonly id: string, readonly count: number }
  /** It found that it held the lock no more, and did not write. */
  | { readonly kind: 'refrained' }
  | { readonly kind: 'refused' }
  /** What must never be. */
  | { readonly kind: 'wrong', readonly what: string }
