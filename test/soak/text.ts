import { createHash } from 'node:crypto'

const LONG_CHARACTERS = 200

/** What stands for the data of a node: itself, or of long data the beginning and a hash. */
export function shown(text: string): string {
  if (text.length <= LONG_CHARACTERS) return text
  return `${text.slice(0, 40)} sha1 ${createHash('sha1').update(text).digest('hex')}`
}
