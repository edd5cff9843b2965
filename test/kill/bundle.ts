import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Packages with native or dynamic parts stay where they are; the bundle lies elsewhere and needs their addresses. */
const INSTALLED = /^(level|msgpackr|ws)$/

/** The peer process as one file of JavaScript in `folder`, which starts much faster than its sources do. */
export async function bundlePeerProcess(folder: string): Promise<string> {
  const outfile = join(folder, 'peer-process.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('peer-process.ts', import.meta.url))],
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
