/** Time as a peer sees it; the simulator replaces it. */
export interface Clock {
  /** Monotonic milliseconds, an integer, never going back. */
  now(): number
  /** Wall-clock milliseconds since 1970, for ctime and mtime alone. */
  wall(): number
  /** Calls back once after `delayMs`, however long; the timer never keeps a process alive by itself with `unref`. */
  setTimer(delayMs: number, callback: () => void, unref?: boolean): Timer
  /** Calls back in a later turn, behind input that is ready; that of the platform's event loop when left out. */
  nextTurn?(callback: () => void): void
}

/** A pending call. */
export interface Timer {
  cancel(): void
}
