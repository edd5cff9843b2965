import { Horizon } from './checks.ts'
import type { Checks } from './checks.ts'
import { Gaps } from './gaps.ts'
import { Line } from './line.ts'
import { Lives } from './lives.ts'
import { Nodes } from './nodes.ts'
import { Registers } from './registers.ts'

/** Where everything lies. */
export const PATHS = {
  registers: '/soak/r', pairs: '/soak/p', nodes: '/soak/n', line: '/soak/line', lives: '/soak/alive',
} as const

/** What is known of the tree from all that clients were told. */
export class World {
  readonly horizon = new Horizon()
  readonly checks: Checks
  readonly registers: Registers
  readonly nodes: Nodes
  readonly line: Line
  readonly lives: Lives
  readonly gaps: Gaps
  /** Answers, by the kind of request; writes with unknown outcome; sessions. */
  readonly counts = { reads: 0, writes: 0, syncs: 0, unknown: 0, sessions: 0, expired: 0, events: 0 }

  /** For the log of the run. */
  readonly note: (line: string) => void

  constructor(checks: Checks, note: (line: string) => void) {
    this.checks = checks
    this.note = note
    this.registers = new Registers(checks, this.horizon)
    this.nodes = new Nodes(checks, this.horizon)
    this.line = new Line(checks, this.horizon)
    this.lives = new Lives(checks)
    this.gaps = new Gaps(performance.now())
  }
}
