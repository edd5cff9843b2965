import { fstatSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Shell } from './shell.ts'

/** Lines read ahead of the command that runs. */
const LINES_AHEAD_MAX = 1_000
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGTERM: 15 }

/**
 * What the standard input is: a person, commands, or nothing at all. Node opens the null device in place of an input
 * that is closed, so the two count the same.
 */
export function inputKind(): 'terminal' | 'commands' | 'none' {
  if (process.stdin.isTTY) return 'terminal'
  try {
    const stat = fstatSync(0)
    return stat.isCharacterDevice() || stat.isDirectory() ? 'none' : 'commands'
  } catch {
    // An input that cannot even be looked at holds no commands.
    return 'none'
  }
}

/**
 * Resolves at the first SIGINT or SIGTERM, with its name; a second one ends the process at once. `stop` takes the
 * listeners away.
 */
export function untilSignal(): { readonly signal: Promise<string>, readonly aborted: AbortSignal, stop(): void } {
  let resolveSignal: (name: string) => void = () => undefined
  const signal = new Promise<string>((resolve) => { resolveSignal = resolve })
  const controller = new AbortController()
  const onSignal = (name: string): void => {
    if (controller.signal.aborted) process.exit(128 + (SIGNAL_NUMBERS[name] ?? 0))
    controller.abort()
    resolveSignal(name)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal,
    aborted: controller.signal,
    stop: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}

/** Where the lines come from and where a terminal's prompt goes. */
export interface LineStreams {
  readonly input: Readable
  readonly output: Writable
  readonly isTerminal: boolean
}

/**
 * Runs the lines of the input one after the other, until they end, `quit`, or `stopped`: the command that runs then is
 * the last. Errors: those of reading the input, after the commands that were read.
 */
export async function runLines(shell: Shell, streams: LineStreams, stopped: Promise<unknown>): Promise<void> {
  const { input, output, isTerminal } = streams
  const lines = createInterface({
    input, ...(isTerminal ? { output } : {}), terminal: isTerminal, prompt: shell.prompt,
    crlfDelay: Infinity, completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
      void shell.complete(line).then((result) => done(null, result))
    },
  })
  let isClosed = false
  let isStopped = false
  const failures: Error[] = []
  const end = new Promise<void>((resolve) => lines.once('close', () => { isClosed = true; resolve() }))
  lines.once('error', (error: Error) => { failures.push(error); lines.close() })
  void stopped.then(() => { isStopped = true; shell.interrupt(); lines.close() })
  const prompt = (): void => {
    lines.setPrompt(shell.prompt)
    lines.prompt()
  }
  lines.on('SIGINT', () => {
    if (shell.interrupt()) return
    if (lines.line === '') { lines.close(); return }
    // What was typed is dropped, as in every shell.
    lines.write(null, { ctrl: true, name: 'e' })
    lines.write(null, { ctrl: true, name: 'u' })
  })
  let waiting = 0
  if (isTerminal) {
    prompt()
    shell.aside = (print) => {
      if (waiting > 0 || isClosed) {
        print()
        return
      }
      output.write('\r\x1b[K')
      print()
      // What was typed so far stays.
      lines.setPrompt(shell.prompt)
      lines.prompt(true)
    }
  }
  let running = Promise.resolve()
  lines.on('line', (line) => {
    if (++waiting === LINES_AHEAD_MAX) lines.pause()
    running = running.then(async () => {
      if (!shell.over && !isStopped) await shell.run(line)
      if (--waiting === 0 && !isClosed) lines.resume()
      if (isClosed) return
      if (shell.over) lines.close()
      else if (isTerminal) prompt()
    })
  })
  await end
  await running
  shell.aside = (print) => print()
  // The cursor stands behind a prompt.
  if (isTerminal && !shell.over) output.write('\n')
  input.pause()
  if (failures[0] !== undefined) throw failures[0]
}

/**
 * Shows how far a command is: in one line that is written over again on a terminal, else line by line. Null clears it.
 */
export function showProgress(text: string | null): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text ?? ''}`)
  else if (text !== null) process.stderr.write(`${text}\n`)
}
