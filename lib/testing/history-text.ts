import type { History, Operation } from './history.ts'

const OUTCOMES: readonly unknown[] = ['ok', 'failed', 'unknown']

/**
 * A history as text, to keep beside a failed test or to give to another checker: JSON, one operation a line, with the
 * fields of `Operation`. `returned` is null where the outcome is unknown; for a checker that knows no unknown outcomes
 * such an operation ends after all others, and any output of it is right.
 */
export function historyToJson(history: History): string {
  return history.map((operation) => `${JSON.stringify(operation)}\n`).join('')
}

/**
 * The history that `historyToJson` wrote, and others wrote in that form. Inputs and outputs are taken as they are.
 * Throws SyntaxError, with the line, for what is none.
 */
export function historyFromJson(text: string): History {
  const moments = new Set<number>()
  return text.split('\n').flatMap((line, index): Operation[] => {
    if (line.trim() === '') return []
    const wrong = (what: string): SyntaxError => new SyntaxError(`line ${index + 1} of the history: ${what}`)
    let parsed: unknown
    try {
      parsed = JSON.parse(line)
    } catch (error) {
      throw wrong(String(error))
    }
    const operation = parsed as Operation
    if (typeof operation !== 'object' || operation === null) throw wrong('not an object')
    const { process, key, outcome, invoked, returned, invokedMs, returnedMs } = operation
    if (typeof process !== 'string' || typeof key !== 'string') throw wrong('process and key must be strings')
    if (!OUTCOMES.includes(outcome)) throw wrong(`outcome must be one of ${OUTCOMES.join(', ')}`)
    if ((returned === null) !== (outcome === 'unknown')) throw wrong('returned must be null if, and only if, unknown')
    if (typeof invokedMs !== 'number' || (returnedMs !== null && typeof returnedMs !== 'number')) {
      throw wrong('invokedMs and returnedMs must be numbers')
    }
    for (const moment of returned === null ? [invoked] : [invoked, returned]) {
      if (!Number.isInteger(moment) || moment < 0) throw wrong('invoked and returned must be counts')
      if (moments.has(moment)) throw wrong(`two things happened at ${moment}`)
      moments.add(moment)
    }
    if (returned !== null && returned < invoked) throw wrong('it ended before it began')
    return [operation]
  }).toSorted((one, other) => one.invoked - other.invoked)
}

/** One operation for people: who, when, what, with which end. */
export function describeOperation(operation: Operation): string {
  const { process, key, input, outcome, output, invokedMs, returnedMs } = operation
  const end = outcome === 'ok' ? `→ ${JSON.stringify(output) ?? 'nothing'}` : outcome
  const ms = (value: number | null): string => value === null ? 'never' : `${value.toFixed(1)} ms`
  return `${process}  ${key}  ${JSON.stringify(input) ?? ''} ${end}  (${ms(invokedMs)} – ${ms(returnedMs)})`
}
