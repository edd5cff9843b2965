/** One setting of a properties file. */
export interface Property {
  readonly key: string
  readonly value: string
  /** Line of the file, from 1. */
  readonly line: number
}

/**
 * Reads the syntax of java.util.Properties: `key=value`, `key: value` or `key value`, comments behind `#` or `!`, a
 * backslash at the end that joins lines, and the escapes of Java. Values lose the white space at their ends.
 */
export function parseProperties(text: string): Property[] {
  const properties: Property[] = []
  const lines = text.split(/\r\n|\r|\n/)
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1
    let logical = (lines[at] ?? '').trimStart()
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue
    while (/(^|[^\\])(\\\\)*\\$/.test(logical)) {
      at += 1
      logical = logical.slice(0, -1) + (lines[at] ?? '').trimStart()
    }
    const { key, rest } = splitKey(logical)
    properties.push({ key: unescape(key), value: unescape(rest).trim(), line })
  }
  return properties
}

/** The key ends at the first separator that no backslash precedes. */
function splitKey(logical: string): { readonly key: string, readonly rest: string } {
  let end = 0
  while (end < logical.length && !/[=:\s]/.test(logical[end]!)) end += logical[end] === '\\' ? 2 : 1
  return { key: logical.slice(0, end), rest: logical.slice(end).replace(/^\s*[=:]?\s*/, '') }
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescape(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, escape: string) =>
    escape.length === 5 ? String.fromCharCode(Number.parseInt(escape.slice(1), 16)) : ESCAPES[escape] ?? escape)
}
