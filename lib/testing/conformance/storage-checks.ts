import type { LogEntries, LogEntry } from '../../ports/storage.ts'

/** Throws a plain error, which every test runner understands. */
export function check(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** Byte for byte. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  check(actual instanceof Uint8Array, `${what}: not a Uint8Array`)
  check(actual.byteLength === expected.byteLength, `${what}: ${actual.byteLength} bytes, not ${expected.byteLength}`)
  const index = expected.findIndex((byte, position) => actual[position] !== byte)
  check(index < 0, `${what}: byte ${index} is ${actual[index]}, not ${expected[index]}`)
}

/** The same entries in the same order, with every field. */
export function sameEntries(found: LogEntries, expected: readonly LogEntry[], what: string): void {
  const actual = Array.from(found)
  const length = Math.min(actual.length, expected.length)
  for (let index = 0; index < length; index++) {
    const one = actual[index]!
    const other = expected[index]!
    for (const key of ['zxid', 'prevZxid', 'hash1', 'hash2'] as const) {
      check(one[key] === other[key], `${what}: ${key} of entry ${index} is ${one[key]}, not ${other[key]}`)
    }
    sameBytes(one.bytes, other.bytes, `${what}: entry ${index}`)
  }
  check(actual.length === expected.length, `${what}: ${actual.length} entries, not ${expected.length}`)
}

/** Ends a case that hangs. */
export async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the case took longer than ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([work, expired])
  } finally {
    clearTimeout(timer)
  }
}
