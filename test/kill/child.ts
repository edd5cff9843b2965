import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ChildSettings, Command, Report } from './protocol.ts'

/** One run of one peer process, as far as its reports tell. */
export class Child {
  readonly settings: ChildSettings
  /** Resolves when the process is gone and everything it wrote was read. */
  readonly ended: Promise<void>
  /** Acknowledged writes of this process. */
  acknowledged = 0
  leads = false
  /** Serving, with all of its writers' sessions open. */
  isUp = false
  health = ''
  /** By writer: the state of its session, as last told. */
  readonly sessions = new Map<string, string>()
  /** States that no session of a living process may ever have, and other ends. */
  readonly failures: string[] = []
  readonly log: string[] = []
  /** The driver ends it: sessions may close from now on. */
  #isEnding = false
  #isServing = false
  #hasEnded = false
  readonly #process: ChildProcess
  readonly #note: (report: Report) => void
  readonly #waiting = new Set<() => void>()

  constructor(script: string, settings: ChildSettings, env: NodeJS.ProcessEnv, note: (report: Report) => void) {
    this.settings = settings
    this.#note = note
    const child = spawn(process.execPath, [script, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env },
    })
    this.#process = child
    // Writing to a process that was just killed is no failure.
    child.stdin.on('error', (error) => this.log.push(String(error)))
    child.stderr.on('data', (chunk: Buffer) => this.failures.push(`${this.name} wrote: ${chunk.toString()}`))
    createInterface({ input: child.stdout }).on('line', (line) => this.#onLine(line))
    this.ended = once(child, 'close').then(() => {
      this.#hasEnded = true
      if (!this.#isEnding) this.failures.push(`${this.name} ended by itself`)
      this.#changed()
    })
  }

  get name(): string {
    return `process ${this.settings.id}.${this.settings.incarnation}`
  }

  /** No way to defend itself. */
  kill(): Promise<void> {
    this.#isEnding = true
    this.#process.kill('SIGKILL')
    return this.ended
  }

  /** A clean end. */
  async stop(): Promise<void> {
    this.#isEnding = true
    this.#process.kill('SIGTERM')
    await this.ended
    if (this.#process.exitCode !== 0) {
      this.failures.push(`${this.name} ended with ${this.#process.exitCode ?? this.#process.signalCode}`)
    }
  }

  /** Nothing of it runs until `thaw`; the system still answers for its sockets. */
  freeze(): void {
    this.#process.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process.kill('SIGCONT')
  }

  send(command: Command): void {
    this.#process.stdin!.write(`${JSON.stringify(command)}\n`)
  }

  /** Sends the command and waits for the report that answers it. */
  ask<K extends 'quiet' | 'settled' | 'dumped'>(
    command: Command, kind: K, limitMs: number,
  ): Promise<Extract<Report, { kind: K }>> {
    let answer: Report | null = null
    this.#onAnswer = (report) => {
      if (report.kind === kind) answer = report
    }
    this.send(command)
    return this.until(() => answer !== null, limitMs, kind)
      .then(() => answer as unknown as Extract<Report, { kind: K }>)
  }

  #onAnswer: ((report: Report) => void) | null = null

  /** Resolves as soon as it is true, checked at every report. Rejects after the limit and at the end of the process. */
  async until(is: () => boolean, limitMs: number, what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        if (error) reject(error)
        else resolve()
      }
      const timer = setTimeout(() => settle(new Error(`${this.name}: not ${what} within ${limitMs} ms`)), limitMs)
      const check = (): void => {
        if (is()) settle()
        else if (this.#hasEnded) settle(new Error(`${this.name} ended before it was ${what}`))
      }
      this.#waiting.add(check)
      check()
    })
  }

  #changed(): void {
    for (const check of Array.from(this.#waiting)) check()
  }

  #onLine(line: string): void {
    let report: Report
    try {
      report = JSON.parse(line) as Report
    } catch (error) {
      // The kill came in the middle of a line; nothing else may be torn.
      if (!this.#isEnding) this.failures.push(`${this.name}: ${String(error)} in ${line}`)
      return
    }
    this.#take(report)
    this.#note(report)
    this.#onAnswer?.(report)
    this.#changed()
  }

  #take(report: Report): void {
    switch (report.kind) {
      case 'recovered':
        if (report.damage !== 'none') this.failures.push(`${this.name} found its ${report.damage} damaged`)
        break
      case 'role': this.leads = report.role === 'leading'; break
      case 'serving':
        this.#isServing = report.serving
        this.health = report.health
        break
      case 'open': this.sessions.set(report.writer, 'connected'); break
      case 'state': this.#onState(report.writer, report.state, report.code); break
      case 'created': case 'deleted': case 'counted': this.acknowledged += 1; break
      case 'fatal':
        if (!this.#isEnding) this.failures.push(`${this.name} stopped: ${report.code} ${report.reason}`)
        break
      case 'log': this.log.push(report.text); break
      default: break
    }
    this.isUp = this.#isServing && this.sessions.size === this.settings.writers &&
      Array.from(this.sessions.values()).every((state) => state === 'connected')
  }

  #onState(writer: string, state: string, code: string | null): void {
    if (this.sessions.has(writer)) this.sessions.set(writer, state)
    const isFinal = state === 'expired' || state === 'closed'
    if (isFinal && !this.#isEnding) this.failures.push(`the session of ${writer} is ${state}: ${code}`)
  }
}
