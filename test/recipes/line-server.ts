/** A server of which the test plays as much as one lock takes: what it says proves no more than ZooKeeper's does. */
import type { Outcome, Request, Result } from '../../lib/core/tree/request.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { writeEvent, Xid } from '../../lib/wire/jute/records.ts'
import { settle, someStat } from '../client/fakes.ts'
import { wired } from '../client/wire-server.ts'
import type { WireLink, Wired } from '../client/wire-server.ts'

/** A line with one lock in it, and a client connected to its server. */
export class LineServer {
  readonly wire: Wired
  /** Who stands in line, by the names of their nodes. */
  readonly names: string[] = []
  /** Requests in their order: `create`, `children`. */
  readonly heard: string[] = []
  /** False: as a server that is cut off from its leader, it answers pings and reads, and no writes. */
  commits = true
  readonly #answered = new Map<WireLink, { requests: number, pings: number }>()

  static async start(timeoutMs: number): Promise<LineServer> {
    return new LineServer(await wired(timeoutMs))
  }

  private constructor(wire: Wired) {
    this.wire = wire
  }

  /** Lets time pass, and answers whatever comes. */
  async pass(ms: number, stepMs = 50): Promise<void> {
    for (let leftMs = ms; leftMs >= 0; leftMs -= stepMs) {
      await this.answer()
      if (leftMs > 0) this.wire.clock.pass(Math.min(stepMs, leftMs))
    }
  }

  /** Answers what has come, and what comes of the answers, while the clock stands still. */
  async answer(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      this.#answerNow(this.wire.servers.last)
      await settle()
    }
  }

  /** The node of another one goes, which whoever watches is told. */
  leave(name: string): void {
    this.names.splice(this.names.indexOf(name), 1)
    const path = `/l/${name}`
    this.wire.servers.last.frames((writer) => writeEvent(writer, { type: 2, path, zxid: makeZxid(1, 9) }))
  }

  #answerNow(link: WireLink): void {
    const done = this.#answered.get(link) ?? { requests: 0, pings: 0 }
    this.#answered.set(link, done)
    const pings = link.said.filter((word) => word === 'ping').length
    for (; done.pings < pings; done.pings++) link.plain(Xid.ping)
    for (; done.requests < link.requests.length; done.requests++) {
      const { xid, request } = link.requests[done.requests]!
      const outcome = this.#outcome(request)
      if (outcome === null) return
      link.reply(xid, outcome)
    }
  }

  #outcome(request: Request): Outcome | null {
    const result = this.#result(request)
    return result === undefined ? null : result === null ? { code: 'NoNode', result } : { code: 'Ok', result }
  }

  /** Null: there is no such node. Undefined: no answer yet. */
  #result(request: Request): Result | null | undefined {
    switch (request.op) {
      case 4: {
        this.heard.push('get')
        const name = request.path.slice('/l/'.length)
        if (request.path.startsWith('/l/') && !this.names.includes(name)) return null
        return { op: 4, data: new Uint8Array(), stat: someStat() }
      }
      case 8:
        this.heard.push('children')
        return { op: 8, children: [...this.names] }
      case 9: return { op: 9, path: request.path }
      case 101: case 105: return { op: request.op }
      default: return this.commits ? this.#committed(request) : undefined
    }
  }

  #committed(request: Request): Result | null {
    switch (request.op) {
      case 15: {
        this.heard.push('create')
        const path = `${request.path}${String(this.names.length).padStart(10, '0')}`
        this.names.push(path.slice('/l/'.length))
        return { op: 15, path, stat: someStat() }
      }
      case 14:
        this.heard.push('multi')
        return { op: 14, results: request.ops.map(() => ({ op: 13 })) }
      case 2:
        this.heard.push('delete')
        this.names.splice(this.names.indexOf(request.path.slice('/l/'.length)), 1)
        return { op: 2 }
      default: throw new Error(`the server of a test does not know ${request.op}`)
    }
  }
}
