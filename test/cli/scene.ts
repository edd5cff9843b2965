import { PassThrough } from 'node:stream'
import { createEnsemble } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { Shell } from '../../lib/cli/shell.ts'
import type { ShellParts } from '../../lib/cli/shell.ts'
import type { Case } from '../harness.ts'

/** A shell on an ensemble in this process, and what it says. */
export interface Scene {
  readonly shell: Shell
  /** Standard output. */
  readonly printed: string[]
  /** Standard error, whether or not something went wrong. */
  readonly complaints: string[]
  /** Runs lines, and gives what each printed and complained about, joined. */
  readonly says: (...lines: string[]) => Promise<string>
  /** A session of someone else. */
  readonly other: () => Promise<Client>
}

/** Opens a shell; it is closed with the case. */
export async function open(t: Case, parts: Partial<ShellParts> = {}): Promise<Scene> {
  const ensemble = await createEnsemble({ size: 1 })
  t.defer(() => ensemble.stop())
  const printed: string[] = []
  const complaints: string[] = []
  const both: string[] = []
  const print = (line: string): void => { printed.push(line); both.push(line) }
  const complain = (line: string): void => { complaints.push(line); both.push(line) }
  const shell = new Shell({
    address: 'test', open: (_, signal) => ensemble.connect({ signal }), status: () => ensemble.status(),
    print, complain, note: complain, ...parts,
  })
  t.defer(() => shell.end())
  shell.connection.connect(null)
  const says = async (...lines: string[]): Promise<string> => {
    both.length = 0
    for (const line of lines) await shell.run(line)
    return both.join('\n')
  }
  return { shell, printed, complaints, says, other: () => ensemble.connect() }
}

/** A terminal that a test types on. */
export interface Screen {
  readonly input: PassThrough
  readonly output: PassThrough
  readonly shown: () => string
  readonly shows: (text: string) => Promise<void>
}

/** Makes a terminal. */
export function terminal(): Screen {
  const input = new PassThrough()
  const output = new PassThrough()
  let text = ''
  output.on('data', (chunk: Buffer) => { text += chunk.toString() })
  const shows = (wanted: string): Promise<void> => new Promise((resolve) => {
    const check = (): void => {
      if (!text.includes(wanted)) return
      output.off('data', check)
      resolve()
    }
    output.on('data', check)
    check()
  })
  return { input, output, shown: () => text, shows }
}
