import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import type { Outcome } from '../../../lib/core/tree/request.ts'
import { sessionIdOf } from '../../../lib/core/tree/stat.ts'
import { makeZxid } from '../../../lib/core/zxid.ts'
import { connectRemote } from '../../../lib/client/connect.ts'
import { writeConnectResponse, writeEvent } from '../../../lib/wire/jute/records.ts'
import { writePlainReply, writeReply } from '../../../lib/wire/jute/replies.ts'
import { written } from '../../wire/jute-records.ts'
import { settle, someStat } from '../../client/fakes.ts'
import { SleepyClock, WireServers } from '../../client/wire-server.ts'
import { joined } from '../mutate.ts'
import { streamMutated } from '../structure.ts'
import { must } from '../target.ts'
import type { Target } from '../target.ts'
import { chunksOf } from './frames.ts'

const stat = someStat()
const TIMEOUT_MS = 9_000
/** Closing ends by then, whatever the server does. */
const CLOSED_S = 60
const zxid = makeZxid(1, 1)
const acl = [{ perms: 31, scheme: 'world', id: 'anyone' }]
const ignore = (): void => undefined
const SHORTEST_GREETING = 24

/** Calls, in the order in which they are made, and what a server in order answers. */
const CALLS: readonly (readonly [(zk: Client) => Promise<unknown>, Outcome])[] = [
  [(zk) => zk.get('/a', { watch: ignore }), { code: 'Ok', result: { op: 4, data: new Uint8Array([1, 2, 3]), stat } }],
  [(zk) => zk.exists('/b', { watch: ignore }), { code: 'NoNode', result: null }],
  [(zk) => zk.children('/a', { watch: ignore }), { code: 'Ok', result: { op: 8, children: ['b', 'c'] } }],
  [(zk) => zk.childrenWithStat('/a'), { code: 'Ok', result: { op: 12, children: ['b'], stat } }],
  [(zk) => zk.getAcl('/a'), { code: 'Ok', result: { op: 6, acl, stat } }],
  [(zk) => zk.whoAmI(), { code: 'Ok', result: { op: 107, identities: [{ scheme: 'ip', id: '127.0.0.1' }] } }],
  [(zk) => zk.create('/a', 'x'), { code: 'Ok', result: { op: 1, path: '/a' } }],
  [(zk) => zk.set('/a', 'x'), { code: 'Ok', result: { op: 5, stat } }],
  [(zk) => zk.multi().create('/a', 'x').set('/b', 'y').delete('/c').commit(), {
    code: 'Ok', result: { op: 14, results: [{ op: 1, path: '/a' }, { op: 5, stat }, { op: 2 }] },
  }],
  [(zk) => zk.multiRead().get('/a').children('/b').commit(), {
    code: 'Ok', result: { op: 22, results: [{ op: 4, data: null, stat }, { op: -1, code: 'NoNode' }] },
  }],
  [(zk) => zk.sync('/a'), { code: 'Ok', result: { op: 9, path: '/a' } }],
  [(zk) => zk.ephemerals(), { code: 'Ok', result: { op: 103, paths: ['/a', '/b'] } }],
]

const welcome = written((writer) => writeConnectResponse(writer, {
  timeoutMs: TIMEOUT_MS, session: sessionIdOf(makeZxid(1, 7)), password: new Uint8Array(16).fill(3), readOnly: false,
})).slice()
const reply = (index: number): Uint8Array =>
  written((writer) => writeReply(writer, index + 1, zxid, CALLS[index]![1])).slice()
const event = (type: 1 | 2 | 3 | 4, path: string): Uint8Array =>
  written((writer) => writeEvent(writer, { type, path, zxid })).slice()
const plain = (xid: number, number: number): Uint8Array =>
  written((writer) => writePlainReply(writer, xid, zxid, number)).slice()

const all = CALLS.map((_, index) => reply(index))

async function session(input: Uint8Array): Promise<string> {
  const clock = new SleepyClock()
  const servers = new WireServers()
  const options = { shuffle: false, sessionTimeoutMs: TIMEOUT_MS, connectTimeoutMs: 4_000 }
  const connecting = connectRemote('zk://one:1/app', options, { clock, transports: [servers] })
    .then((client) => client, (error: unknown) => {
      if (!isZkError(error)) throw error
      return null
    })
  await settle()
  const link = servers.last
  const chunks = chunksOf(input)
  const outcomes: string[] = []
  let zk: Client | null = null
  let heard = 0
  for (const chunk of chunks) {
    link.bytes(chunk)
    heard += chunk.length
    // Before all of the greeting is there, nothing can come of it.
    if (zk !== null || heard < SHORTEST_GREETING) continue
    // As soon as it is connected it asks everything, in one go.
    zk = await Promise.race([connecting, settle().then(() => null)])
    if (zk === null) continue
    const client = zk
    client.on('event', ignore)
    for (const [call] of CALLS) {
      call(client).then(() => outcomes.push('value'), (error: unknown) => {
        outcomes.push(isZkError(error) ? error.code : `broken: ${String((error as Error).stack)}`)
      })
    }
    await settle()
  }
  if (chunks.length === 1) link.bytes(input.subarray(1 + welcome.length))
  await settle()
  const states = zk?.state ?? 'none'
  // Whatever is unanswered ends with the session.
  let isClosed = false
  const closing = Promise.all([connecting, zk?.close()]).then(() => { isClosed = true })
  for (let waited = 0; !isClosed; waited++) {
    must(waited < CLOSED_S, 'it does not close')
    clock.pass(1_000)
    await settle()
  }
  await closing
  must(zk === null || outcomes.length === CALLS.length, `${outcomes.length} of ${CALLS.length} calls came to an end`)
  for (const outcome of outcomes) must(!outcome.startsWith('broken'), outcome)
  return `${states} ${outcomes.filter((outcome) => outcome === 'value').length}`
}

/** A client whose server says whatever it likes. */
export const serversTarget: Target = {
  name: 'servers', about: 'what servers say to our client: greeting, replies, events, in any pieces', slice: 60,
    longest: 4_096,
  tokens: ['/app', '/app/a', '/app/b'],
  seeds: () => [0, 130].flatMap((way) => [
    joined(Uint8Array.of(way), welcome, ...all),
    joined(Uint8Array.of(way), welcome, ...all.slice(0, 3), event(3, '/app/a'), event(1, '/app/b'), event(4, '/app/a'),
      ...all.slice(3)),
    joined(Uint8Array.of(way), welcome, plain(-2, 0), plain(-4, 0), ...all.slice(0, 5), event(2, '/app/a')),
    joined(Uint8Array.of(way), welcome, plain(1, -101), plain(2, -4), plain(3, -112)),
    joined(Uint8Array.of(way), written((writer) => writeConnectResponse(writer, {
      timeoutMs: 0, session: sessionIdOf(makeZxid(1, 7)), password: new Uint8Array(16), readOnly: null,
    })).slice()),
  ]),
  mutate: streamMutated,
  make: () => {
    let unhandled: unknown = null
    const note = (reason: unknown): void => { unhandled ??= reason }
    process.on('unhandledRejection', note)
    return {
      async run(input) {
        unhandled = null
        const word = await session(input)
        if (unhandled !== null) throw new Error('a rejection that nobody handles', { cause: unhandled })
        return word
      },
      close: () => void process.off('unhandledRejection', note),
    }
  },
}
