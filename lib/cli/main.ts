#!/usr/bin/env node
import { GENERAL_HELP, UsageError, packageVersion } from './usage.ts'
import { explain } from './explain.ts'

/** Runs the command line; the exit code. Only what the command needs is loaded: it is what starting takes longest. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  switch (command) {
    case 'ensemble': return (await import('./ensemble-command.ts')).EnsembleCommand.run(rest)
    case 'cli': return (await import('./cli-command.ts')).CliCommand.run(rest)
    case 'serve': return (await import('./serve-command.ts')).ServeCommand.run(rest)
    case '4lw': return (await import('./four-letter-command.ts')).FourLetterCommand.run(rest)
    case '--version': case '-v':
      process.stdout.write(`${packageVersion()}\n`)
      return 0
    case undefined: case '--help': case '-h': case 'help':
      process.stdout.write(GENERAL_HELP)
      return command === undefined ? 1 : 0
    default: throw new UsageError(`unknown command: ${command}`)
  }
}

/** Who read the output may leave first, as `head` does: there is nobody to tell then. */
function onBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

process.stdout.on('error', onBrokenPipe)
process.stderr.on('error', onBrokenPipe)
main(process.argv.slice(2)).then((code) => {
  process.exitCode = code
}, (error: unknown) => {
  process.stderr.write(`vivarium: ${explain(error)}\n`)
  // Whatever is still open belongs to a command that failed.
  process.exit(1)
})
