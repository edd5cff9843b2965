import type { Logger } from '../ports/logger.ts'

/** Throws TypeError for what is no object of options, and for one that holds an option nobody knows. */
export function checkOptions(given: object | undefined, known: readonly string[], what = 'options'): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`${what} must be an object, not ${describe(given)}`)
  }
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new TypeError(`${what}: '${name}' is not known, only ${known.join(', ')}`)
  }
}

/** Throws TypeError for what is neither undefined nor of one of the types. */
export function checkTypes(given: object, types: Readonly<Record<string, 'boolean' | 'function' | 'string'>>): void {
  for (const [name, type] of Object.entries(types)) {
    const value = (given as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined && typeof value !== type) {
      throw new TypeError(`${name} must be a ${type}, not ${describe(value)}`)
    }
  }
}

/** Throws TypeError for what is neither undefined nor an AbortSignal, of this or another realm. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  if (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw new TypeError(`signal must be an AbortSignal, not ${describe(signal)}`)
  }
}

/** Throws TypeError for what is neither undefined nor a logger. */
export function checkLogger(logger: Logger | undefined): void {
  if (logger === undefined) return
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof logger?.[level] !== 'function') throw new TypeError(`logger has no function ${level}`)
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? value.constructor?.name ?? 'an object' : typeof value
}
