import type { Group, Row } from './picture.ts'

const SECOND_MS = 1_000
const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S

/** A span of time in its two greatest units: `3 min 12 s`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND_MS))
  const part = (unit: number, size: number): number => Math.floor((seconds % size) / unit)
  if (seconds < MINUTE_S) return `${seconds} s`
  if (seconds < HOUR_S) return `${part(MINUTE_S, HOUR_S)} min ${part(1, MINUTE_S)} s`
  if (seconds < DAY_S) return `${part(HOUR_S, DAY_S)} h ${part(MINUTE_S, HOUR_S)} min`
  return `${Math.floor(seconds / DAY_S)} d ${part(HOUR_S, DAY_S)} h`
}

/** A moment, of UTC, to the second. */
export function formatMoment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** The groups, one below the other, with their rows in columns. */
export function draw(groups: readonly Group[], nowMs: number): string[] {
  const lasting = (sinceMs: number): string => formatSpan(nowMs - sinceMs)
  const cells = groups.flatMap(({ rows }) => rows.map((row) => cellsOf(row, lasting)))
  const widths = cells.reduce<number[]>((all, row) => row.map((cell, at) => Math.max(all[at] ?? 0, cell.length)), [])
  const lines: string[] = []
  for (const group of groups) {
    lines.push(`${group.path}  ${group.heading(lasting)}`)
    for (const row of group.rows) {
      const padded = cellsOf(row, lasting).map((cell, at) => cell.padEnd(widths[at] ?? 0))
      lines.push(`  ${padded.join('  ')}`.trimEnd())
    }
  }
  return lines
}

function cellsOf({ place, name, session, sinceMs, more }: Row, lasting: (sinceMs: number) => string): string[] {
  return [place, name === '' ? '-' : name, session === '' ? '-' : session, lasting(sinceMs),
    `since ${formatMoment(sinceMs)}`, more]
}
