import { offAbort, onAbort } from '../client/on-abort.ts'
import { aborted } from './pause.ts'

/**
 * Resolves with what `seek` finds, as soon as that is not null: it is called now, and whenever somebody calls all that
 * is in `waiting`, where it is kept meanwhile. Errors: what it throws; Aborted.
 */
export function sought<T>(
  waiting: Set<() => void>, seek: () => T | null, signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      waiting.delete(look)
      offAbort(signal, abort)
    }
    const abort = (): void => {
      settle()
      reject(aborted(signal))
    }
    const look = (): void => {
      try {
        const found = seek()
        if (found === null) return
        settle()
        resolve(found)
      } catch (error) {
        settle()
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    }
    if (signal?.aborted === true) return abort()
    onAbort(signal, abort)
    waiting.add(look)
    look()
  })
}
