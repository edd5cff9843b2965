import { isZkError } from '../../lib/core/errors.ts'
import type { ErrorCode } from '../../lib/core/errors.ts'
import type { Random } from '../../lib/core/random.ts'

/** Runs inputs, one after the other. */
export interface Runner {
  /**
   * Feeds one input. Gives a word for what came of it: an input with a new word is worth keeping. Throws when something
   * happened that must not happen, whatever the input.
   */
  run(input: Uint8Array): string | Promise<string>
  close?(): Promise<void> | void
}

/** Something that takes bytes from outside. */
export interface Target {
  readonly name: string
  /** What is fed, in a few words. */
  readonly about: string
  /** Runs once, before anything else. */
  prepare?(): Promise<void>
  /** Valid inputs, made by our own encoders. */
  seeds(): Uint8Array[]
  /** Words of the format, which random bytes would hardly hit. */
  readonly tokens?: readonly (string | Uint8Array)[]
  /** Alters the input in its structure; `other` is another input of the corpus. */
  mutate?(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array
  make(): Runner | Promise<Runner>
  /** After so many inputs the runner is made anew; never when left out. */
  readonly renewAfter?: number
  /** Inputs are cut at this length; 8 KiB when left out. */
  readonly longest?: number
  /** Inputs of the slice that `npm test` runs; 1,000 when left out. */
  readonly slice?: number
}

/** Calls `work`; gives its result or the code of the error that it threw, which must be one of these. */
export function refusedWith<T>(codes: readonly ErrorCode[], work: () => T): { value: T } | { code: ErrorCode } {
  try {
    return { value: work() }
  } catch (error) {
    if (!isZkError(error) || !codes.includes(error.code)) throw error
    return { code: error.code }
  }
}

/** Fails the input. */
export function broken(what: string): never {
  throw new Error(what)
}

/** Fails the input unless the condition holds. */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) broken(what)
}

/** A number, told in few words: its magnitude. */
export function magnitude(value: number): string {
  return value === 0 ? '0' : String(Math.ceil(Math.log2(value + 1)))
}

/** A few lengths below that of a valid record, others for each record: none of them may be taken for it. */
export function prefixes(record: Uint8Array): number[] {
  const { length } = record
  if (length === 0) return []
  const mark = record[length >> 1]! * 31 + length
  return [length - 1, mark % length, (mark * 7) % length]
}
