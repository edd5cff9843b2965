import type { Client } from '../client/client.ts'
import type { WatchKind } from '../client/watches.ts'
import type { EnsembleStatus } from '../peer/ensemble.ts'
import type { Arguments, OptionKinds } from './arguments.ts'
import type { Connection } from './connection.ts'

/** How something is at one moment. */
export interface Drawn {
  readonly value: unknown
  readonly lines: readonly string[]
  /** What one should know besides. */
  readonly notes: readonly string[]
  /** The moment, in words. */
  readonly moment: string
}

/** What a command gets: where it works and where it speaks. */
export interface Task {
  /** The session, once it is open. Throws when it was closed. */
  client(): Promise<Client>
  readonly connection: Connection
  readonly isJson: boolean
  /** Aborted by Ctrl-C and by a signal. */
  readonly signal: AbortSignal
  /** A result: the value when JSON was asked for, else the lines. */
  show(value: unknown, ...lines: string[]): void
  /**
   * Shows how something is now, in place of what was shown so far: on a terminal in the same place, where it is drawn
   * anew as time passes, else below it with the moment.
   */
  redraw(draw: () => Drawn): void
  /** What is no result, although all went well. */
  readonly note: (line: string) => void
  /** What went wrong, beside the error that ends a command. */
  readonly complain: (line: string) => void
  /** How far a long command is; shown when there is time for it. */
  progress(text: string): void
  readonly shell: ShellControls
}

/** What commands may ask of their shell. */
export interface ShellControls {
  readonly commands: ReadonlyMap<string, Command>
  /** The lines run so far by their number, this one included. */
  readonly history: readonly string[]
  printsWatches: boolean
  leave(): void
  /** Keeps events of these paths from being printed; null prints all. */
  mute(isMuted: ((path: string) => boolean) | null): void
  /** Watches of these kinds at this path are gone because their user said so. */
  printRemoved(kinds: readonly WatchKind[], path: string): void
  /** Runs a line again under the number of this one. */
  redo(line: string): Promise<void>
  /** Of `vivarium ensemble` alone. */
  readonly status: (() => EnsembleStatus) | null
}

/** One command of the shell. */
export interface Command {
  readonly name: string
  /** What follows the name, as zkCli prints it. */
  readonly usage: string
  readonly about: string
  readonly options?: OptionKinds
  /** Words that must follow the name. */
  readonly least?: number
  /** Words it knows what to do with; zkCli ignores more, and so does this shell, but says so. */
  readonly most?: number
  run(task: Task, args: Arguments): Promise<void> | void
}
