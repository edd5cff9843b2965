import { Op } from '../../core/tree/request.ts'

/** What `cons` calls an operation; everything else is NA. */
const OPERATION_NAMES: ReadonlyMap<number, string> = new Map([
  [-10, 'SESS'], [Op.closeSession, 'CLOS'], [Op.ping, 'PING'],
  [Op.create, 'CREA'], [Op.create2, 'CREA'], [Op.createContainer, 'CREA'], [Op.createTtl, 'CREA'],
  [Op.delete, 'DELE'], [Op.deleteContainer, 'DELE'], [Op.exists, 'EXIS'], [Op.getData, 'GETD'], [Op.setData, 'SETD'],
  [Op.getAcl, 'GETA'], [Op.setAcl, 'SETA'], [Op.getChildren, 'GETC'], [Op.getChildren2, 'GETC'],
  [Op.getAllChildrenNumber, 'GETACN'], [Op.getEphemerals, 'GETE'], [Op.sync, 'SYNC'], [Op.multi, 'MULT'],
  [Op.multiRead, 'MLTR'], [Op.check, 'CHEC'], [Op.setWatches, 'SETW'], [Op.setWatches2, 'STW2'],
  [Op.addWatch, 'ADDW'], [Op.checkWatches, 'CHKW'], [Op.removeWatches, 'REMW'], [Op.reconfig, 'RECO'],
  [Op.whoAmI, 'HOMI'],
])

/** ZooKeeper's opcode of a connect request that opens a session; its reply counts like any other. */
export const OPEN_SESSION = -10

/** What goes through the leader. */
const UPDATES: ReadonlySet<number> = new Set([
  OPEN_SESSION, Op.closeSession, Op.create, Op.create2, Op.createContainer, Op.createTtl, Op.delete,
  Op.deleteContainer, Op.setData, Op.setAcl, Op.multi, Op.reconfig,
])

/** Smallest, largest and mean of durations in ms. */
export class Durations {
  count = 0
  sumMs = 0
  maxMs = 0
  #leastMs = Infinity

  add(elapsedMs: number): void {
    this.count += 1
    this.sumMs += elapsedMs
    if (elapsedMs > this.maxMs) this.maxMs = elapsedMs
    if (elapsedMs < this.#leastMs) this.#leastMs = elapsedMs
  }

  /** 0 before the first. */
  get minMs(): number {
    return this.count === 0 ? 0 : this.#leastMs
  }

  get meanMs(): number {
    return this.count === 0 ? 0 : this.sumMs / this.count
  }

  reset(): void {
    this.count = 0
    this.sumMs = 0
    this.maxMs = 0
    this.#leastMs = Infinity
  }
}

/** Sizes of messages of one kind: the last, the smallest and the largest; -1 before the first. */
export class MessageSizes {
  lastBytes = -1
  minBytes = -1
  maxBytes = -1

  add(bytes: number): void {
    this.lastBytes = bytes
    if (this.minBytes === -1 || bytes < this.minBytes) this.minBytes = bytes
    if (bytes > this.maxBytes) this.maxBytes = bytes
  }

  reset(): void {
    this.lastBytes = this.minBytes = this.maxBytes = -1
  }
}

/** What a client port counts over all of its connections, which feed it: plain fields, on the path of every request. */
export class ServerStats {
  /** Frames and four-letter words. */
  receivedPackets = 0
  sentPackets = 0
  readonly latency: Durations = new Durations()
  /** Reads alone, and all others alone; no reset touches them. */
  readonly reads: Durations = new Durations()
  readonly updates: Durations = new Durations()
  /** Replies with their header, without the length before them. */
  readonly responses: MessageSizes = new MessageSizes()

  /** A request with this opcode was answered. */
  replied(op: number, latencyMs: number): void {
    this.latency.add(latencyMs)
    if (UPDATES.has(op)) this.updates.add(latencyMs)
    else this.reads.add(latencyMs)
  }

  /** What `srst` does. */
  reset(): void {
    this.receivedPackets = 0
    this.sentPackets = 0
    this.latency.reset()
    this.responses.reset()
  }
}

/** What one connection counts, and its port with it. */
export class ConnectionStats {
  /** Wall time of its beginning. */
  readonly establishedWallMs: number
  receivedPackets = 0
  sentPackets = 0
  /** -1 before the first; `cons` leaves it out then. */
  lastXid = -1
  /** -1 before the first reply. */
  lastZxid = -1
  /** On the monotonic clock; 0 before the first reply. */
  lastReplyMs = 0
  lastLatencyMs = 0
  readonly latency: Durations = new Durations()
  readonly #server: ServerStats
  #lastOp = 0

  constructor(server: ServerStats, establishedWallMs: number) {
    this.#server = server
    this.establishedWallMs = establishedWallMs
  }

  /** The last operation as `cons` names it. */
  get lastOperation(): string {
    return OPERATION_NAMES.get(this.#lastOp) ?? 'NA'
  }

  /** A frame came in, the connect request among them, or a four-letter word. */
  received(): void {
    this.receivedPackets += 1
    this.#server.receivedPackets += 1
  }

  /**
   * A request was answered. `op` is its opcode, or OPEN_SESSION with xid 0; `zxid` stands in the reply; the latency
   * runs from the arrival of the request. A failed write other than a multi has no name afterwards, and a negative
   * xid is never the last one.
   */
  replied(op: number, xid: number, zxid: number, latencyMs: number, nowMs: number, isFailed = false): void {
    this.notified()
    this.#lastOp = isFailed && op !== Op.multi && UPDATES.has(op) ? 0 : op
    if (xid >= 0) this.lastXid = xid
    this.lastZxid = zxid
    this.lastReplyMs = nowMs
    this.lastLatencyMs = latencyMs
    this.latency.add(latencyMs)
    this.#server.replied(op, latencyMs)
  }

  /** Anything else left: an event, the reply to auth or to a resumed session, the answer to a four-letter word. */
  notified(): void {
    this.sentPackets += 1
    this.#server.sentPackets += 1
  }

  /** A reply was written, of this length with its header, without the length before it. */
  responded(bytes: number): void {
    this.#server.responses.add(bytes)
  }

  /** What `crst` does; the port's counts stay. */
  reset(): void {
    this.receivedPackets = 0
    this.sentPackets = 0
    this.lastXid = -1
    this.lastZxid = -1
    this.lastReplyMs = 0
    this.lastLatencyMs = 0
    this.latency.reset()
    this.#lastOp = 0
  }
}
