import type { Connection } from '../traffic/connection.ts'

/** A bench must end, also when an event is lost. */
const WITHIN_MS = 60_000

/** Resolves when these connections together have heard of so many watch events more than now. */
export function heard(connections: readonly Connection[], events: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = events
    const end = (): void => {
      clearTimeout(timer)
      for (const connection of connections) connection.onEvents = null
    }
    const timer = setTimeout(() => {
      end()
      reject(new Error(`${left} of ${events} watch events did not come`))
    }, WITHIN_MS)
    for (const connection of connections) {
      let before = connection.events
      connection.onEvents = () => {
        left -= connection.events - before
        before = connection.events
        if (left > 0) return
        end()
        resolve()
      }
    }
  })
}
