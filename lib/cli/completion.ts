import { childOf } from '../core/tree/path.ts'
import type { Connection } from './connection.ts'

/** What the end of a line could become: a command, or a path that exists. Never waits for a session. */
export async function completeLine(
  line: string, commands: readonly string[], connection: Connection,
): Promise<[string[], string]> {
  const words = line.split(/\s+/)
  const last = words[words.length - 1] ?? ''
  if (words.length <= 1 || (words.length === 2 && words[0] === 'help')) {
    const names = commands.filter((name) => name.startsWith(last)).sort()
    return [names.map((name) => `${name} `), last]
  }
  if (!last.startsWith('/') || connection.state !== 'CONNECTED') return [[], last]
  const slash = last.lastIndexOf('/')
  const parent = slash === 0 ? '/' : last.slice(0, slash)
  try {
    const children = await (await connection.client()).children(parent)
    return [children.sort().map((name) => childOf(parent, name)).filter((path) => path.startsWith(last)), last]
  } catch {
    // There is nothing to complete below a node that cannot be read.
    return [[], last]
  }
}
