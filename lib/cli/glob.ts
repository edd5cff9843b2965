/**
 * Whether a name has the pattern: `*` stands for any characters, `?` for one. The time it takes is at most the product
 * of both lengths: names are somebody else's.
 */
export function glob(pattern: string): (name: string) => boolean {
  const parts = Array.from(pattern)
  return (name) => matches(parts, Array.from(name))
}

function matches(pattern: readonly string[], name: readonly string[]): boolean {
  let part = 0
  let at = 0
  /** Behind the last star, and where in the name what follows it was tried last. */
  let behindStar = -1
  let tried = 0
  while (at < name.length) {
    if (pattern[part] === '*') {
      behindStar = ++part
      tried = at
    } else if (part < pattern.length && (pattern[part] === '?' || pattern[part] === name[at])) {
      part++
      at++
    } else if (behindStar < 0) {
      return false
    } else {
      // The star stands for one more; those before it need not change.
      part = behindStar
      at = ++tried
    }
  }
  while (pattern[part] === '*') part++
  return part === pattern.length
}
