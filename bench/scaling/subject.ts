import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Block } from './loop-watch.ts'
import type { Served } from './served.ts'

/** What a peer under measurement spent between `begin` and `end`. */
export interface Toll extends Block {
  /** Resident memory at the end, and the most there ever was. */
  readonly residentBytes: number
  readonly peakBytes: number
  /** Of what is resident: objects and strings in use, and binary data. */
  readonly heapBytes: number
  readonly bufferBytes: number
  /** Snapshots that were completed. */
  readonly snapshots: number
}

/** What can only be measured inside the process of the peer; see inside.ts. */
export type Inside = 'treeReads' | 'clientReads' | 'clientInFlight' | 'fan'

/** What the process of a peer is told. */
export type Command =
  | { readonly kind: 'begin' }
  | { readonly kind: 'end', readonly collect: boolean }
  | { readonly kind: 'inside', readonly name: Inside, readonly size: number }
  | { readonly kind: 'snapshotting' }
  | { readonly kind: 'delayDisk', readonly ms: number }

/** What it answers, to one command at a time. */
export type Answer =
  | { readonly kind: 'ready', readonly host: string }
  | { readonly kind: 'begun' }
  | { readonly kind: 'toll', readonly toll: Toll }
  /** Microseconds of each operation. */
  | { readonly kind: 'cost', readonly costUs: number }
  | { readonly kind: 'failed', readonly message: string }
  | { readonly kind: 'snapshotting', readonly is: boolean }
  | { readonly kind: 'delayed' }

/** One peer on LevelDB in a process of its own, which serves clients over TCP and watches its event loop. */
export class Subject implements Served {
  readonly host: string
  readonly folder: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, host: string, folder: string) {
    this.#child = child
    this.host = host
    this.folder = folder
  }

  static async start(): Promise<Subject> {
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'))
    const script = fileURLToPath(new URL('subject-process.js', import.meta.url))
    const child = fork(script, [join(folder, 'data')], { execArgv: ['--expose-gc'] })
    const { host } = await answerOf(child, 'ready')
    return new Subject(child, host, folder)
  }

  async #ask<K extends Answer['kind']>(command: Command, kind: K): Promise<Extract<Answer, { kind: K }>> {
    const answer = answerOf(this.#child, kind)
    this.#child.send(command)
    return answer
  }

  async begin(): Promise<void> {
    await this.#ask({ kind: 'begin' }, 'begun')
  }

  async end(collect = false): Promise<Toll> {
    return (await this.#ask({ kind: 'end', collect }, 'toll')).toll
  }

  /** Microseconds of each operation. */
  async inside(name: Inside, size: number): Promise<number> {
    return (await this.#ask({ kind: 'inside', name, size }, 'cost')).costUs
  }

  /** A snapshot is being written. */
  async snapshotting(): Promise<boolean> {
    return (await this.#ask({ kind: 'snapshotting' }, 'snapshotting')).is
  }

  /** From now on every write to its storage is told to be done so much later. */
  async delayDisk(ms: number): Promise<void> {
    await this.#ask({ kind: 'delayDisk', ms }, 'delayed')
  }

  /** Kills the process; its data stays. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function answerOf<K extends Answer['kind']>(child: ChildProcess, kind: K): Promise<Extract<Answer, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      child.off('message', onMessage)
      child.off('exit', onExit)
    }
    const onMessage = (message: unknown): void => {
      const answer = message as Answer
      settle()
      if (answer.kind === kind) resolve(answer as Extract<Answer, { kind: K }>)
      else reject(new Error(answer.kind === 'failed' ? answer.message : `answered ${answer.kind} instead of ${kind}`))
    }
    const onExit = (): void => {
      settle()
      reject(new Error(`the peer's process ended before it answered ${kind}`))
    }
    child.on('message', onMessage)
    child.once('exit', onExit)
  })
}
