/** Finds or installs kazoo: Debian's package, and a pinned release from PyPI in the folder for temporary files. */
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, installPackage, succeeds } from '../command.ts'

/** A version of kazoo that can be run. */
export interface Kazoo {
  readonly name: string
  readonly python: string
  /** Where Python is to look for it first; empty when it does so anyway. */
  readonly folder: string
  /** Before 2.9 a reader may wait for a writer behind it, which waits for the reader: both wait for ever. */
  readonly hasSoundReaders: boolean
}

/** The newest release when this was written. */
const NEWEST = '2.11.0'
/** Debian's packages are for this one; what is from PyPI runs on it as well. */
const DEBIAN_PYTHON = '/usr/bin/python3'

/** Finds or installs what Debian packages. */
export async function debian(): Promise<Kazoo> {
  const asks = ['-c', 'import kazoo.version; print(kazoo.version.__version__)'] as const
  if (!await succeeds(DEBIAN_PYTHON, ...asks)) await installPackage('python3-kazoo')
  const version = await command(DEBIAN_PYTHON, asks)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return {
    name: `Debian's kazoo ${version}`, python: DEBIAN_PYTHON, folder: '',
    hasSoundReaders: major > 2 || (major === 2 && minor >= 9),
  }
}

/** The Python that has pip, if any; Debian packages pip separately. */
async function pythonWithPip(): Promise<string> {
  for (const python of ['python3', DEBIAN_PYTHON]) {
    if (await succeeds(python, '-m', 'pip', '--version')) return python
  }
  await installPackage('python3-pip')
  return DEBIAN_PYTHON
}

/** Installs packages from PyPI into a folder of their own, which is kept; resolves to the folder. */
export async function fromPypi(name: string, packages: readonly string[]): Promise<string> {
  const home = join(tmpdir(), name)
  if (existsSync(home)) return home
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  try {
    const python = await pythonWithPip()
    await command(python, ['-m', 'pip', 'install', '-q', '--target', folder, ...packages])
    // Another process may have been faster: its folder is as good.
    if (!existsSync(home)) renameSync(folder, home)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return home
}

/** Finds or installs the newest release. */
export async function newest(): Promise<Kazoo> {
  const folder = await fromPypi(`kazoo-${NEWEST}`, [`kazoo==${NEWEST}`])
  return { name: `kazoo ${NEWEST}`, python: DEBIAN_PYTHON, folder, hasSoundReaders: true }
}
