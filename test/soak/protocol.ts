/** What a peer process is told at its start, as JSON in its only argument. */
export interface PeerSettings {
  readonly id: number
  readonly folder: string
  /** By id, as this peer reaches them: its own address, and the proxies that stand before the others. */
  readonly members: Readonly<Record<number, string>>
  /** Of 127.0.0.1, where clients are served. */
  readonly clientPort: number
  readonly disk: DiskMode
  /** What it is told to write to its log is never written. */
  readonly isLying: boolean
}

/** How the disk of a peer behaves. */
export interface DiskMode {
  /** Writes wait until this is false again. */
  readonly isHeld: boolean
  /** Every write takes so much longer, in ms. */
  readonly delayMs: number
  /** Writes fail with ENOSPC, some of them half-way. */
  readonly isFull: boolean
}

export const WELL: DiskMode = { isHeld: false, delayMs: 0, isFull: false }

/** One line on the standard input of a peer process, as JSON. */
export type Command =
  | { readonly kind: 'disk', readonly mode: DiskMode }
  /** Writes everything below the root, with every Stat, to the file. */
  | { readonly kind: 'dump', readonly file: string }

/** What a peer process takes of the machine, and what it keeps. */
export interface Sample {
  readonly rssBytes: number
  readonly heapBytes: number
  /** Of its folder. */
  readonly diskBytes: number
  readonly nodes: number
  readonly sessions: number
  /** Since the start of the process, in s. */
  readonly ageS: number
  /** Used by the process since its start, in s. */
  readonly cpuS: number
  /** Since the start of the process. */
  readonly snapshots: number
  readonly purges: number
  readonly elections: number
  readonly diffs: number
  readonly truncs: number
  readonly snaps: number
}

/** One line on its standard output, as JSON. */
export type Report =
  | { readonly kind: 'recovered', readonly damage: string }
  | { readonly kind: 'role', readonly role: string, readonly leader: number | null }
  | { readonly kind: 'serving', readonly serving: boolean, readonly health: string }
  /** It stopped by itself, and the process ends. */
  | { readonly kind: 'fatal', readonly code: string, readonly reason: string }
  | { readonly kind: 'sample', readonly sample: Sample }
  | { readonly kind: 'dumped', readonly zxid: number, readonly sessions: number }
  | { readonly kind: 'log', readonly text: string }
