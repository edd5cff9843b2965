/** What is aimed at; the report prints it beside what was measured. */

/** A figure is to be at least so much, or at most. */
export interface Aim {
  readonly least?: number
  readonly most?: number
}

/** Operations per second as a multiple of Apache ZooKeeper's: one server, three servers. */
const RATIOS: Readonly<Record<string, readonly [one: number, three: number]>> = {
  'get-pipelined': [10, 8], 'set-pipelined': [4, 4], 'create-pipelined': [5, 5], 'mixed-pipelined': [8, 6],
  'get-single': [1.8, 1.7], 'set-single': [1.2, 1.3],
  'get-1000-clients': [1.1, 1.2], 'set-1000-clients': [1.4, 2], 'mixed-1000-clients': [1.2, 1.3],
}

/** Of a ratio of a workload; its p99 is to be below the other's. */
export function ratioAim(workload: string, servers: number): Aim | null {
  const least = RATIOS[workload]?.[servers === 1 ? 0 : 1]
  return least === undefined ? null : { least }
}

/** Of what both programs are measured for besides. */
export const FAILOVER_AIM: Aim = { most: 120 }
export const START_AIMS: Readonly<Record<number, Aim>> = { 1: { most: 200 }, 3: { most: 600 } }
export const IDLE_AIM: Aim = { most: 80e6 }
export const RESTART_AIM: Aim = { most: 4_000 }
export const BYTES_PER_NODE_AIM: Aim = { most: 400 }
/** Of the event loop while a snapshot of a large tree is taken under load, in ms. */
export const SNAPSHOT_TURN_AIM: Aim = { most: 20 }
/** How many times the p99 of sets without a snapshot that during one may be. */
export const SNAPSHOT_P99_TIMES = 2

/** True where it is missed. */
export function misses(value: number, aim: Aim | null): boolean {
  return aim !== null && (value < (aim.least ?? -Infinity) || value > (aim.most ?? Infinity))
}
