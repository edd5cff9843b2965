import * as fc from 'fast-check'
import { errorNumber } from '../../lib/core/errors.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { DataSlabs } from '../../lib/core/tree/data-slabs.ts'
import { NodeKind } from '../../lib/core/tree/txn.ts'
import { NodePages } from '../../lib/core/tree/node-pages.ts'
import { Znode } from '../../lib/core/tree/znode.ts'
import type { NodeAnswer, Result } from '../../lib/core/tree/request.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import {
  readConnectRequest, readConnectResponse, readStat, writeConnectRequest, writeConnectResponse, writeEvent, writeStat,
} from '../../lib/wire/jute/records.ts'
import { readOutcome, writeNodeReply, writeReply } from '../../lib/wire/jute/replies.ts'
import { readAuth, readRequest, writeAuth, writeRequest } from '../../lib/wire/jute/requests.ts'
import { assert, suite } from '../harness.ts'
import {
  connectRequests, connectResponses, longs, readerOf, replies, requestOf, requests, sessions, stats, texts, written,
} from './jute-records.ts'

const test = suite('jute records')

const xids = fc.integer()

test('every request comes back as it was', () => {
  const seen = new Set<number>()
  fc.assert(fc.property(requests, xids, (request, xid) => {
    seen.add(request.op)
    const reader = readerOf(written((writer) => writeRequest(writer, xid, request)))
    assert.is(reader.int(), xid)
    assert.is(reader.int(), request.op)
    assert.equal(readRequest(request.op, reader), request)
    assert.is(reader.left, 0)
  }), { numRuns: 1_500 })
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 101, 103, 104, 105, 106, 107, -11]
  assert.equal(all.filter((op) => !seen.has(op)), [])
})

test('every reply comes back as it was', () => {
  const seen = new Set<number>()
  fc.assert(fc.property(replies, xids, longs, ({ op, outcome }, xid, zxid) => {
    seen.add(op)
    const reader = readerOf(written((writer) => writeReply(writer, xid, zxid, outcome)))
    assert.is(reader.int(), xid)
    assert.is(reader.long(), zxid)
    const number = reader.int()
    assert.is(number, errorNumber(outcome.code))
    assert.equal(readOutcome(number, requestOf(op), reader), outcome)
    // An addWatch's empty ErrorResponse says nothing, and is not read.
    assert.is(reader.left, op === 106 && outcome.code === 'Ok' ? 4 : 0)
  }), { numRuns: 2_000 })
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 17, 18, 19, 21, 22, 101, 103, 104, 105, 106, 107, -11]
  assert.equal(all.filter((op) => !seen.has(op)), [])
})

test('in a multi a container or TTL create answers as create2', () => {
  fc.assert(fc.property(fc.constantFrom(19 as const, 21 as const), texts, stats, (op, path, stat) => {
    const results: Result[] = [{ op, path, stat }]
    const reader = readerOf(written((writer) => {
      writeReply(writer, 1, 1, { code: 'Ok', result: { op: 14, results } })
    }))
    reader.int()
    reader.long()
    assert.equal(readOutcome(reader.int(), requestOf(14), reader),
      { code: 'Ok', result: { op: 14, results: [{ op: 15, path, stat }] } })
  }))
})

test('connecting, with the byte that old clients do not know and without', () => {
  fc.assert(fc.property(connectRequests, connectResponses, (request, response) => {
    const asked = readerOf(written((writer) => writeConnectRequest(writer, request)))
    assert.equal(readConnectRequest(asked), request)
    assert.is(asked.left, 0)
    const answered = readerOf(written((writer) => writeConnectResponse(writer, response)))
    assert.equal(readConnectResponse(answered), response)
    assert.is(answered.left, 0)
  }))
})

test('stats, events and authentications', () => {
  fc.assert(fc.property(stats, fc.integer(), longs, texts, fc.uint8Array(), (stat, type, zxid, text, auth) => {
    const frame = written((writer) => {
      writer.begin()
      writeStat(writer, stat)
      writer.end()
    })
    assert.is(frame.length, 4 + 68)
    assert.equal(readStat(readerOf(frame)), stat)
    const event = readerOf(written((writer) => writeEvent(writer, { type, path: text, zxid })))
    assert.equal([event.int(), event.long(), event.int(), event.int(), event.int(), event.text(), event.left],
      [-1, zxid, 0, type, 3, text, 0])
    const packet = readerOf(written((writer) => writeAuth(writer, -4, text, auth)))
    assert.equal([packet.int(), packet.int()], [-4, 100])
    assert.equal(readAuth(packet), { scheme: text, auth })
  }))
})

/** Everything that a node can be, as the tree builds it. */
const nodes = fc.record({
  kind: fc.constantFrom(...Object.values(NodeKind)), owner: sessions, stat: stats,
  data: fc.option(fc.uint8Array({ maxLength: 2_000 }), { nil: null }), creates: fc.integer(),
  children: fc.uniqueArray(texts, { maxLength: 20 }), ttlMs: fc.integer(),
}).map(({ kind, owner, stat, data, creates, children, ttlMs }) => {
  const own = kind === NodeKind.ephemeral ? owner : NO_SESSION
  const pages = new NodePages()
  const node = Znode.create(pages, '/node', OPEN_ACL, kind, own, ttlMs)
  node.czxid = stat.czxid
  node.mzxid = stat.mzxid
  node.pzxid = stat.pzxid
  node.ctime = stat.ctime
  node.mtime = stat.mtime
  node.version = stat.version
  node.aversion = stat.aversion
  node.creates = creates
  new DataSlabs().store(node, data)
  for (const name of children) node.addChild(Znode.create(pages, `/node/${name}`, OPEN_ACL, 0, NO_SESSION, 0))
  return node
})

test('a reply straight from the node is the one that its outcome makes', () => {
  fc.assert(fc.property(nodes, xids, longs as fc.Arbitrary<Zxid>, (node, xid, zxid) => {
    const children = node.childNames()
    const stat = node.stat()
    const results: (Result & { readonly op: NodeAnswer | 8 | 12 })[] = [
      { op: 3, stat }, { op: 5, stat }, { op: 4, data: node.data(), stat }, { op: 8, children },
      { op: 12, children, stat },
    ]
    for (const result of results) {
      assert.equal(written((writer) => writeNodeReply(writer, xid, zxid, result.op, node)),
        written((writer) => writeReply(writer, xid, zxid, { code: 'Ok', result })))
    }
  }), { numRuns: 400 })
})

test.run()
