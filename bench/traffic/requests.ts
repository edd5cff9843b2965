/** Frames of requests, made once and then copied: a generator of load must cost less than what it loads. */
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { writeConnectRequest } from '../../lib/wire/jute/records.ts'
import { writeRequest } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'

/** Where a frame holds its xid, behind its length. */
const XID_AT = 4
const PASSWORD_BYTES = 16
/** Digits that stand for a number in a path. */
const DIGITS = 8
export const BLANK: string = '0'.repeat(DIGITS)
/** A path with a number in it, as frames write it. */
export function numbered(path: string, number: number): string {
  return path.replace(BLANK, String(number).padStart(DIGITS, '0'))
}

/** Of two numbers in a path the first is the rest of the second by this: `/d{BLANK}/n{BLANK}` spreads over parents. */
export const TOPS = 1_000

/** The first word of a new session. */
export function helloFrame(timeoutMs: number): Uint8Array {
  const writer = new JuteWriter()
  writeConnectRequest(writer, {
    lastZxidSeen: ZXID_ZERO, timeoutMs, session: NO_SESSION, password: new Uint8Array(PASSWORD_BYTES), readOnly: false,
  })
  return writer.frame().slice()
}

/** A request as bytes, of which only the xid and, where there is one, the number in its path change. */
export class RequestFrame {
  readonly bytes: Uint8Array
  /** Where the digits stand; -1 for a path without. */
  readonly #digitsAt: number
  readonly #topAt: number

  constructor(request: Request) {
    const writer = new JuteWriter()
    writeRequest(writer, 0, request)
    this.bytes = writer.frame().slice()
    const first = Buffer.from(this.bytes).indexOf(BLANK)
    const second = first < 0 ? -1 : Buffer.from(this.bytes).indexOf(BLANK, first + DIGITS)
    this.#digitsAt = second < 0 ? first : second
    this.#topAt = second < 0 ? -1 : first
  }

  /** Copies it to `at`; answers where it ends. */
  write(out: Uint8Array, at: number, xid: number, number = 0): number {
    out.set(this.bytes, at)
    out[at + XID_AT] = xid >>> 24
    out[at + XID_AT + 1] = xid >>> 16
    out[at + XID_AT + 2] = xid >>> 8
    out[at + XID_AT + 3] = xid
    if (this.#digitsAt >= 0) writeDigits(out, at + this.#digitsAt, number)
    if (this.#topAt >= 0) writeDigits(out, at + this.#topAt, number % TOPS)
    return at + this.bytes.length
  }
}

function writeDigits(out: Uint8Array, at: number, number: number): void {
  let rest = number
  for (let digit = at + DIGITS - 1; rest > 0; digit--) {
    const next = Math.floor(rest / 10)
    out[digit] = 48 + rest - 10 * next
    rest = next
  }
}

/** A getData, with or without a watch. */
export function getFrame(path: string, watch = false): RequestFrame {
  return new RequestFrame({ op: 4, path, watch })
}

/** An exists, with or without a watch. */
export function existsFrame(path: string, watch = false): RequestFrame {
  return new RequestFrame({ op: 3, path, watch })
}

/** A setData of any version. */
export function setFrame(path: string, data: Uint8Array): RequestFrame {
  return new RequestFrame({ op: 5, path, data, version: -1 })
}

/** Several sets as one write. */
export function multiSetFrame(paths: readonly string[], data: Uint8Array | null): RequestFrame {
  return new RequestFrame({ op: 14, ops: paths.map((path) => ({ op: 5, path, data, version: -1 })) })
}

/** Several creates as one write, of nodes without data that all may do everything with. */
export function multiCreateFrame(paths: readonly string[]): RequestFrame {
  return new RequestFrame({
    op: 14, ops: paths.map((path) => ({ op: 1, path, data: null, acl: OPEN_ACL, flags: 0, ttlMs: -1 })),
  })
}

/** Several deletes as one write. */
export function multiDeleteFrame(paths: readonly string[]): RequestFrame {
  return new RequestFrame({ op: 14, ops: paths.map((path) => ({ op: 2, path, version: -1 })) })
}

/** A create that all may do everything with; flags 1: ephemeral. */
export function createFrame(path: string, data: Uint8Array | null, flags = 0): RequestFrame {
  return new RequestFrame({ op: 1, path, data, acl: OPEN_ACL, flags, ttlMs: -1 })
}

/** A delete of any version. */
export function deleteFrame(path: string): RequestFrame {
  return new RequestFrame({ op: 2, path, version: -1 })
}

/** What makes the reads that follow on its connection see all that was acknowledged before. */
export function syncFrame(path: string): RequestFrame {
  return new RequestFrame({ op: 9, path })
}

/** The list of children, without a stat. */
export function listFrame(path: string): RequestFrame {
  return new RequestFrame({ op: 8, path, watch: false })
}

/** How many nodes there are below one, at every depth. */
export function countFrame(path: string): RequestFrame {
  return new RequestFrame({ op: 104, path })
}

/** The ephemeral nodes of the session whose paths begin so. */
export function ephemeralsFrame(prefix: string): RequestFrame {
  return new RequestFrame({ op: 103, path: prefix })
}

/** The end of a session. */
export function closeFrame(): RequestFrame {
  return new RequestFrame({ op: -11 })
}
