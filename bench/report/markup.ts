import type { Aim } from './aims.ts'
import { escaped } from './svg.ts'

/** `12,345`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** Cells are markup already. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((text) => `<th>${escaped(text)}</th>`).join('')
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')
  return `<div class="wide"><table><tr>${head}</tr>\n${body}</table></div>`
}

/** `>= 10`; empty where nothing is aimed at. */
export function aimText(aim: Aim | null, text: (value: number) => string): string {
  if (aim === null) return ''
  return aim.least === undefined ? `&le; ${text(aim.most ?? Infinity)}` : `&ge; ${text(aim.least)}`
}

/** In red where it is bad. */
export function marked(text: string, isBad: boolean): string {
  return isBad ? `<span class="bad">${text}</span>` : text
}
