import { blank } from '../tidy/source.ts'

/** A place where code says that something failed, or takes note of it. */
export interface Site {
  readonly file: string
  /** Both from 0, as source maps count them. */
  readonly line: number
  readonly column: number
  /** The line, without what it is indented by. */
  readonly text: string
}

/**
 * What throws or rejects, what makes an error, and what says with null that it could not be read. Of handlers of errors
 * it is their first statement that counts: how often the word before it was run says nothing.
 */
const SITE = new RegExp([
  String.raw`\bthrow\b`,
  String.raw`(?<!function )(?:\bPromise\.)?\b(?:reject|fail)\(`,
  String.raw`\bnew \w*Error\(`,
  String.raw`\breturn (?:yield )?null\b`,
  String.raw`(?<handler>\bcatch\s*(?:\(\w+\)\s*)?\{\s*|\(error: unknown\) =>(?! void\b)\s*\{?\s*)`,
].join('|'), 'g')

/** Every place of the file that deals with an error, in their order. */
export function sitesOf(file: string, source: string): Site[] {
  const code = blank(source)
  const lines = source.split('\n')
  const sites = new Map<number, Site>()
  for (const match of code.matchAll(SITE)) {
    const { handler } = match.groups ?? {}
    const at = match.index + (handler?.length ?? 0)
    const begin = code.lastIndexOf('\n', at - 1) + 1
    const isPart = match[0].startsWith('new ') && /\b(?:throw|reject\()/.test(code.slice(begin, at))
    if (isPart) continue
    const line = code.slice(0, at).split('\n').length - 1
    sites.set(at, { file, line, column: at - begin, text: lines[line]!.trim() })
  }
  return Array.from(sites.values())
}

/** How a site is named to people. */
export function nameOf({ file, line, text }: Site): string {
  return `${file}:${line + 1}: ${text}`
}
