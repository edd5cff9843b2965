import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** A process that is killed, stopped and resumed, and may not end by itself. */
export class Victim {
  readonly name: string
  /** Resolves when it is gone and everything it wrote was read. */
  readonly ended: Promise<void>
  isStopped = false
  readonly child: ChildProcess
  #isEnding = false

  constructor(name: string, args: readonly string[], onWrong: (what: string) => void) {
    this.name = name
    this.child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let complaint = ''
    this.child.stderr!.on('data', (chunk: Buffer) => { complaint = (complaint + chunk.toString()).slice(-2_000) })
    // Writing to a process that was just killed is no failure.
    this.child.stdin!.on('error', (error) => { complaint += String(error) })
    this.ended = once(this.child, 'close').then(() => {
      const { exitCode, signalCode } = this.child
      if (!this.#isEnding) onWrong(`${name} ended by itself (${exitCode ?? signalCode}): ${complaint}`)
    })
  }

  get isGone(): boolean {
    return this.#isEnding
  }

  /** SIGKILL, which also ends what is stopped. */
  kill(): Promise<void> {
    this.#isEnding = true
    this.child.kill('SIGKILL')
    return this.ended
  }

  stop(): void {
    if (this.child.kill('SIGSTOP')) this.isStopped = true
  }

  resume(): void {
    this.child.kill('SIGCONT')
    this.isStopped = false
  }

  /** It may end now, as it was asked to. Resolves to false when it did not within the time, and is killed. */
  async endWithin(limitMs: number): Promise<boolean> {
    this.#isEnding = true
    const late = new Promise<false>((resolve) => { setTimeout(resolve, limitMs, false).unref() })
    const isOver = await Promise.race([this.ended.then(() => true), late])
    if (!isOver) await this.kill()
    return isOver
  }
}
