/** 32 hex digits that nobody else has. */
export function uniqueId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A number from 0 to 1, never 1, taken from the one source of chance that recipes have. */
export function chance(): number {
  return Number.parseInt(uniqueId().slice(0, 8), 16) / 2 ** 32
}
