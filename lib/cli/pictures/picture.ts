import type { Seen, Sought } from './sight.ts'

/** One who stands in a picture. */
export interface Row {
  /** What it has, or its place in line. */
  readonly place: string
  /** As it calls itself; its data or address. */
  readonly name: string
  /** Empty for one that belongs to no session. */
  readonly session: string
  /** When it came, in ms since 1970 by the leader's clock. */
  readonly sinceMs: number
  readonly more: string
}

/** What goes on at one path. */
export interface Group {
  readonly path: string
  /** What follows the path on the first line; `lasting` words a time that goes on. */
  heading(lasting: (sinceMs: number) => string): string
  readonly rows: readonly Row[]
  /** The same as data. */
  value(nowMs: number): object
}

/** One kind of picture: what belongs to it, and how it is made. */
export interface Picture {
  /** Of the command, and of the list in its JSON. */
  readonly name: string
  /** One line when there is nothing. */
  readonly nothing: string
  /** What one must know to read it. */
  readonly caution: string | null
  seek(root: string): Sought
  groups(all: readonly Seen[]): Group[]
}

const SHOWN_CHARACTERS = 60

/** Data that somebody wrote, in one line that does nothing to a terminal. */
export function printable(text: string, most: number = SHOWN_CHARACTERS): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u00b7')
  return plain.length > most ? `${plain.slice(0, most - 1)}\u2026` : plain
}

/** The nodes by their folder, in order. */
export function byFolder(all: readonly Seen[]): Map<string, Seen[]> {
  const folders = new Map<string, Seen[]>()
  for (const seen of all) {
    const folder = folders.get(seen.folder)
    if (folder === undefined) folders.set(seen.folder, [seen])
    else folder.push(seen)
  }
  return folders
}

/** Since when, and for how long, as data. */
export function lasting(sinceMs: number, nowMs: number): { readonly sinceMs: number, readonly forMs: number } {
  return { sinceMs, forMs: Math.max(0, nowMs - sinceMs) }
}

/** `1 waits`, `2 wait`. */
export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}
