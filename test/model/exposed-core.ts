/**
 * The real core with its private fields laid open: bundled from the sources with `#name` read as `hidden$name` and not
 * changed otherwise, so that a state can be told from another completely.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { ReplicaConfig } from '../../lib/core/effects.ts'
import type { RecoveredState } from '../../lib/core/identity.ts'
import type { Replica } from '../../lib/core/replica.ts'
import type { Tree } from '../../lib/core/tree/tree.ts'
import type { TxnCodec } from '../../lib/core/tree/txn.ts'
import type { Now } from '../../lib/core/effects.ts'

/** What the model uses of it. */
export interface ExposedCore {
  readonly Replica: new (config: ReplicaConfig, recovered: RecoveredState, now: Now) => Replica
  readonly Tree: { empty(): Tree }
  readonly makeTxnCodec: () => TxnCodec
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const ENTRY = `
export { Replica } from './lib/core/replica.ts'
export { Tree } from './lib/core/tree/tree.ts'
export { makeTxnCodec } from './lib/wire/txn.ts'
`

/** Bundles and loads it. */
export async function exposedCore(): Promise<ExposedCore> {
  const { outputFiles } = await build({
    stdin: { contents: ENTRY, resolveDir: ROOT, loader: 'ts' },
    bundle: true, write: false, format: 'esm', platform: 'node', target: 'es2023', keepNames: false,
    logLevel: 'silent',
    plugins: [{
      name: 'lay open',
      setup: (step) => {
        step.onLoad({ filter: /[\\/]lib[\\/].*\.ts$/ }, ({ path }) => ({
          contents: readFileSync(path, 'utf8').replace(/#([A-Za-z]\w*)/g, 'hidden$$$1'), loader: 'ts',
        }))
      },
    }],
  })
  const text = Buffer.from(outputFiles[0]!.contents).toString('base64')
  return await import(`data:text/javascript;base64,${text}`) as ExposedCore
}
