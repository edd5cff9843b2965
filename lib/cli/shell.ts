import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'
import type { Client } from '../client/client.ts'
import type { EnsembleStatus } from '../peer/ensemble.ts'
import { explain } from './explain.ts'
import { formatChildren, formatStat, formatStatus } from './format.ts'
import { SHELL_HELP, UsageError } from './usage.ts'
import { splitWords } from './words.ts'

/** Where a shell works and speaks. */
export interface ShellParts {
  readonly zk: Client
  status(): EnsembleStatus
  print(line: string): void
  complain(line: string): void
}

type Options = NonNullable<ParseArgsConfig['options']>
type Arguments = Readonly<{ values: Record<string, string | boolean | undefined>, words: readonly string[] }>

const FLAG = { type: 'boolean' } as const
const VALUE = { type: 'string' } as const

/** Runs the commands of vivarium's shell, which are named and print as those of zkCli. */
export class Shell {
  readonly #parts: ShellParts
  /** Set by `quit`. */
  over = false
  /** Commands that failed. */
  failures = 0

  constructor(parts: ShellParts) {
    this.#parts = parts
  }

  /** Runs one line; says what went wrong and goes on. */
  async run(line: string): Promise<void> {
    try {
      const [command, ...words] = splitWords(line)
      if (command !== undefined && !command.startsWith('#')) await this.#command(command, words)
    } catch (error) {
      this.failures++
      this.#parts.complain(explain(error))
    }
  }

  #command(command: string, words: readonly string[]): Promise<void> | void {
    switch (command) {
      case 'create': return this.#create(read(command, words, { s: FLAG, e: FLAG, c: FLAG, t: VALUE }, 1, 2))
      case 'get': return this.#get(read(command, words, { s: FLAG }, 1, 1))
      case 'set': return this.#set(read(command, words, { s: FLAG, v: VALUE }, 2, 2))
      case 'ls': return this.#ls(read(command, words, { s: FLAG, R: FLAG }, 1, 1))
      case 'delete': return this.#delete(read(command, words, { v: VALUE }, 1, 1))
      case 'deleteall': return this.#parts.zk.delete(read(command, words, {}, 1, 1).words[0]!, { recursive: true })
      case 'stat': return this.#stat(read(command, words, {}, 1, 1))
      case 'sync': return this.#sync(read(command, words, {}, 1, 1))
      case 'status': return this.#parts.print(formatStatus(this.#parts.status()))
      case 'help': return this.#help(words[0])
      case 'quit': case 'exit':
        this.over = true
        return undefined
      default: throw new UsageError(`Command not found: ${command} (help lists the commands)`)
    }
  }

  async #create({ values, words: [path, data] }: Arguments): Promise<void> {
    const ttlMs = number('t', values['t'])
    if (values['c'] === true && (values['e'] === true || values['s'] === true || ttlMs !== undefined)) {
      throw new UsageError('-c cannot be combined with -s, -e or -t')
    }
    const created = await this.#parts.zk.create(path!, data ?? null, {
      sequential: values['s'] === true, ephemeral: values['e'] === true, container: values['c'] === true,
      ...(ttlMs === undefined ? {} : { ttlMs }),
    })
    this.#parts.print(`Created ${created}`)
  }

  async #get({ values, words: [path] }: Arguments): Promise<void> {
    const node = await this.#parts.zk.get(path!)
    this.#parts.print(node.text())
    if (values['s'] === true) this.#parts.print(formatStat(node.stat))
  }

  async #set({ values, words: [path, data] }: Arguments): Promise<void> {
    const version = number('v', values['v'])
    const stat = await this.#parts.zk.set(path!, data!, version === undefined ? {} : { version })
    if (values['s'] === true) this.#parts.print(formatStat(stat))
  }

  async #ls({ values, words: [path] }: Arguments): Promise<void> {
    if (values['R'] === true) {
      await this.#list(path!)
      return
    }
    const { children, stat } = await this.#parts.zk.childrenWithStat(path!)
    this.#parts.print(formatChildren(children))
    if (values['s'] === true) this.#parts.print(formatStat(stat))
  }

  async #list(path: string): Promise<void> {
    this.#parts.print(path)
    for (const name of (await this.#parts.zk.children(path)).sort()) {
      await this.#list(path === '/' ? `/${name}` : `${path}/${name}`)
    }
  }

  async #delete({ values, words: [path] }: Arguments): Promise<void> {
    const version = number('v', values['v'])
    await this.#parts.zk.delete(path!, version === undefined ? {} : { version })
  }

  async #stat({ words: [path] }: Arguments): Promise<void> {
    const stat = await this.#parts.zk.exists(path!)
    if (stat === null) throw new UsageError(`Node does not exist: ${path}`)
    this.#parts.print(formatStat(stat))
  }

  async #sync({ words: [path] }: Arguments): Promise<void> {
    await this.#parts.zk.sync(path!)
    this.#parts.print('Sync is OK')
  }

  #help(command: string | undefined): void {
    const name = command === 'exit' ? 'quit' : command
    const lines = name === undefined ? Object.values(SHELL_HELP) : [SHELL_HELP[name]]
    for (const line of lines) {
      if (line === undefined) throw new UsageError(`Command not found: ${command}`)
      this.#parts.print(line)
    }
  }

  /** What the end of a line could become: a command, or a path that exists. */
  async complete(line: string): Promise<[string[], string]> {
    const words = line.split(/\s+/)
    const last = words[words.length - 1] ?? ''
    if (words.length <= 1) {
      const names = [...Object.keys(SHELL_HELP), 'exit'].filter((name) => name.startsWith(last))
      return [names.map((name) => `${name} `), last]
    }
    if (!last.startsWith('/')) return [[], last]
    const slash = last.lastIndexOf('/')
    const parent = slash === 0 ? '/' : last.slice(0, slash)
    try {
      const children = await this.#parts.zk.children(parent)
      const paths = children.sort().map((name) => `${slash === 0 ? '' : parent}/${name}`)
      return [paths.filter((path) => path.startsWith(last)), last]
    } catch {
      // There is nothing to complete below a node that cannot be read.
      return [[], last]
    }
  }
}

function read(command: string, args: readonly string[], options: Options, least: number, most: number): Arguments {
  let parsed: { values: object, positionals: string[] }
  try {
    parsed = parseArgs({ args: [...args], options: shorten(options), allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('.')[0]}; usage: ${SHELL_HELP[command]?.split('  ')[0]}`)
  }
  const words = parsed.positionals
  if (words.length < least || words.length > most) throw new UsageError(`usage: ${SHELL_HELP[command]?.split('  ')[0]}`)
  return { values: parsed.values as Record<string, string | boolean | undefined>, words }
}

/** Every option is named by its one letter. */
function shorten(options: Options): Options {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { ...option, short: name }]))
}

function number(name: string, value: string | boolean | undefined): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !/^-?\d+$/.test(value)) throw new UsageError(`-${name} takes a whole number`)
  return Number(value)
}
