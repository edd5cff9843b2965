import { UsageError } from './usage.ts'

/** The options of a command, named as typed after one dash, and whether a value follows. */
export type OptionKinds = Readonly<Record<string, 'flag' | 'value'>>

/** What was typed behind the name of a command. */
export class Arguments {
  readonly words: readonly string[]
  readonly #flags: ReadonlySet<string>
  readonly #values: ReadonlyMap<string, string>

  constructor(words: readonly string[], flags: ReadonlySet<string>, values: ReadonlyMap<string, string>) {
    this.words = words
    this.#flags = flags
    this.#values = values
  }

  /** The word at this place, which the command demanded. */
  word(index: number): string {
    const word = this.words[index]
    if (word === undefined) throw new UsageError(`word ${index + 1} is missing`)
    return word
  }

  has(name: string): boolean {
    return this.#flags.has(name) || this.#values.has(name)
  }

  value(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** The value as a whole number within 32 bits, which is what versions are. */
  integer(name: string): number | undefined {
    const value = this.#values.get(name)
    if (value === undefined) return undefined
    if (!/^[+-]?\d+$/.test(value) || (Number(value) | 0) !== Number(value)) {
      throw new UsageError(`-${name} argument must be an int value`)
    }
    return Number(value)
  }
}

/**
 * Reads options wherever they stand, as zkCli does: `-s -w`, `-sw`, `-v 5`, `-v5`, `-v=5`; what follows `--` is no
 * option, and a number with its sign is none when a value is due, or when the command has no options at all.
 */
export function readArguments(typed: readonly string[], kinds: OptionKinds): Arguments {
  const words: string[] = []
  const flags = new Set<string>()
  const values = new Map<string, string>()
  const isPlain = Object.keys(kinds).length === 0
  for (let at = 0; at < typed.length; at++) {
    const text = typed[at]!
    if (text === '--') {
      words.push(...typed.slice(at + 1))
      break
    }
    if (!text.startsWith('-') || text === '-' || (isPlain && /^-\d+$/.test(text))) {
      words.push(text)
      continue
    }
    const open = readOption(text, kinds, flags, values)
    if (open === null) continue
    const next = typed[at + 1]
    if (next === undefined || isOption(next, kinds)) throw new UsageError(`Missing argument for option: ${open}`)
    values.set(open, next)
    at += 1
  }
  return new Arguments(words, flags, values)
}

/** Files what one dash names; gives the option whose value must follow, or null. */
function readOption(
  text: string, kinds: OptionKinds, flags: Set<string>, values: Map<string, string>,
): string | null {
  const [, name, value] = /^-([^=]*)(?:=(.*))?$/s.exec(text) ?? []
  if (name === undefined) throw new UsageError(`Unrecognized option: ${text}`)
  if (Object.hasOwn(kinds, name) && (kinds[name] === 'value' || value === undefined)) {
    if (kinds[name] === 'flag') flags.add(name)
    else if (value !== undefined) values.set(name, value)
    else return name
    return null
  }
  for (let at = 1; at < text.length; at++) {
    const letter = text[at]!
    const kind = Object.hasOwn(kinds, letter) ? kinds[letter] : undefined
    if (kind === undefined) throw new UsageError(`Unrecognized option: ${text}`)
    if (kind === 'value') {
      if (at === text.length - 1) return letter
      values.set(letter, text.slice(at + 1))
      return null
    }
    flags.add(letter)
  }
  return null
}

function isOption(text: string, kinds: OptionKinds): boolean {
  if (!text.startsWith('-') || text === '-' || /^-\d+(\.\d+)?$/.test(text)) return false
  return text === '--' || Object.hasOwn(kinds, text.slice(1)) || Object.hasOwn(kinds, text[1]!)
}
