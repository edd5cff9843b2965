import { execFileSync } from 'node:child_process'

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
