/** Finds or installs kazoo: Debian's package, and a pinned release from PyPI in the folder for temporary files. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A version of kazoo that can be run. */
export interface Kazoo {
  readonly name: string
  readonly python: string
  /** Where Python is to look for it first; empty when it does so anyway. */
  readonly folder: string
}

/** The newest release when this was written. */
const NEWEST = '2.11.0'
/** Debian's packages are for this one; what is from PyPI runs on it as well. */
const DEBIAN_PYTHON = '/usr/bin/python3'
const INSTALL_TIMEOUT_MS = 180_000

/** Resolves to what the command printed; rejects with it when the command fails. */
function command(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: INSTALL_TIMEOUT_MS })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => { text += chunk.toString() })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(text.trim())
      else reject(new Error(`${program} ${args.join(' ')} ended with ${String(code)}: ${text.slice(-2_000)}`))
    })
  })
}

const succeeds = (program: string, ...args: readonly string[]): Promise<boolean> =>
  command(program, ...args).then(() => true, () => false)

/** Finds or installs what Debian packages. */
export async function debian(): Promise<Kazoo> {
  const asks = ['-c', 'import kazoo.version; print(kazoo.version.__version__)'] as const
  if (!await succeeds(DEBIAN_PYTHON, ...asks)) {
    await command('apt-get', 'update', '-qq')
    await command('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'python3-kazoo')
  }
  return { name: `Debian's kazoo ${await command(DEBIAN_PYTHON, ...asks)}`, python: DEBIAN_PYTHON, folder: '' }
}

/** The Python that has pip, if any; Debian packages pip separately. */
async function pythonWithPip(): Promise<string> {
  for (const python of ['python3', DEBIAN_PYTHON]) {
    if (await succeeds(python, '-m', 'pip', '--version')) return python
  }
  await command('apt-get', 'update', '-qq')
  await command('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'python3-pip')
  return DEBIAN_PYTHON
}

/** Finds or installs the newest release; it has no dependencies. */
export async function newest(): Promise<Kazoo> {
  const home = join(tmpdir(), `kazoo-${NEWEST}`)
  if (!existsSync(home)) {
    const folder = mkdtempSync(join(tmpdir(), 'kazoo-'))
    try {
      const python = await pythonWithPip()
      await command(python, '-m', 'pip', 'install', '-q', '--no-deps', '--target', folder, `kazoo==${NEWEST}`)
      // Another process may have been faster: its folder is as good.
      if (!existsSync(home)) renameSync(folder, home)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { name: `kazoo ${NEWEST}`, python: DEBIAN_PYTHON, folder: home }
}
