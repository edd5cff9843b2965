import { execFileSync } from 'node:child_process'

/**
 * A number for each commit, of 48 bits: the same for every checkout of it, and 0 where git cannot tell. By it a test
 * that would take too long as a whole takes a part, and over many commits all of them.
 */
export function numberOf(commit: string): number {
  return Number.parseInt(/^[0-9a-f]{12}/.exec(commit)?.[0] ?? '0', 16)
}

/** The commit that is checked out, with a plus where files differ from it; a question mark where git cannot tell. */
export function commitOf(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', ':!*/ledger.json') !== ''
    return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? '+' : ''}`
  } catch {
    return '?'
  }
}
