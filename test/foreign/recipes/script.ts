import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Kazoo } from '../kazoo/install.ts'

const LIMIT_MS = 60_000

/** A program that uses another library and talks in lines. */
export class Script {
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #waiting = new Set<() => void>()
  #error = ''
  #isOver = false

  /** One that uses kazoo; `file` is its address, beside this one. */
  static ofKazoo(kazoo: Kazoo, file: string, args: readonly string[]): Script {
    const path = fileURLToPath(new URL(file, import.meta.url))
    return new Script(kazoo.python, ['-B', path, ...args], { PYTHONPATH: kazoo.folder })
  }

  constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
    this.#child.stderr!.on('data', (chunk: Buffer) => { this.#error += chunk.toString() })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#lines.push(line)
      this.#changed()
    })
    this.#child.once('close', () => {
      this.#isOver = true
      this.#changed()
    })
  }

  tell(...words: readonly string[]): void {
    this.#child.stdin!.write(`${words.join(' ')}\n`)
  }

  /** The next line that it has said or says. */
  async says(): Promise<string> {
    const deadline = performance.now() + LIMIT_MS
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined) return line
      const leftMs = deadline - performance.now()
      if (this.#isOver || leftMs <= 0) throw new Error(`it said nothing more: ${this.#error.slice(-2_000)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (this.#isOver) return
    const over = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await over
  }

  #changed(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}
