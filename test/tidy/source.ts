/** A source file as the tidy rules see it: its lines, and the same lines with comments and strings blanked out. */
export interface Source {
  readonly path: string
  readonly lines: readonly string[]
  /** Comments, strings, templates and regular expressions become spaces: what matches here is code. */
  readonly code: readonly string[]
  readonly imports: readonly Import[]
}

/** One static import, re-export or dynamic import with a literal specifier. */
export interface Import {
  readonly line: number
  readonly specifier: string
  readonly isType: boolean
}

/** A broken rule, printed as `file:line: message`. */
export interface Problem {
  readonly path: string
  readonly line: number
  readonly message: string
}

const REGEX_MAY_FOLLOW = /(^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(return|typeof|case|of|in|yield|await|void))\s*$/

/** Index just after the literal that starts at `start` and ends at an unescaped `quote`. */
function endOfQuoted(text: string, start: number, quote: string): number {
  let i = start + 1
  while (i < text.length && text[i] !== quote) i += text[i] === '\\' ? 2 : 1
  return i + 1
}

function endOfTemplate(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text[i] !== '`') {
    if (text[i] === '\\') i += 2
    else if (text.startsWith('${', i)) i = endOfInterpolation(text, i + 2)
    else i += 1
  }
  return i + 1
}

function endOfInterpolation(text: string, start: number): number {
  let depth = 1
  let i = start
  while (i < text.length && depth > 0) {
    const char = text[i]
    if (char === '`') i = endOfTemplate(text, i)
    else if (char === "'" || char === '"') i = endOfQuoted(text, i, char)
    else {
      if (char === '{') depth += 1
      if (char === '}') depth -= 1
      i += 1
    }
  }
  return i
}

function endOfRegex(text: string, start: number): number {
  let isClass = false
  let i = start + 1
  for (; i < text.length && (isClass || text[i] !== '/'); i += 1) {
    if (text[i] === '\\') i += 1
    else if (text[i] === '[') isClass = true
    else if (text[i] === ']') isClass = false
    else if (text[i] === '\n') return start + 1
  }
  return i + 1
}

/** Where the comment or literal that starts at `i` ends; `i` itself when none starts there. */
function endOfOpaque(text: string, i: number, before: string): number {
  const char = text[i]
  if (text.startsWith('//', i)) return text.indexOf('\n', i) < 0 ? text.length : text.indexOf('\n', i)
  if (text.startsWith('/*', i)) return text.indexOf('*/', i + 2) < 0 ? text.length : text.indexOf('*/', i + 2) + 2
  if (char === "'" || char === '"') return endOfQuoted(text, i, char)
  if (char === '`') return endOfTemplate(text, i)
  if (char === '/' && REGEX_MAY_FOLLOW.test(before)) return endOfRegex(text, i)
  return i
}

/** Blanks comments and literals, keeping every line break and column. */
export function blank(text: string): string {
  let out = ''
  let i = 0
  while (i < text.length) {
    const end = endOfOpaque(text, i, out.slice(-40))
    if (end > i) {
      const opaque = text.slice(i, end)
      // A literal leaves a word behind, so that what follows it is not taken for the start of an expression.
      const isComment = opaque.startsWith('//') || opaque.startsWith('/*')
      out += isComment ? opaque.replace(/[^\n]/g, ' ') : `0${opaque.slice(1).replace(/[^\n]/g, ' ')}`
      i = end
    } else {
      out += text[i]
      i += 1
    }
  }
  return out
}

const IMPORT_START = /^(?:\s*(?:import|export)\b|.*\bimport\()/
const IMPORT = new RegExp([
  /(?:^|\n)[ \t]*(import|export)\b(\s+type\b)?[^'"`;]*?\bfrom\s*'([^']+)'/,
  /(?:^|\n)import\s*'([^']+)'/,
  /\bimport\('([^']+)'\)/,
].map((part) => part.source).join('|'), 'g')

function readImports(text: string, code: readonly string[]): Import[] {
  const found: Import[] = []
  for (const match of text.matchAll(IMPORT)) {
    const start = match.index + (match[0].startsWith('\n') ? 1 : 0)
    const line = text.slice(0, start).split('\n').length
    const specifier = match[3] ?? match[4] ?? match[5] ?? ''
    if (IMPORT_START.test(code[line - 1] ?? '')) found.push({ line, specifier, isType: match[2] !== undefined })
  }
  return found
}

/** Reads one file's text. */
export function parse(path: string, text: string): Source {
  const code = blank(text).split('\n')
  return { path, lines: text.split('\n'), code, imports: readImports(text, code) }
}
