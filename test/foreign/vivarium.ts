/** Starts peers of this package by `vivarium serve zoo.cfg`, as its users would. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startServers } from './servers.ts'
import type { Servers, ServersOptions } from './servers.ts'

/** The command, as it was built. */
export const COMMAND: string = fileURLToPath(new URL('../../dist/node/lib/cli/main.js', import.meta.url))

/** Starts one peer alone or an ensemble of three, each a process, and resolves when all serve. */
export async function startVivarium(options: ServersOptions): Promise<Servers> {
  if (!existsSync(COMMAND)) throw new Error('not built: run `npm run build` first')
  return startServers({
    name: 'vivarium', lines: [], command: (file) => [process.execPath, COMMAND, 'serve', file],
  }, options)
}
