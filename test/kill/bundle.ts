import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Packages with native or dynamic parts stay where they are; the bundle lies elsewhere and needs their addresses. */
const INSTALLED = /^(level|msgpackr|ws)$/

/** A script as one file of JavaScript in `folder`, which starts much faster than its sources do. */
export async function bundle(script: URL, folder: string): Promise<string> {
  const source = fileURLToPath(script)
  const outfile = join(folder, `${basename(source, '.ts')}.mjs`)
  await build({
    entryPoints: [source],
    outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent', sourcemap: 'inline',
    plugins: [{
      name: 'installed',
      setup: (bundler) => {
        bundler.onResolve({ filter: INSTALLED }, ({ path }) => ({ path: import.meta.resolve(path), external: true }))
      },
    }],
  })
  return outfile
}
