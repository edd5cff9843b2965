import { parseArgs } from 'node:util'
import { isZkError } from '../core/errors.ts'
import { createEnsemble } from '../node.ts'
import type { Ensemble } from '../peer/ensemble.ts'
import { clientAddress, connectString, findClientPorts } from './client-ports.ts'
import type { ClientPorts } from './client-ports.ts'
import { Screen } from './screen.ts'
import { Shell } from './shell.ts'
import { inputKind, runLines, showProgress, untilSignal } from './terminal.ts'
import { ENSEMBLE_HELP, UsageError } from './usage.ts'

const SIZE_MAX = 9

interface EnsembleArguments {
  readonly size: number
  readonly folder: string | null
  readonly name: string
  readonly serve: boolean
  /** Null: the first free ones; 0: none. */
  readonly clientPort: number | null
}

function readArguments(args: readonly string[]): EnsembleArguments | null {
  let values: {
    size?: string, data?: string, memory?: boolean, name?: string, serve?: boolean, help?: boolean,
    'client-port'?: string,
  }
  try {
    values = parseArgs({
      args: [...args], strict: true,
      options: {
        size: { type: 'string' }, data: { type: 'string' }, memory: { type: 'boolean' }, name: { type: 'string' },
        serve: { type: 'boolean' }, 'client-port': { type: 'string' }, help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message} (vivarium ensemble --help lists the options)`)
  }
  if (values.help === true) return null
  const size = Number(values.size ?? 3)
  if (!Number.isInteger(size) || size < 1 || size > SIZE_MAX) {
    throw new UsageError(`--size takes 1 to ${SIZE_MAX}, not ${values.size}`)
  }
  if (values.memory === true && values.data !== undefined) {
    throw new UsageError('--memory keeps nothing, so it takes no --data')
  }
  return {
    size, folder: values.memory === true ? null : values.data ?? '.vivarium', name: values.name ?? 'vivarium',
    serve: values.serve === true, clientPort: readPort(values['client-port']),
  }
}

function readPort(text: string | undefined): number | null {
  if (text === undefined) return null
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN
  if (!(port <= 65_535)) throw new UsageError(`--client-port takes a port, or 0 for none, not ${text}`)
  return port
}

/** `vivarium ensemble`: peers in this process, and a shell to try them. */
export const EnsembleCommand = {
  async run(args: readonly string[]): Promise<number> {
    const options = readArguments(args)
    if (options === null) {
      process.stdout.write(ENSEMBLE_HELP)
      return 0
    }
    const { size, folder, name, clientPort } = options
    const signals = untilSignal()
    try {
      const storage = folder === null ? {} : { storage: folder }
      const found = clientPort === 0 ? null : await findClientPorts(size, clientPort)
      const clients = found === null ? {} : { clients: (id: number) => clientAddress(found.ports[id - 1]!) }
      const ensemble = await createEnsemble({ size, name, ...storage, ...clients, signal: signals.aborted })
      try {
        return await use(ensemble, { ...options, found }, signals.signal)
      } finally {
        await ensemble.stop()
      }
    } catch (error) {
      if (signals.aborted.aborted && isZkError(error, 'Aborted')) return 0
      throw error
    } finally {
      signals.stop()
    }
  },
}

interface Use extends EnsembleArguments {
  /** Null: no clients are served. */
  readonly found: ClientPorts | null
}

async function use(ensemble: Ensemble, options: Use, stopped: Promise<string>): Promise<number> {
  const { size, folder, serve, found } = options
  const announce = (): void => {
    const where = folder === null ? 'in memory' : `in ${folder}`
    const peers = size === 1 ? '1 peer' : `${size} peers`
    process.stdout.write(`${peers} ${where}, leader is peer ${ensemble.leader() ?? 'none'}\n`)
    if (found === null) return
    const moved = found.inUse.length === 0 ? '' : ` (in use: ${found.inUse.join(', ')})`
    process.stdout.write(`clients connect to ${connectString(found.ports)}${moved}\n`)
  }
  const kind = serve ? 'none' : inputKind()
  if (kind !== 'commands') announce()
  if (kind === 'none') {
    await stopped
    return 0
  }
  if (kind === 'terminal') process.stdout.write('type help for the commands, quit to leave\n')
  const shell = new Shell({
    address: options.name, open: (_, signal) => ensemble.connect({ signal }), status: () => ensemble.status(),
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stdout.write(`${line}\n`),
    complain: (line) => process.stderr.write(`${line}\n`),
    progress: showProgress, ...(process.stdout.isTTY ? { screen: new Screen(process.stdout) } : {}),
  })
  shell.connection.connect(null)
  try {
    await runLines(shell, { input: process.stdin, output: process.stdout, isTerminal: kind === 'terminal' }, stopped)
  } catch (error) {
    // An input that is open but not for reading is none.
    if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error
    announce()
    await stopped
  }
  await shell.end()
  return kind === 'commands' && shell.failures > 0 ? 1 : 0
}
