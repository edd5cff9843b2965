import { ZkError } from '../core/errors.ts'
import type { MultiOp, OpResult, Outcome, Request, WatchableRead } from '../core/tree/request.ts'
import type { Stat } from '../core/tree/stat.ts'
import { checkOptions, checkSignal } from './options.ts'
import type { CreatedInMulti } from './outcomes.ts'
import { pickMulti, pickMultiRead } from './outcomes.ts'
import { requestBytes } from './request-size.ts'
import {
  CREATE_OPTIONS, VERSION_OPTIONS, checkPath, createRequest, deleteRequest, setRequest, versionOf,
} from './requests.ts'
import type { CreateOptions, VersionOptions } from './requests.ts'
import type { Session } from './session.ts'
import type { Data, NodeData } from './values.ts'

/** What every call takes. */
export interface CallOptions {
  /** Gives up waiting: the call rejects with Aborted. */
  readonly signal?: AbortSignal
}

/** Names of the options that every call takes, for the checks. */
export const CALL_OPTIONS: readonly string[] = ['signal']

/** Throws TypeError for options that are none, or not those of the call. */
export function checkCall(options: CallOptions | undefined, known: readonly string[] = CALL_OPTIONS): void {
  if (options === undefined) return
  checkOptions(options, known)
  checkSignal(options.signal)
}

/**
 * Several changes that happen together or not at all. `commit` gives their results in order; it rejects with the error
 * of the operation that failed, with that operation's path and, in `results`, the code of each.
 */
export class Multi<Results extends readonly unknown[] = []> {
  readonly #session: Session
  readonly #ops: MultiOp[] = []
  readonly #withStat = new Set<number>()
  #isCommitted = false

  constructor(session: Session) {
    this.#session = session
  }

  /** Result: the final path. */
  create(path: string, data?: Data, options?: CreateOptions): Multi<[...Results, string]> {
    checkOptions(options, CREATE_OPTIONS)
    return this.#add(createRequest(path, data, options, false, this.#session.copies))
  }

  /** Result: the final path, and the stat if the server gives one. */
  createWithStat(path: string, data?: Data, options?: CreateOptions): Multi<[...Results, CreatedInMulti]> {
    checkOptions(options, CREATE_OPTIONS)
    const request = createRequest(path, data, options, true, this.#session.copies)
    this.#withStat.add(this.#ops.length)
    return this.#add(request)
  }

  /** Result: the new stat. */
  set(path: string, data: Data, options?: VersionOptions): Multi<[...Results, Stat]> {
    checkOptions(options, VERSION_OPTIONS)
    return this.#add(setRequest(path, data, options, this.#session.copies))
  }

  delete(path: string, options?: VersionOptions): Multi<[...Results, undefined]> {
    checkOptions(options, VERSION_OPTIONS)
    return this.#add(deleteRequest(path, options))
  }

  /** Nothing happens unless the node exists and has this version (any, when left out). */
  check(path: string, version?: number): Multi<[...Results, undefined]> {
    return this.#add({ op: 13, path: checkPath(path), version: versionOf(version === undefined ? {} : { version }) })
  }

  /** Once only. */
  commit(options?: CallOptions): Promise<Results> {
    return new Promise((resolve, reject) => {
      checkCall(options)
      if (this.#isCommitted) throw new TypeError('this multi was committed before')
      this.#isCommitted = true
      const pick = (outcome: Outcome, request: Request): Results | ZkError => {
        const results = pickMulti(outcome, request)
        if (results instanceof ZkError) return results
        return results.map((result, index) => this.#value(result, index)) as unknown as Results
      }
      this.#session.submit({ op: 14, ops: this.#ops }, pick, options?.signal, resolve, reject)
    })
  }

  /** @internal What it brings along, as `requestBytes` counts it. */
  get bytes(): number {
    return requestBytes({ op: 14, ops: this.#ops })
  }

  #value(result: OpResult, index: number): unknown {
    switch (result.op) {
      case 1: return this.#withStat.has(index) ? { path: result.path, stat: undefined } : result.path
      case 15: case 19: case 21:
        return this.#withStat.has(index) ? { path: result.path, stat: result.stat } : result.path
      case 5: return result.stat
      default: return undefined
    }
  }

  #add<More extends readonly unknown[]>(op: MultiOp): Multi<More> {
    if (this.#isCommitted) throw new TypeError('this multi was committed before')
    this.#ops.push(op)
    return this as unknown as Multi<More>
  }
}

/** Several reads in one request; each has its own success or error, which comes as a value. */
export class MultiRead<Results extends readonly unknown[] = []> {
  readonly #session: Session
  readonly #ops: WatchableRead[] = []

  constructor(session: Session) {
    this.#session = session
  }

  get(path: string): MultiRead<[...Results, NodeData | ZkError]> {
    return this.#add({ op: 4, path: checkPath(path), watch: false })
  }

  children(path: string): MultiRead<[...Results, string[] | ZkError]> {
    return this.#add({ op: 8, path: checkPath(path), watch: false })
  }

  commit(options?: CallOptions): Promise<Results> {
    return new Promise((resolve, reject) => {
      checkCall(options)
      const pick = pickMultiRead as unknown as (outcome: Outcome, request: Request) => Results | ZkError
      this.#session.submit({ op: 22, ops: [...this.#ops] }, pick, options?.signal, resolve, reject)
    })
  }

  #add<More extends readonly unknown[]>(op: WatchableRead): MultiRead<More> {
    this.#ops.push(op)
    return this as unknown as MultiRead<More>
  }
}
