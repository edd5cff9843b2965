import type { Effect, RoleEffect } from './effects.ts'
import type { ElectionRecord } from './status.ts'

const ELECTIONS_KEPT = 16

/** Tells the driver of roles as they come and go, and remembers the last ones. */
export class RoleLog {
  readonly elections: ElectionRecord[] = []
  readonly #emit: (effect: Effect) => void
  #announced = ''

  constructor(emit: (effect: Effect) => void) {
    this.#emit = emit
  }

  /** Who looks goes on looking silently. */
  announce(effect: RoleEffect, atMs: number): void {
    const { role, serving, epoch, leader, reason } = effect
    const key = `${role} ${serving} ${leader} ${epoch}`
    if (key === this.#announced && role === 'looking') return
    this.#announced = key
    this.elections.push({ atMs, role, epoch, leader, reason })
    if (this.elections.length > ELECTIONS_KEPT) this.elections.shift()
    this.#emit(effect)
  }
}
