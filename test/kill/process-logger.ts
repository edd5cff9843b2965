import type { Logger } from '../../lib/index.ts'

type Fields = Readonly<Record<string, unknown>>

/** Of a peer in a process of its own: reports warnings and errors, and hands on what the storage had when it opened. */
export function processLogger(
  report: (line: { readonly kind: 'log', readonly text: string }) => void, onRecovered: (fields: Fields) => void,
): Logger {
  const tell = (level: string) => (text: string, fields?: Record<string, unknown>): void =>
    report({ kind: 'log', text: `${level} ${text} ${JSON.stringify(fields ?? {})}` })
  return {
    debug: () => undefined,
    info: (text, fields) => {
      if (text === 'storage recovered') onRecovered(fields ?? {})
    },
    warn: tell('warn'),
    error: tell('error'),
  }
}
