/** Connections that send whatever bytes they are told, and a look at what a peer makes of them. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { ERROR_CODES } from '../../lib/core/errors.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import { FrameReader } from '../../lib/wire/frame.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import { readConnectResponse } from '../../lib/wire/jute/records.ts'
import { assert } from '../harness.ts'

const NUMBERS: ReadonlySet<number> = new Set(Object.values(ERROR_CODES).map(([number]) => number))
const TEXTS = /^imok|^Zookeeper version: |^\w{4} is not executed|^HTTP\/1\.1 4\d\d /
const LARGEST_BYTES = 2 ** 24

/**
 * Counts what a connection was answered until it ended: a greeting, coded replies and events, or the text of a word or
 * of a refused HTTP request.
 * Fails when it is anything else.
 */
export function checkAnswers(chunks: readonly Uint8Array[]): number {
  if (chunks.length === 0) return 0
  if (TEXTS.test(Buffer.concat(chunks).toString('latin1'))) return 1
  const frames = new FrameReader(LARGEST_BYTES)
  let count = 0
  for (const chunk of chunks) {
    frames.push(chunk)
    for (let frame = frames.next(); frame !== null; frame = frames.next()) {
      const reader = new JuteReader().reset(frame)
      count += 1
      if (count === 1) {
        assert.is(readConnectResponse(reader).password.length, 16)
        continue
      }
      reader.int()
      reader.long()
      const number = reader.int()
      assert.ok(NUMBERS.has(number), `a reply with the number ${number}`)
    }
  }
  return count
}

/** A stream under way. */
export interface Hurled {
  readonly socket: Socket
  /** All of it is with the kernel, or the connection is over. */
  readonly sent: Promise<void>
  /** What `checkAnswers` counts; settles when the connection is over. */
  readonly answers: Promise<number>
}

/** The port of an address at which the peer serves clients. */
export function portOf(peer: Peer, index = 0): number {
  return Number(/\d+$/.exec(peer.status().clientAddresses[index]!)?.[0])
}

/** Connects and sends the pieces, each in a turn of its own, whatever is answered. */
export function hurl(port: number, pieces: readonly Uint8Array[]): Hurled {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const chunks: Uint8Array[] = []
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk))
  // A reset is one of the answers.
  socket.on('error', () => socket.destroy())
  const sent = new Promise<void>((resolve) => {
    const queue = pieces.slice()
    const next = (): void => {
      const piece = queue.shift()
      if (piece === undefined || socket.destroyed) resolve()
      else socket.write(piece, () => setImmediate(next))
    }
    socket.once('connect', next)
    socket.once('close', () => resolve())
  })
  const answers = new Promise<number>((resolve, reject) => {
    socket.once('close', () => {
      try {
        resolve(checkAnswers(chunks))
      } catch (error) {
        reject(error as Error)
      }
    })
  })
  return { socket, sent, answers }
}
