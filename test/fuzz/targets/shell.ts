import { readArguments } from '../../../lib/cli/arguments.ts'
import { readCliArguments } from '../../../lib/cli/cli-command.ts'
import type { Command, Task } from '../../../lib/cli/command.ts'
import { allCommands } from '../../../lib/cli/commands/index.ts'
import { completeLine } from '../../../lib/cli/completion.ts'
import { Connection } from '../../../lib/cli/connection.ts'
import { UsageError } from '../../../lib/cli/usage.ts'
import { splitWords } from '../../../lib/cli/words.ts'
import { isZkError, ZkError } from '../../../lib/core/errors.ts'
import { must } from '../target.ts'
import type { Target } from '../target.ts'

const SAMPLES = `ls -s -R /a|ls -w /|create -s -e /a "some data" world:anyone:cdrwa|create -t 100 /a|get -s /a
set -v 3 /a {"a":1}|set /a 'x y' 5|delete -v 1 /a|deleteall -b 10 /a|setAcl -R /a digest:u:p=:rw,ip:1.2.3.4:r
setquota -n 5 -b 10 /a|setquota -N 5 /a|delquota -n /a|listquota /a|addauth digest u:p|history|redo 3|help ls
removewatches -d /a|addWatch -m PERSISTENT /a|getEphemerals /a|getAllChildrenNumber /a|sync /|config -c
reconfig -add "server.1=a:1:2"|close|connect localhost:2181|tree -L 2 /a|locks /a|printwatches on|quit|stat -w /a
version|whoami|# comment|export -o /nowhere /a|import -f /nowhere /a`.split(/[|\n]/)

const gone = (): Promise<never> => Promise.reject(new ZkError('ConnectionLoss'))

/** A command's surroundings, where no server is. */
function taskOf(connection: Connection, commands: ReadonlyMap<string, Command>): Task {
  const ignore = (): void => undefined
  return {
    connection, isJson: false, signal: new AbortController().signal, client: gone, show: ignore, redraw: ignore,
      note: ignore,
    complain: ignore, progress: ignore,
    shell: {
      commands, history: ['ls /', 'redo 0'], printsWatches: false, status: null, leave: ignore, mute: ignore,
      printRemoved: ignore, redo: () => Promise.resolve(),
    },
  }
}

function isTold(error: unknown): boolean {
  return error instanceof UsageError || isZkError(error)
}

/** Lines of the shell, up to the moment at which a server is needed. */
export const shellTarget: Target = {
  name: 'shell', about: 'lines of vivarium cli and its own options, without a server',
  tokens: ['"', '\'', '-', '--', ' -', '=', '/', ' /', ':', ',', '*', '?', '-v', '-R', 'digest:', 'world:anyone:',
    '99999999999', '\\',
    ...SAMPLES.map((line) => line.split(' ')[0]!), 'constructor', '__proto__', '-server', '-timeout', '--json'],
  seeds: () => SAMPLES.map((line) => new TextEncoder().encode(line)),
  make: () => {
    const commands = new Map(allCommands().map((command) => [command.name, command]))
    const connection = new Connection('nowhere', gone, {
      onState: () => undefined, onWatch: () => undefined, onLost: () => undefined,
    })
    const task = taskOf(connection, commands)
    const perform = async (line: string): Promise<string> => {
      const [name = '', ...typed] = splitWords(line)
      const command = commands.get(name)
      const args = readArguments(typed, command?.options ?? {})
      if (command === undefined || name === 'connect') return 'none'
      const { least = 0 } = command
      if (args.words.length < least) return `${name} too few`
      await command.run(task, args)
      return name
    }
    return {
      async run(input) {
        const line = new TextDecoder().decode(input)
        const [candidates, last] = await completeLine(line, [...commands.keys()], connection)
        must(line.endsWith(last) && candidates.every((each) => each.startsWith(last)), 'a completion of something else')
        try {
          readCliArguments(line.split(' '))
        } catch (error) {
          if (!(error instanceof UsageError)) throw error
        }
        try {
          return await perform(line)
        } catch (error) {
          if (!isTold(error)) throw error
          return (error as Error).message.replace(/[^a-zA-Z ]/g, '').slice(0, 24)
        }
      },
    }
  },
}
