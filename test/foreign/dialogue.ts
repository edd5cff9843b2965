/** Talks with a shell that others wrote: one line at a time, each with all that is printed until it is done. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

/** How the end of a command's output is found: by a command whose output is known and comes after it. */
export interface Mark {
  readonly line: string
  /** Is printed, among other things, when the line is done. */
  readonly sign: string
}

const TIMEOUT_MS = 30_000

/** One running shell. */
export class Dialogue {
  readonly #child: ChildProcess
  readonly #mark: (count: number) => Mark
  #text = ''
  #marks = 0
  #heard: () => void = () => undefined
  readonly #ended: Promise<number>

  constructor(program: string, args: readonly string[], mark: (count: number) => Mark) {
    this.#mark = mark
    // Output and errors through one pipe: of two, nobody knows what was printed first.
    this.#child = spawn('sh', ['-c', 'exec "$0" "$@" 2>&1', program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    const hear = (chunk: Buffer): void => {
      this.#text += chunk.toString()
      this.#heard()
    }
    this.#child.stdout?.on('data', hear)
    // A shell that ends too early is told by what is missing of its output.
    this.#child.stdin?.on('error', hear.bind(null, Buffer.alloc(0)))
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code) => {
        this.#heard()
        resolve(code ?? -1)
      })
    })
  }

  /** Resolves to what is printed from now on until `sign` was; rejects with it when it does not come. */
  until(sign: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        this.#heard = () => undefined
        reject(new Error(`${why} while waiting for '${sign}': ${this.#text}`))
      }
      const timer = setTimeout(() => fail(`nothing for ${TIMEOUT_MS} ms`), TIMEOUT_MS)
      this.#heard = () => {
        const at = this.#text.indexOf(sign)
        if (at >= 0) {
          clearTimeout(timer)
          this.#heard = () => undefined
          const text = this.#text.slice(0, at + sign.length)
          this.#text = this.#text.slice(at + sign.length)
          resolve(text)
        } else if (this.#child.exitCode !== null) {
          clearTimeout(timer)
          fail(`the end (${this.#child.exitCode})`)
        }
      }
      this.#heard()
    })
  }

  /** Gives a command and resolves to what was printed for it. */
  async ask(line: string): Promise<string> {
    const mark = this.#mark(this.#marks++)
    this.#child.stdin?.write(`${line}\n${mark.line}\n`)
    return (await this.until(mark.sign)).slice(0, -mark.sign.length)
  }

  /** Gives the last command; resolves to what was printed and how the shell ended. */
  async end(line: string): Promise<{ readonly text: string, readonly code: number }> {
    this.#child.stdin?.write(`${line}\n`)
    const timer = setTimeout(() => this.kill(), TIMEOUT_MS)
    const code = await this.#ended
    clearTimeout(timer)
    return { text: this.#text, code }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
