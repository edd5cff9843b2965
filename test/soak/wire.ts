import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

/** Bytes that wait in one direction of a connection above which its sender feels backpressure. */
const QUEUED_BYTES = 1024 * 1024

/** What becomes of the bytes that one end sends to another. */
export class Lane {
  #isHeld = false
  #delayMs = 0
  readonly #changed = new Set<() => void>()

  /** Nothing arrives, as when packets are dropped; what was sent arrives as soon as this is false again. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Everything arrives so much later. */
  get delayMs(): number {
    return this.#delayMs
  }

  set({ isHeld = this.#isHeld, delayMs = this.#delayMs }: { isHeld?: boolean, delayMs?: number }): void {
    this.#isHeld = isHeld
    this.#delayMs = delayMs
    for (const tell of Array.from(this.#changed)) tell()
  }

  /** Calls back at every change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#changed.add(listener)
    return () => void this.#changed.delete(listener)
  }
}

/** Carries what comes from one socket to the other, as a lane has it. */
class Pump {
  readonly #from: Socket
  readonly #to: Socket
  readonly #lane: Lane
  /** Null: the end of the stream. */
  readonly #queue: { readonly chunk: Buffer | null, readonly dueMs: number }[] = []
  #queuedBytes = 0
  #isOver = false
  #timer: NodeJS.Timeout | null = null
  readonly #forget: () => void

  constructor(from: Socket, to: Socket, lane: Lane) {
    this.#from = from
    this.#to = to
    this.#lane = lane
    this.#forget = lane.onChange(() => this.#flush())
    from.on('data', (chunk: Buffer) => this.#put(chunk))
    from.on('end', () => this.#put(null))
    from.on('close', () => this.#put(null))
    to.on('drain', () => this.#flush())
    to.on('close', () => this.#end())
    this.#flush()
  }

  #put(chunk: Buffer | null): void {
    if (this.#isOver) return
    this.#queue.push({ chunk, dueMs: performance.now() + this.#lane.delayMs })
    this.#queuedBytes += chunk?.length ?? 0
    this.#flush()
  }

  #flush(): void {
    if (this.#isOver) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    while (!this.#lane.isHeld && !this.#to.destroyed && this.#to.writableLength < QUEUED_BYTES) {
      const next = this.#queue[0]
      if (next === undefined) break
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#flush(), waitMs)
        break
      }
      this.#queue.shift()
      this.#queuedBytes -= next.chunk?.length ?? 0
      if (next.chunk !== null) this.#to.write(next.chunk)
      else if (this.#from.destroyed) this.#to.destroySoon()
      else this.#to.end()
    }
    if (this.#lane.isHeld || this.#queuedBytes > QUEUED_BYTES) this.#from.pause()
    else this.#from.resume()
  }

  /** Nobody is there any more to receive. The sender hears of it from the pump of the other direction. */
  #end(): void {
    this.#isOver = true
    this.#forget()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#queue.length = 0
    this.#from.resume()
  }
}

/** The other end hears of a reset. A socket whose end was sent already can only be closed. */
function reset(socket: Socket): void {
  if (socket.destroyed || socket.connecting || socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** A port of 127.0.0.1 that stands before another one: everything passes through two lanes, or is cut. */
export class Wire {
  /** True: connections are refused. */
  isCut = false
  readonly #target: number
  readonly #there: Lane
  readonly #back: Lane
  /** By the socket that was accepted: the one to the target, once there is one. */
  readonly #sockets = new Map<Socket, Socket | null>()
  readonly #server: Server

  /** `there`: what those who connect send; `back`: what the target answers. Resolves when the port is open. */
  static async open(port: number, target: number, there: Lane, back: Lane): Promise<Wire> {
    const wire = new Wire(target, there, back)
    wire.#server.listen(port, '127.0.0.1')
    await once(wire.#server, 'listening')
    return wire
  }

  private constructor(target: number, there: Lane, back: Lane) {
    this.#target = target
    this.#there = there
    this.#back = back
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) =>
      this.#accept(socket))
  }

  /** Resets the connections that exist, or those among them that are chosen. */
  reset(isChosen: () => boolean = () => true): void {
    for (const [socket, target] of Array.from(this.#sockets)) {
      if (!isChosen()) continue
      reset(socket)
      if (target !== null) reset(target)
    }
  }

  async close(): Promise<void> {
    this.#server.close()
    this.isCut = true
    this.reset()
    await once(this.#server, 'close')
  }

  #accept(socket: Socket): void {
    socket.on('error', (error) => void error)
    if (this.isCut) return reset(socket)
    this.#sockets.set(socket, null)
    socket.on('close', () => this.#sockets.delete(socket))
    const dial = (): void => {
      // A connection comes about when packets pass in both directions.
      if (this.#there.isHeld || this.#back.isHeld) return
      stop()
      if (!socket.destroyed) this.#join(socket)
    }
    const forgets = [this.#there.onChange(dial), this.#back.onChange(dial)]
    const stop = (): void => { for (const forget of forgets) forget() }
    socket.on('close', stop)
    dial()
  }

  #join(socket: Socket): void {
    const target = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    target.on('error', () => reset(socket))
    socket.on('close', () => { if (target.connecting) target.destroy() })
    target.once('connect', () => {
      if (socket.destroyed) return reset(target)
      this.#sockets.set(socket, target)
      void new Pump(socket, target, this.#there)
      void new Pump(target, socket, this.#back)
    })
  }
}
