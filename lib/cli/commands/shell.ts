import type { Command } from '../command.ts'
import { UsageError } from '../usage.ts'

const INDENT = '    '
const HELP_COLUMNS = 96
/** The lines that `history` shows before the present one. */
const HISTORY_LINES = 10

const history: Command = {
  name: 'history', usage: '', about: 'the last eleven commands and their numbers',
  run(task) {
    const all = task.shell.history
    const first = Math.max(0, all.length - 1 - HISTORY_LINES)
    const shown = all.slice(first)
    task.show({ history: shown.map((line, index) => ({ number: first + index, line })) },
      ...shown.map((line, index) => `${first + index} - ${line}`))
  },
}

const redo: Command = {
  name: 'redo', usage: 'cmdno', about: 'run a command of the history again', least: 1,
  async run(task, args) {
    const number = Number(args.word(0))
    // This line is the last one.
    const line = Number.isInteger(number) ? task.shell.history.slice(0, -1)[number] : undefined
    if (line === undefined || number < 0) throw new UsageError('Command index out of range')
    if (/^\s*redo(\s|$)/.test(line)) throw new UsageError('No redoing redos')
    await task.shell.redo(line)
  },
}

const help: Command = {
  name: 'help', usage: '[command]', about: 'this text', most: 1,
  run(task, args) {
    const { commands } = task.shell
    const names = args.words.length === 0 ? [...commands.keys()].sort() : [args.word(0)]
    const found = names.map((name) => commands.get(name))
    const [first] = found
    if (first === undefined) throw new UsageError(`Command not found: ${names[0]}`)
    const lines = found.flatMap((command) => {
      if (command === undefined) return []
      return [`${command.name} ${command.usage}`.trimEnd(), ...wrap(command.about)]
    })
    task.show({ commands: found.map((one) => ({ name: one!.name, usage: one!.usage, about: one!.about })) }, ...lines)
  },
}

/** Lines with an indent that fit a terminal. */
function wrap(text: string): string[] {
  const lines: string[] = []
  let line = INDENT
  for (const word of text.split(' ')) {
    if (line.length + word.length > HELP_COLUMNS) {
      lines.push(line.trimEnd())
      line = INDENT
    }
    line += `${word} `
  }
  return [...lines, line.trimEnd()]
}

function leaveAs(name: string): Command {
  return {
    name, usage: '', about: 'leave',
    async run(task) {
      task.shell.leave()
      await task.connection.close()
    },
  }
}

/** The shell itself. */
export const shellCommands: readonly Command[] = [history, redo, help, leaveAs('quit'), leaveAs('exit')]
