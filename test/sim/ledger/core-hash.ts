import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))
const CORE = 'lib/core'
const SHOWN = 12

/** Where the core is, and what a file holds; both are for tests. */
export interface Sources {
  readonly paths: readonly string[]
  readonly read: (path: string) => string
}

function sourcesOf(root: string): Sources {
  const names = readdirSync(join(root, CORE), { recursive: true, encoding: 'utf8' })
  const paths = names.map((name) => `${CORE}/${name.replaceAll('\\', '/')}`).filter((path) => path.endsWith('.ts'))
  return { paths, read: (path) => readFileSync(join(root, path), 'utf8') }
}

/**
 * Tells states of the core apart by what decides: its code, and that of whatever it imports, without types, comments
 * and layout. What is committed or not makes no difference. Another esbuild may write the same code in another way,
 * and so make a new state of it: then sums begin anew, never the other way round.
 */
export function coreHash({ paths, read }: Sources = sourcesOf(ROOT)): string {
  const code = new Map<string, string>()
  const queue = [...paths]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (code.has(path)) continue
    const text = transformSync(read(path), { loader: 'ts', minifyWhitespace: true, legalComments: 'none' }).code
    code.set(path, text)
    for (const [, specifier] of text.matchAll(/(?:from|import)\s*"(\.[^"]+)"/g)) {
      queue.push(posix.join(posix.dirname(path), specifier!))
    }
  }
  const hash = createHash('sha256')
  for (const path of Array.from(code.keys()).sort()) hash.update(`${path}\0${code.get(path)!}\0`)
  return hash.digest('hex').slice(0, SHOWN)
}
