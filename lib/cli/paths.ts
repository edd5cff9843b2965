import { UsageError } from './usage.ts'

/** The path, when it can be one; throws with zkCli's words for what is wrong with it otherwise. */
export function checkedPath(path: string, isSequential = false): string {
  const problem = pathProblem(isSequential ? `${path}1` : path)
  if (problem !== null) throw new UsageError(problem)
  return path
}

/** What is wrong with a path, in zkCli's words; null when nothing is. */
export function pathProblem(path: string): string | null {
  if (path === '') return 'Path length must be > 0'
  if (!path.startsWith('/')) return 'Path must start with / character'
  if (path === '/') return null
  if (path.endsWith('/')) return 'Path must not end with / character'
  for (let at = 1; at < path.length; at++) {
    const reason = reasonAt(path, at)
    if (reason !== null) return `Invalid path string "${path}" caused by ${reason} @${at}`
  }
  return null
}

function reasonAt(path: string, at: number): string | null {
  const unit = path.charCodeAt(at)
  const char = path[at]
  if (unit === 0) return 'null character not allowed'
  if (char === '/') return path[at - 1] === '/' ? 'empty node name specified' : null
  if (char === '.') {
    const isLast = at + 1 === path.length || path[at + 1] === '/'
    const dots = path[at - 1] === '.' ? 2 : 1
    return isLast && path[at - dots] === '/' ? 'relative paths not allowed' : null
  }
  const isControl = unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)
  return isControl || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0 ? 'invalid character' : null
}
