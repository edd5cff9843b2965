/**
 * Writes dist/: every module as tsc makes it, for bundlers, which take of it what they need; and in dist/node/, with
 * esbuild, what Node loads, in few files: each that is loaded costs the start of a process most of a millisecond. What
 * several of them need is in dist/node/chunks/, once, so that there is one of every class. With `--if-old` it does
 * nothing when dist/ was built from the present sources.
 * The output is made beside dist/ and swapped in whole, so a failed build never leaves half of one.
 * Standard input is left alone, it belongs to the command that runs next; so does standard output.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const stamp = join(dist, '.built')
/** This script, and the versions of what it runs. */
const MADE_WITH = ['.ci/build.mjs', 'package-lock.json']

/** One hash over names, sizes and modification times: removed files count, and no source is read. */
function fingerprint() {
  const hash = createHash('sha256')
  const visit = (path) => {
    const stat = statSync(join(root, path))
    if (stat.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) visit(`${path}/${name}`)
    else hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`)
  }
  for (const path of [...MADE_WITH, 'package.json', 'tsconfig.json', 'lib', 'transports', 'storage']) visit(path)
  return hash.digest('hex')
}

/** The modules that the manifest names for Node: what users import, and the command. */
function nodeEntries() {
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const named = JSON.stringify([exports, bin]).matchAll(/"(?:\.\/)?dist\/node\/([^"]+)\.js"/g)
  return Array.from(named, ([, stem]) => `${stem}.ts`)
}

async function build(print) {
  const fresh = `.build-${process.pid}`
  const out = join(root, fresh)
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  if (!existsSync(tsc)) throw new Error('node_modules is missing; run npm ci first')
  try {
    const args = [tsc, '-p', 'tsconfig.json', '--outDir', fresh]
    const run = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] })
    if (run.status !== 0) throw new Error('the build failed; dist/ is as it was')
    const { build: bundle } = await import('esbuild')
    await bundle({
      absWorkingDir: root, entryPoints: nodeEntries(), outbase: '.', outdir: `${fresh}/node`,
      bundle: true, splitting: true, chunkNames: 'chunks/[name]-[hash]', packages: 'external',
      format: 'esm', platform: 'node', target: 'es2023', charset: 'utf8', sourcemap: true, sourcesContent: false,
      logLevel: 'warning',
    })
    chmodSync(join(out, 'node/lib/cli/main.js'), 0o755)
    writeFileSync(join(out, '.built'), `${print}\n`)
    const former = join(root, `.build-${process.pid}-former`)
    if (existsSync(dist)) renameSync(dist, former)
    renameSync(out, dist)
    rmSync(former, { recursive: true, force: true })
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

const print = fingerprint()
const isFresh = existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === print
if (!process.argv.includes('--if-old') || !isFresh) {
  try {
    await build(print)
  } catch (error) {
    process.stderr.write(`build: ${error.message}\n`)
    process.exitCode = 1
  }
}
