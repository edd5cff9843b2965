/**
 * Thrown when an invariant of vivarium itself is broken. It is never caused by input and is never caught below the
 * peer.
 */
export class AssertionError extends Error {
  override readonly name: string = 'AssertionError'
}

/** Always on, in production too: a replica that broke an invariant must stop, not limp on. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** The `default` of a switch over a closed union: a new variant does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable variant: ${JSON.stringify(value)}`)
}
