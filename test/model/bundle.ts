/** Texts for threads, which load no TypeScript; and the real core with its private fields laid open. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { BuildOptions } from 'esbuild'
import { loadCore } from './exposed-core.ts'
import type { ExposedCore } from './exposed-core.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CORE = `
export { Replica } from './lib/core/replica.ts'
export { Tree } from './lib/core/tree/tree.ts'
export { makeTxnCodec } from './lib/wire/txn.ts'
`

/** A module that imports nothing but what Node has, as a data URL. */
async function bundle(options: BuildOptions): Promise<string> {
  const { outputFiles } = await build({
    bundle: true, write: false, format: 'esm', platform: 'node', target: 'es2023', keepNames: false,
    logLevel: 'silent', ...options,
  })
  return `data:text/javascript;base64,${Buffer.from(outputFiles![0]!.contents).toString('base64')}`
}

/** The core, bundled from the sources with `#name` read as `hidden$name` and not changed otherwise. */
export async function bundleCore(): Promise<string> {
  return await bundle({
    stdin: { contents: CORE, resolveDir: ROOT, loader: 'ts' },
    plugins: [{
      name: 'lay open',
      setup: (step) => {
        step.onLoad({ filter: /[\\/]lib[\\/].*\.ts$/ }, ({ path }) => ({
          contents: readFileSync(path, 'utf8').replace(/#([A-Za-z]\w*)/g, 'hidden$$$1'), loader: 'ts',
        }))
      },
    }],
  })
}

export async function bundleThread(): Promise<string> {
  return await bundle({ entryPoints: [`${ROOT}test/model/thread.ts`] })
}

/** Bundles the core and loads it. */
export async function exposedCore(): Promise<ExposedCore> {
  return await loadCore(await bundleCore())
}
