/** Where chance comes from: a client, for what belongs to it. */
export interface Chance {
  /** From 0 to 1, never 1, of 32 bits at least. */
  random(): number
}

/** 32 hex digits that nobody else has. */
export function uniqueId(from: Chance): string {
  let id = ''
  while (id.length < 32) id += Math.floor(from.random() * 2 ** 32).toString(16).padStart(8, '0')
  return id
}
