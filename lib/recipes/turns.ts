import { offAbort, onAbort } from '../client/on-abort.ts'
import { aborted } from './pause.ts'

/** Does one piece of work at a time, in the order in which they came: the users of one object need not race. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Gives what `work` gives. Whoever aborts while he waits for his turn loses it: Aborted. */
  take<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(aborted(signal))
      if (signal?.aborted === true) return abort()
      onAbort(signal, abort)
      const turn = this.#last.then(() => {
        offAbort(signal, abort)
        return signal?.aborted === true ? undefined : work().then(resolve)
      })
      this.#last = turn.catch(reject)
    })
  }
}
