/** What a command line says behind `--name`. */
export interface OptionWords {
  readonly value: (name: string) => string | undefined
  /** Throws for what is no number. */
  readonly number: (name: string) => number | undefined
}

/** The options among these words. */
export function optionWords(args: readonly string[]): OptionWords {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`)
    return at < 0 ? undefined : args[at + 1]
  }
  return {
    value,
    number: (name) => {
      const text = value(name)
      if (text === undefined) return undefined
      if (!/^\d+(\.\d+)?$/.test(text)) throw new Error(`--${name} needs a number`)
      return Number(text)
    },
  }
}
