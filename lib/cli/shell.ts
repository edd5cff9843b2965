import { setMaxListeners } from 'node:events'
import type { EnsembleStatus } from '../peer/ensemble.ts'
import type { WatchChange } from '../client/watch-items.ts'
import type { WatchKind } from '../client/watches.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { readArguments } from './arguments.ts'
import type { Command, Drawn, ShellControls, Task } from './command.ts'
import { allCommands } from './commands/index.ts'
import { completeLine } from './completion.ts'
import { Connection, LOST } from './connection.ts'
import type { Opener } from './connection.ts'
import { explain } from './explain.ts'
import { Progress } from './progress.ts'
import type { Screen } from './screen.ts'
import { UsageError } from './usage.ts'
import { splitWords } from './words.ts'

/** Where a shell works and speaks. */
export interface ShellParts {
  /** What the prompt names. */
  readonly address: string
  readonly open: Opener
  /** Makes `status` a command. */
  readonly status?: () => EnsembleStatus
  /** Results as one JSON value per line. */
  readonly isJson?: boolean
  /** An unknown command is answered with all that there are, as zkCli does; otherwise with a hint. */
  readonly showsUsage?: boolean
  /** Changes of the session are printed as zkCli prints them. */
  readonly showsSession?: boolean
  readonly print: (line: string) => void
  readonly complain: (line: string) => void
  /** What is no result: `Created /a`. */
  readonly note: (line: string) => void
  /** Shows how far a command is in place of the last such text; null takes it away. */
  readonly progress?: (text: string | null) => void
  /** A terminal on which something can be drawn over again; without one it is printed each time. */
  readonly screen?: Screen
}

/** Of a command that there is none of, as in every Unix shell. */
const NOT_FOUND = 127
/** Of a command that Ctrl-C or a signal ended; also the reason of its signal. */
const INTERRUPTED = 130
/** Of an event that no write made, in zkCli's words. */
const NO_ZXID = -1

const EVENT_NAMES: Readonly<Record<WatchChange['type'], string>> = {
  created: 'NodeCreated', deleted: 'NodeDeleted', changed: 'NodeDataChanged', children: 'NodeChildrenChanged',
}

const REMOVED_NAMES: Readonly<Record<WatchKind, string>> = {
  children: 'ChildWatchRemoved', data: 'DataWatchRemoved', persistent: 'PersistentWatchRemoved',
  recursive: 'PersistentWatchRemoved',
}

/** Runs the commands of zkCli, and some of its own, on a session. */
export class Shell {
  readonly connection: Connection
  readonly #parts: ShellParts
  readonly #commands: ReadonlyMap<string, Command>
  readonly #history: string[] = []
  readonly #controls: ShellControls
  #running: AbortController | null = null
  #isMuted: ((path: string) => boolean) | null = null
  /** Set by `quit`. */
  over = false
  /** Commands that failed. */
  failures = 0
  /** Of the last command but `quit`. */
  exitCode = 0
  /** Prints what comes without being asked for; a terminal takes its prompt away meanwhile. */
  aside: (print: () => void) => void = (print) => print()

  constructor(parts: ShellParts) {
    this.#parts = parts
    const commands = allCommands().filter(({ name }) => name !== 'status' || parts.status !== undefined)
    this.#commands = new Map(commands.map((command) => [command.name, command]))
    this.#controls = {
      commands: this.#commands, history: this.#history, printsWatches: true, status: parts.status ?? null,
      leave: () => { this.over = true },
      mute: (isMuted) => { this.#isMuted = isMuted },
      printRemoved: (kinds, path) => {
        const names = new Set(kinds.map((kind) => REMOVED_NAMES[kind]))
        for (const name of names) this.#printEvent('SyncConnected', name, path, NO_ZXID)
      },
      redo: (line) => {
        this.#history[this.#history.length - 1] = line
        return this.#perform(splitWords(line))
      },
    }
    this.connection = new Connection(parts.address, parts.open, {
      onState: (name) => {
        if (parts.showsSession === true) this.#printEvent(name, 'None', null, NO_ZXID)
        else this.aside(() => undefined)
      },
      onWatch: ({ type, path, zxid }) => {
        if (this.#isMuted?.(path) !== true) this.#printEvent('SyncConnected', EVENT_NAMES[type], path, zxid)
      },
      onLost: () => this.#running?.abort(new UsageError(LOST)),
    })
  }

  /** What a terminal shows before a line. */
  get prompt(): string {
    return `[zk: ${this.connection.address}(${this.connection.state}) ${this.#history.length}] `
  }

  /** Runs one line; says what went wrong and goes on. Blank lines and comments count for nothing. */
  async run(line: string): Promise<void> {
    if (/^\s*(#|$)/.test(line)) return
    this.#history.push(line)
    await this.#attempt(() => this.#perform(splitWords(line)))
  }

  /** Runs one command that is in words already. */
  async runWords(words: readonly string[]): Promise<void> {
    await this.#attempt(() => this.#perform(words))
  }

  /** Ends the command that runs. False when there is none. */
  interrupt(): boolean {
    this.#running?.abort(INTERRUPTED)
    return this.#running !== null
  }

  /** Closes the session without a word. */
  async end(): Promise<void> {
    this.#controls.printsWatches = false
    await this.connection.close()
  }

  /** What the end of a line could become: a command, or a path that exists. */
  complete(line: string): Promise<[string[], string]> {
    return completeLine(line, [...this.#commands.keys()], this.connection)
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
      // Leaving is no work: the command before it counts, as for zkCli.
      if (!this.over) this.exitCode = 0
    } catch (error) {
      this.failures++
      this.exitCode = error instanceof UsageError ? error.exitCode : 1
      const { reason } = this.#running?.signal ?? {}
      const cause: unknown = reason !== undefined && isZkError(error, 'Aborted') ? reason : error
      if (cause === INTERRUPTED) this.exitCode = INTERRUPTED
      else if (this.#parts.isJson === true) this.#parts.print(JSON.stringify({ error: jsonError(cause) }))
      else this.#parts.complain(explain(cause))
    } finally {
      this.#running = null
    }
  }

  async #perform(words: readonly string[]): Promise<void> {
    const [name = '', ...typed] = words
    const command = this.#commands.get(name)
    if (command === undefined) throw this.#notFound(name)
    const { least = 0, most = least, options = {} } = command
    const args = readArguments(typed, options)
    if (args.words.length < least) throw new UsageError(`${name} ${command.usage}`.trimEnd())
    const rest = args.words.slice(most)
    if (rest.length > 0) this.#parts.complain(`ignored: ${rest.join(' ')}`)
    this.#running ??= makeController()
    const progress = new Progress(name, this.#parts.progress)
    try {
      const { signal } = this.#running
      await Promise.race([command.run(this.#task(signal, progress), args), untilAborted(signal)])
    } finally {
      progress.end()
      this.#parts.screen?.end()
    }
  }

  #task(signal: AbortSignal, progress: Progress): Task {
    const { isJson = false, print, complain, note, screen } = this.#parts
    const show = (value: unknown, ...lines: readonly string[]): void => {
      progress.clear()
      if (isJson) print(JSON.stringify(value))
      else for (const line of lines) print(line)
    }
    const noted = new Set<string>()
    return {
      connection: this.connection, isJson, signal, complain, show, shell: this.#controls,
      client: () => this.connection.client(),
      note: (line) => {
        progress.clear()
        note(line)
      },
      redraw: (draw) => {
        // The command was left, and nobody waits for it any more.
        if (signal.aborted) return
        if (screen !== undefined && !isJson) {
          progress.clear()
          screen.show(() => drawnOn(draw()))
          return
        }
        const { value, lines, notes, moment } = draw()
        show(value, `--- ${moment}`, ...lines)
        for (const line of isJson ? [] : notes) {
          if (!noted.has(line)) note(line)
          noted.add(line)
        }
      },
      progress: (text) => progress.show(text),
    }
  }

  #notFound(name: string): UsageError {
    if (this.#parts.showsUsage !== true) {
      return new UsageError(`Command not found: ${name} (help lists the commands)`, NOT_FOUND)
    }
    if (this.#parts.isJson !== true) {
      this.#parts.complain('vivarium cli -server host:port command words')
      const names = [...this.#commands.keys()].sort()
      for (const known of names) this.#parts.complain(`\t${known} ${this.#commands.get(known)!.usage}`)
    }
    return new UsageError(`Command not found: ${name}`, NOT_FOUND)
  }

  #printEvent(state: string, type: string, path: string | null, zxid: number): void {
    if (!this.#controls.printsWatches) return
    const { print, isJson } = this.#parts
    this.aside(() => {
      if (isJson === true) {
        print(JSON.stringify({ event: { state, type, path, zxid } }))
        return
      }
      print('\nWATCHER::')
      print(`\nWatchedEvent state:${state} type:${type} path:${path ?? 'null'} zxid: ${zxid}`)
    })
  }
}

/** What stands on a screen. */
function drawnOn({ lines, notes, moment }: Drawn): string[] {
  return [`${moment}  (every change; Ctrl-C ends it)`, ...lines, ...(notes.length > 0 ? ['', ...notes] : [])]
}

/** Rejects when the signal comes, for a command that does not look at it. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(new ZkError('Aborted', undefined, { cause: signal.reason }))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

/** Many requests at once listen to the signal of one command. */
function makeController(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}

function jsonError(error: unknown): object {
  const message = explain(error)
  if (isZkError(error)) return { code: error.code, message, ...(error.path === undefined ? {} : { path: error.path }) }
  return { message }
}
