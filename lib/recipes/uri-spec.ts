/** One piece of a pattern: a text, or the name of what is to stand there. Curator's UriSpec.Part. */
export interface UriPart {
  readonly value: string
  readonly variable: boolean
}

/** A pattern in pieces, as it is stored. */
export interface UriSpec {
  readonly parts: readonly UriPart[]
}

/** Takes `{scheme}://{address}:{port}/api` apart. Throws TypeError for braces that do not match. */
export function parseUriSpec(text: string): UriSpec {
  const parts: UriPart[] = []
  let rest = text
  while (rest !== '') {
    const isVariable = rest.startsWith('{')
    const match = isVariable ? /^\{([^{}]*)\}/.exec(rest) : /^([^{}]+)/.exec(rest)
    if (match === null) throw new TypeError(`the braces of '${text}' do not match`)
    const value = match[1] ?? ''
    parts.push({ value: isVariable ? value.trim() : value, variable: isVariable })
    rest = rest.slice(match[0].length)
  }
  return { parts }
}

/** What was stored, when it has the form of a pattern; null otherwise. */
export function readUriSpec(given: unknown): UriSpec | null {
  const { parts } = (given ?? {}) as { readonly parts?: unknown }
  if (!Array.isArray(parts)) return null
  const read: UriPart[] = []
  for (const part of parts as unknown[]) {
    const { value, variable } = (part ?? {}) as { readonly value?: unknown, readonly variable?: unknown }
    if (typeof value !== 'string') return null
    read.push({ value, variable: variable === true })
  }
  return { parts: read }
}

/** The pattern with everything in its place; nothing stands where nothing is known. */
export function buildUri(spec: UriSpec, variables: Readonly<Record<string, string>>): string {
  return spec.parts.map(({ value, variable }) => {
    if (!variable) return value
    if (value === '[') return '{'
    if (value === ']') return '}'
    return Object.hasOwn(variables, value) ? variables[value] ?? '' : ''
  }).join('')
}
