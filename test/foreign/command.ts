/** Runs the commands that install what is foreign. */
import { spawn } from 'node:child_process'

const TIMEOUT_MS = 180_000

/** Resolves to what the command printed; rejects with it when the command fails. */
export function command(program: string, args: readonly string[], cwd = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
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

/** Whether a command can be run and succeeds. */
export function succeeds(program: string, ...args: readonly string[]): Promise<boolean> {
  return command(program, args).then(() => true, () => false)
}

/** Installs Debian's package. */
export async function installPackage(name: string): Promise<void> {
  await command('apt-get', ['update', '-qq'])
  await command('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name])
}
