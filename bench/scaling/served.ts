import type { Spent } from './row.ts'

/** A server under measurement, as all benches see it that speak nothing but ZooKeeper's protocol. */
export interface Served {
  /** As connections take it. */
  readonly host: string
  /** From now on counts. */
  begin(): Promise<void>
  /** What it spent since then; `collect`: once garbage is collected, where it can be told to. */
  end(collect?: boolean): Promise<Spent>
  /** Kills it and removes its data. */
  stop(): Promise<void>
}
