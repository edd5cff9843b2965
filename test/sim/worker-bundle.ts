import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * How a process that simulates is started. As many processes as cores need no threads for the collector: a tenth less
 * CPU for the same seeds.
 */
export const WORKER_FLAGS: readonly string[] = [
  '--enable-source-maps', '--single-threaded-gc', '--max-semi-space-size=16', '--semi-space-growth-factor=16',
]

/**
 * The path of `worker.ts`, or of another module here, in one file with all that it imports; gone when this process
 * ends. Simulates a tenth more in the same time than the modules as tsx loads them: in one scope, and without a name
 * set for each function.
 */
export async function workerBundle(name: 'worker' | 'measure-process' = 'worker'): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-sim-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, `${name}.mjs`)
  await build({
    entryPoints: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))], outfile,
    bundle: true, format: 'esm', platform: 'node', target: 'node20', sourcemap: 'inline', logLevel: 'warning',
  })
  return outfile
}
