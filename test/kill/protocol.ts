/** What a peer process is told at its start, as JSON in its only argument. */
export interface ChildSettings {
  readonly id: number
  /** How often this peer was started before; with `id` it makes the names of its writers unique. */
  readonly incarnation: number
  readonly folder: string
  /** Of the peers 1, 2, 3 … on 127.0.0.1. */
  readonly ports: readonly number[]
  readonly writers: number
  readonly sessionTimeoutMs: number
  /** False: the dangerous option of the storage. */
  readonly sync: boolean
  /** True: what LevelDB was not told to flush stays in this process, and dies with it. */
  readonly isVolatile: boolean
}

/** One line on the standard input of a peer process, as JSON. */
export type Command =
  | { readonly kind: 'quiet' }
  /** Waits until exactly these nodes are children of /alive, and there are no more sessions. */
  | { readonly kind: 'settle', readonly alive: readonly string[] }
  | { readonly kind: 'dump', readonly file: string }

/** One line on its standard output, as JSON. Writers are named `id.incarnation.number`. */
export type Report =
  | { readonly kind: 'recovered', readonly damage: string, readonly entries: number, readonly chunks: number }
  | { readonly kind: 'role', readonly role: string, readonly epoch: number, readonly leader: number | null }
  | { readonly kind: 'serving', readonly serving: boolean, readonly health: string }
  /** The writer's session is open, and its ephemeral node /alive/<writer> acknowledged. */
  | { readonly kind: 'open', readonly writer: string, readonly session: string }
  | { readonly kind: 'state', readonly writer: string, readonly state: string, readonly code: string | null }
  /** About to delete: from now on the node may be gone. */
  | { readonly kind: 'deleting', readonly path: string }
  | { readonly kind: 'deleted', readonly path: string }
  | { readonly kind: 'created', readonly path: string, readonly data: string }
  /** The writer's counter; it counts up, by one at a time, and only by its writer. */
  | { readonly kind: 'counted', readonly path: string, readonly count: number }
  | { readonly kind: 'unknown', readonly writer: string }
  /** An answer that is not right, whatever was killed. */
  | { readonly kind: 'wrong', readonly what: string }
  | { readonly kind: 'fatal', readonly code: string, readonly reason: string }
  | { readonly kind: 'log', readonly text: string }
  | { readonly kind: 'quiet' }
  | { readonly kind: 'settled' }
  | { readonly kind: 'dumped', readonly zxid: number, readonly sessions: number }
