import { Cron } from 'croner'

/** When something is due, in ms since 1970. */
export interface Timetable {
  /** The first tick after that moment; null when there is none any more. */
  next(afterMs: number): number | null
  /** The last tick at or before that moment; null when there was none. */
  previous(atMs: number): number | null
}

/**
 * Every so many ms, counted from 1970, so that all members agree; or a cron pattern of 5 fields, or 6 with seconds. It
 * goes by each member's own timezone when none is named: name one where machines may differ, or they do not agree.
 */
export type When = { readonly everyMs: number } | { readonly cron: string, readonly timezone?: string } | string

/** Errors: TypeError for what is no timetable. */
export function timetableOf(when: When): Timetable {
  const plan = typeof when === 'string' ? { cron: when } : when ?? {}
  if ('everyMs' in plan) return everyMs(plan.everyMs)
  if (typeof plan.cron === 'string') return cronOf(plan.cron, plan.timezone)
  throw new TypeError('when must be a cron pattern, { cron, timezone } or { everyMs }')
}

function everyMs(periodMs: number): Timetable {
  if (!Number.isSafeInteger(periodMs) || periodMs < 1) throw new TypeError('everyMs must be a positive integer')
  return {
    next: (afterMs) => (Math.floor(afterMs / periodMs) + 1) * periodMs,
    previous: (atMs) => Math.floor(atMs / periodMs) * periodMs,
  }
}

/** The pattern's seconds are the first of 6 fields. */
function cronOf(pattern: string, timezone: string | undefined): Timetable {
  let cron: Cron
  try {
    cron = new Cron(pattern, timezone === undefined ? {} : { timezone })
    cron.nextRun(new Date(0))
  } catch (error) {
    throw new TypeError(`no cron pattern: ${pattern}`, { cause: error })
  }
  return {
    next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() ?? null,
    previous: (atMs) => cron.previousRuns(1, new Date(atMs + 1))[0]?.getTime() ?? null,
  }
}
