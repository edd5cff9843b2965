import { CONFIG_PATH } from '../core/tree/path.ts'
import type { MultiOp, OpResult, Outcome, Request, Result, WatchableRead } from '../core/tree/request.ts'

/** Where the paths of a client begin, as the server has it: nobody beyond the channel sees it. */
export class Chroot {
  readonly #root: string

  /** Empty: the server's own root. */
  constructor(root: string) {
    this.#root = root
  }

  get isRoot(): boolean {
    return this.#root === ''
  }

  /** The path as the server knows it. The configuration is the server's own, wherever the root is. */
  outward(path: string): string {
    if (path === CONFIG_PATH) return path
    return path === '/' ? this.#root : this.#root + path
  }

  /** A root cannot be deleted: no server does it to its own, so that one is named for the client's. */
  #deletable(path: string): string {
    return path === '/' ? path : this.outward(path)
  }

  /** The path as the client knows it. */
  inward(path: string): string {
    if (path === this.#root) return '/'
    return path.startsWith(`${this.#root}/`) ? path.slice(this.#root.length) : path
  }

  /** The request with the server's paths. */
  request(request: Request): Request {
    if (this.isRoot) return request
    switch (request.op) {
      case 2: return { ...request, path: this.#deletable(request.path) }
      case 14: {
        const outward = (op: MultiOp): MultiOp =>
          ({ ...op, path: op.op === 2 ? this.#deletable(op.path) : this.outward(op.path) })
        return { op: 14, ops: request.ops.map(outward) }
      }
      case 22: return { op: 22, ops: request.ops.map((op): WatchableRead => ({ ...op, path: this.outward(op.path) })) }
      case 101: case 105: {
        const all = (paths: readonly string[]): string[] => paths.map((path) => this.outward(path))
        const { data, exist, child, persistent, recursive } = request
        return {
          ...request, data: all(data), exist: all(exist), child: all(child), persistent: all(persistent),
          recursive: all(recursive),
        }
      }
      // A prefix is no path: all of the client's own begin with the root.
      case 103: return { op: 103, path: request.path === '' ? `${this.#root}/` : this.#root + request.path }
      default: return 'path' in request ? { ...request, path: this.outward(request.path) } : request
    }
  }

  /** The outcome with the client's paths. */
  outcome(outcome: Outcome): Outcome {
    if (this.isRoot || outcome.code !== 'Ok') return outcome
    return { code: 'Ok', result: this.#result(outcome.result) }
  }

  #result<T extends Result>(result: T): T | Result {
    if (result.op === 14 || result.op === 22) {
      const results = result.results.map((one): OpResult => (one.op === -1 ? one : this.#result(one)))
      return { op: result.op, results }
    }
    if (result.op === 103) return { op: 103, paths: result.paths.map((path) => this.inward(path)) }
    return 'path' in result ? { ...result, path: this.inward(result.path) } : result
  }
}
