/** Whether a name has the pattern: `*` stands for any characters, `?` for one. */
export function glob(pattern: string): (name: string) => boolean {
  const parts = Array.from(pattern, (char) => {
    if (char === '*') return '.*'
    return char === '?' ? '.' : char.replace(/[\\^$.|+()[\]{}]/, '\\$&')
  })
  const expression = new RegExp(`^${parts.join('')}$`, 's')
  return (name) => expression.test(name)
}
