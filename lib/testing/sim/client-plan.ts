import type { WorkloadPlan } from './workload.ts'

/** What the clients of a run are like. */
export interface ClientPlan {
  /** Requests of all clients together. */
  readonly opsPerSecond: number
  /** Of all clients together within the storm. */
  readonly requests: number
  /** Requests of one client at a time: 1 to this. */
  readonly pipeline: number
  /** Of so many acts one leaves the connection, closes the session, or falls asleep. */
  readonly restless: number
  /** Some read late what they are sent. */
  readonly areSlow: boolean
  /** Half of them have the shortest timeout that there is, or the longest, and say often that they are there. */
  readonly areExtreme: boolean
  readonly workload: WorkloadPlan
}

/** Between two acts of a client, each of which makes from one to `pipeline` requests. */
export function meanThinkMs(
  { clients, clientPlan: { opsPerSecond } }: { readonly clients: number, readonly clientPlan: ClientPlan },
  pipeline: number,
): number {
  return (pipeline + 1) / 2 * 1_000 / (opsPerSecond / clients)
}
