import type { Arrival } from '../raw-replies.ts'
import type { Ask, Step } from './step.ts'

/** A difference that is meant. */
export interface Known {
  readonly name: string
  readonly reason: string
  /** Whether this pair of arrivals, Apache ZooKeeper's and ours, is a case of it; `ask` is the request it answers. */
  readonly applies: (apache: Arrival | undefined, ours: Arrival | undefined, step: Step, ask: Ask | undefined) => boolean
}

/** Every difference between Apache ZooKeeper and us that the run may meet. */
export const KNOWN: readonly Known[] = []
