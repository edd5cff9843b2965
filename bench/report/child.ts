import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Runs a bench in a process of its own and hands on what it prints, a JSON value a line. */
export async function runBench(
  script: string, args: readonly string[], onValue: (value: unknown) => void,
): Promise<void> {
  const file = fileURLToPath(new URL(`../${script}`, import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (text) => { errors = (errors + String(text)).slice(-2_000) })
  const ended = new Promise<number | null>((resolve) => { child.once('close', resolve) })
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) onValue(JSON.parse(line))
  }
  const code = await ended
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}: ${errors.trim()}`)
}

/** The only value that a bench prints. */
export async function oneValue<T>(script: string, args: readonly string[]): Promise<T> {
  let value: T | undefined
  await runBench(script, args, (found) => { value = found as T })
  if (value === undefined) throw new Error(`${script} ${args.join(' ')} printed nothing`)
  return value
}
