/**
 * Who waits for which signal. One listener stands for all: Node warns of a leak when more than ten calls wait for one
 * signal, which is nothing unusual where a program has one for its end.
 */
class Aborts {
  static readonly #all: WeakMap<AbortSignal, Aborts> = new WeakMap<AbortSignal, Aborts>()
  readonly #callbacks = new Set<() => void>()

  static of(signal: AbortSignal): Aborts {
    let aborts = Aborts.#all.get(signal)
    if (aborts === undefined) Aborts.#all.set(signal, aborts = new Aborts(signal))
    return aborts
  }

  static known(signal: AbortSignal): Aborts | undefined {
    return Aborts.#all.get(signal)
  }

  private constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => {
      for (const callback of this.#callbacks) {
        this.#callbacks.delete(callback)
        callback()
      }
    }, { once: true })
  }

  add(callback: () => void): void {
    this.#callbacks.add(callback)
  }

  delete(callback: () => void): void {
    this.#callbacks.delete(callback)
  }
}

/** Calls back once when a signal aborts that has not aborted yet, if there is one. No callback may throw. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): void {
  if (signal !== undefined && !signal.aborted) Aborts.of(signal).add(callback)
}

/** Takes back `onAbort`. */
export function offAbort(signal: AbortSignal | undefined, callback: () => void): void {
  if (signal !== undefined) Aborts.known(signal)?.delete(callback)
}
