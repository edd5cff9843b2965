import { parseArgs } from 'node:util'

/**
 * What a script may be told: by name, what the word behind it stands for, if there is one, and what it does. N stands
 * for a whole number.
 */
export type OptionTexts = Readonly<Record<string, readonly [takes: string, does: string]>>

/** What a command line says. */
export interface OptionWords<Name extends string> {
  readonly value: (name: Name) => string | undefined
  /** Of at least `least`, 0 when left out. What is no such number ends the script with a message, and code 2. */
  readonly number: (name: Name, least?: number) => number | undefined
  readonly has: (name: Name) => boolean
  /** Ends the script with this message, how it is called, and code 2. */
  readonly refuse: (why: string) => never
}

function usageOf(command: string, about: string, texts: OptionTexts): string {
  const rows = [...Object.entries(texts), ['help', ['', 'this text']] as const]
    .map(([name, [takes, does]]) => [`--${name}${takes === '' ? '' : ` ${takes}`}`, does] as const)
  const width = Math.max(...rows.map(([word]) => word.length)) + 2
  const lines = rows.map(([word, does]) => `  ${word.padEnd(width)}${does}`)
  return [`usage: ${command} -- [options]`, about, '', ...lines, ''].join('\n')
}

/**
 * The options among these words. `--help` prints all that there are and ends the script; a word that is none of them
 * ends it with a message and the same text, and code 2.
 */
export function optionWords<Texts extends OptionTexts>(
  command: string, about: string, texts: Texts, args: readonly string[] = process.argv.slice(2),
): OptionWords<keyof Texts & string> {
  const usage = usageOf(command, about, texts)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads has seen enough, as `head` has.
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  const refuse = (why: string): never => {
    process.stderr.write(`${why}\n\n${usage}`)
    process.exit(2)
  }
  let values: Readonly<Record<string, string | boolean | undefined>> = {}
  try {
    const options = Object.fromEntries(Object.entries({ ...texts, help: [''] })
      .map(([name, [takes]]) => [name, { type: takes === '' ? 'boolean' as const : 'string' as const }]))
    values = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    refuse((error as Error).message)
  }
  if (values.help === true) {
    process.stdout.write(usage)
    process.exit(0)
  }
  const value = (name: string): string | undefined => {
    const found = values[name]
    return typeof found === 'string' ? found : undefined
  }
  return {
    value, refuse,
    has: (name) => values[name] === true,
    number: (name, least = 0) => {
      const text = value(name)
      if (text === undefined) return undefined
      const isWhole = texts[name]?.[0] === 'N'
      const found = (isWhole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text) ? Number(text) : -1
      if (found >= least) return found
      return refuse(`--${name} takes a ${isWhole ? 'whole ' : ''}number of at least ${least}, not ${text}`)
    },
  }
}
