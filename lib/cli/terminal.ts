import { fstatSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Shell } from './shell.ts'

/** What the standard input is: a person, commands, or nothing at all. */
export function inputKind(): 'terminal' | 'commands' | 'none' {
  if (process.stdin.isTTY) return 'terminal'
  try {
    const stat = fstatSync(0)
    return stat.isCharacterDevice() ? 'none' : 'commands'
  } catch {
    return 'none'
  }
}

/** Resolves at SIGINT or SIGTERM, with its name; `stop` takes the listeners away. */
export function untilSignal(): { readonly signal: Promise<string>, stop(): void } {
  let onSignal: (name: string) => void = () => undefined
  const signal = new Promise<string>((resolve) => { onSignal = resolve })
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal,
    stop: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}

/** Runs the lines of the standard input one after the other, until they end, `quit`, or `stopped`. */
export async function runLines(shell: Shell, isTerminal: boolean, stopped: Promise<unknown>): Promise<void> {
  const lines = createInterface({
    input: process.stdin, output: isTerminal ? process.stdout : undefined, terminal: isTerminal, prompt: 'vivarium> ',
    completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
      void shell.complete(line).then((result) => done(null, result))
    },
  })
  const end = new Promise<void>((resolve) => lines.once('close', resolve))
  lines.on('SIGINT', () => lines.close())
  void stopped.then(() => lines.close())
  if (isTerminal) lines.prompt()
  const queue: string[] = []
  let running = Promise.resolve()
  lines.on('line', (line) => {
    queue.push(line)
    running = running.then(async () => {
      const next = queue.shift()
      if (next === undefined || shell.over) return
      await shell.run(next)
      if (shell.over) lines.close()
      else if (isTerminal) lines.prompt()
    })
  })
  await end
  if (!shell.over) await running
  process.stdin.pause()
}
