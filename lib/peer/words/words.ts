/** The four-letter word that the bytes begin with, or null. */
export function wordOf(bytes: Uint8Array): string | null {
  const text = String.fromCharCode(...bytes.subarray(0, 4))
  return text === 'srvr' || text === 'ruok' ? text : null
}
