import { isZkError } from '../core/errors.ts'
import { connect } from '../node.ts'
import type { Opener } from './connection.ts'
import { Screen } from './screen.ts'
import { Shell } from './shell.ts'
import { inputKind, runLines, showProgress, untilSignal } from './terminal.ts'
import { CLI_HELP, UsageError } from './usage.ts'

/** What `vivarium cli` was told. */
export interface CliArguments {
  readonly server: string
  readonly timeoutMs: number
  readonly isReadOnly: boolean
  readonly waits: boolean
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly help: boolean
  /** One command in words; null: commands come from the standard input. */
  readonly command: readonly string[] | null
}

const SERVER = 'localhost:2181'
const TIMEOUT_MS = 30_000
/** Without -waitforconnection nobody waits longer for a server. */
const CONNECT_TIMEOUT_MS = 5_000
const RETRY_TIMEOUT_MS = 1_000
/** Exit code of a program that was interrupted. */
const INTERRUPTED = 130

/** Reads options up to the first word, which begins the command, as zkCli does. */
export function readCliArguments(args: readonly string[]): CliArguments {
  let server = SERVER
  let timeoutMs = TIMEOUT_MS
  const flags = new Set<string>()
  for (let at = 0; at < args.length; at++) {
    const option = args[at]!
    const name = option.startsWith('--') ? option.slice(1) : option
    switch (name) {
      case '-server': case '-timeout': {
        const value = args[++at]
        if (value === undefined) throw new UsageError(`no argument found for option ${option}`)
        if (name === '-server') server = value
        else timeoutMs = readTimeout(value)
        break
      }
      case '-r': case '-waitforconnection': case '-json': case '-quiet': case '-help':
        flags.add(name)
        break
      case '-h':
        flags.add('-help')
        break
      case '-client-configuration':
        throw new UsageError('-client-configuration configures the Java client; there is nothing like it here')
      default:
        if (name.startsWith('-')) throw new UsageError(`unknown option ${option} (vivarium cli --help lists them)`)
        return made(args.slice(at))
    }
  }
  return made(null)

  function made(command: readonly string[] | null): CliArguments {
    return {
      server, timeoutMs, command, isReadOnly: flags.has('-r'), waits: flags.has('-waitforconnection'),
      isJson: flags.has('-json'), isQuiet: flags.has('-quiet'), help: flags.has('-help'),
    }
  }
}

function readTimeout(text: string): number {
  const timeoutMs = Number(text)
  if (!/^\d+$/.test(text) || timeoutMs < 1 || (timeoutMs | 0) !== timeoutMs) {
    throw new UsageError(`-timeout takes milliseconds, not ${text}`)
  }
  return timeoutMs
}

/** `vivarium cli`: the shell on servers elsewhere. */
export const CliCommand = {
  async run(args: readonly string[]): Promise<number> {
    const options = readCliArguments(args)
    if (options.help) {
      process.stdout.write(CLI_HELP)
      return 0
    }
    const shell = makeShell(options)
    const signals = untilSignal()
    void signals.signal.then(() => shell.interrupt())
    try {
      return await use(shell, options, signals.signal)
    } finally {
      await shell.end()
      signals.stop()
    }
  },
}

function makeShell(options: CliArguments): Shell {
  const { server, timeoutMs, isJson, isQuiet } = options
  const opener: Opener = async (address, signal, isRetry) => {
    const limitMs = isRetry ? RETRY_TIMEOUT_MS : options.waits ? timeoutMs : CONNECT_TIMEOUT_MS
    try {
      return await connect(address, {
        sessionTimeoutMs: timeoutMs, connectTimeoutMs: Math.min(timeoutMs, limitMs), readOnly: options.isReadOnly,
        signal,
      })
    } catch (error) {
      if (!isZkError(error, 'OperationTimeout')) throw error
      throw new UsageError(`cannot connect to ${address} (KeeperErrorCode = ConnectionLoss)`)
    }
  }
  return new Shell({
    address: server, open: opener, isJson, showsUsage: true, showsSession: !isQuiet && !isJson,
    print: (line) => process.stdout.write(`${line}\n`),
    complain: (line) => process.stderr.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
    progress: showProgress, ...(process.stdout.isTTY ? { screen: new Screen(process.stdout) } : {}),
  })
}

async function use(shell: Shell, options: CliArguments, stopped: Promise<string>): Promise<number> {
  const { server, command, isJson, isQuiet, waits } = options
  const isPlain = !isJson && !isQuiet
  if (isPlain) process.stdout.write(`Connecting to ${server}\n`)
  shell.connection.connect(server)
  if (waits) await Promise.race([shell.connection.client(), stopped])
  if (command !== null) {
    const isOver = await Promise.race([shell.runWords(command).then(() => true), stopped.then(() => false)])
    return isOver ? shell.exitCode : INTERRUPTED
  }
  const kind = inputKind()
  if (isPlain) process.stdout.write('Welcome to vivarium!\n')
  if (kind === 'terminal') process.stdout.write('type help for the commands, quit to leave\n')
  // A terminal, a pipe or a file; without any there are no commands.
  if (kind !== 'none') {
    const streams = { input: process.stdin, output: process.stdout, isTerminal: kind === 'terminal' }
    await runLines(shell, streams, stopped)
  }
  return shell.exitCode
}
