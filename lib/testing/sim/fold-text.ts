/** A running 32-bit hash goes on with a text; not for anything that is stored. */
export function foldText(hash: number, text: string): number {
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}
