/** Numbers that are asked of the platform at a time: each question costs far more than a number. */
const NUMBERS = 32

/** The chance of one client, left to the platform: gives numbers from 0 to 1, never 1, of 32 bits. */
export function makeChance(): () => number {
  let numbers: Uint32Array<ArrayBuffer> | null = null
  let left = 0
  return () => {
    if (left === 0) {
      numbers = crypto.getRandomValues(numbers ?? new Uint32Array(NUMBERS))
      left = NUMBERS
    }
    left -= 1
    return (numbers?.[left] ?? 0) / 2 ** 32
  }
}
