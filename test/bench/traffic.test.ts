import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Buffers, Connection } from '../../bench/traffic/connection.ts'
import { Numbered, generate } from '../../bench/traffic/generator.ts'
import { LatencyHistogram } from '../../bench/traffic/histogram.ts'
import { measurePairs, ratioOf } from '../../bench/traffic/pairs.ts'
import { BLANK, createFrame, getFrame, listFrame } from '../../bench/traffic/requests.ts'
import { WORKLOADS } from '../../bench/traffic/workloads.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { servedPeer } from './served-peer.ts'

const test = suite('bench/traffic')
const NO_NODE = -101

for (const workload of WORKLOADS) {
  test(`${workload.name} is answered without errors, and leaves no nodes but its keys`, async (t) => {
    const { peer, host } = await servedPeer(t)
    const small = { ...workload, connections: Math.min(20, workload.connections) }
    const { answered, operations, errors, p50Us, p99Us, maxUs } = await generate([host], small, 0.2)
    assert.ok(answered >= small.connections * small.depth, 'what was sent is answered')
    assert.ok(operations <= answered)
    assert.is(errors, 0)
    assert.ok(p50Us <= p99Us && p99Us <= maxUs)
    assert.is(peer.tree.children('/vivarium-bench')?.length, 100)
    assert.is(peer.tree.get('/vivarium-bench/k99')?.stat.dataLength, workload.valueBytes)
  })
}

/** Passes bytes on, those of the server in pieces of 1 to 13 bytes. */
async function choppingProxy(t: Case, host: string): Promise<string> {
  const server = createServer((client) => {
    const upstream = connect(Number(host.split(':')[1]), '127.0.0.1')
    t.defer(() => { upstream.destroy(); client.destroy() })
    client.setNoDelay(true)
    client.pipe(upstream)
    client.on('error', () => upstream.destroy())
    upstream.on('data', (chunk) => {
      for (let at = 0, size = 1; at < chunk.length; at += size, size = size % 13 + 1) {
        client.write(chunk.subarray(at, at + size))
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.defer(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('replies in pieces are counted, and errors, watch events and numbers come out right', async (t) => {
  const { peer, host } = await servedPeer(t)
  const connection = await Connection.open(await choppingProxy(t, host), new Buffers())
  assert.is(await connection.call(getFrame('/nothing')), NO_NODE)
  const creates = await new Numbered(createFrame(`/n${BLANK}`, new Uint8Array(50)), 300).on(connection, 16)
  assert.is(creates.errors, 0)
  assert.is(creates.latencies.count, 300)
  assert.equal(peer.tree.children('/')?.filter((name) => name.startsWith('n')).sort(),
    Array.from({ length: 300 }, (_, at) => `n${String(at).padStart(8, '0')}`))
  const before = connection.receivedBytes
  assert.is(await connection.call(listFrame('/')), 0)
  assert.ok(connection.receivedBytes - before > 300 * 13)
  assert.is(await connection.call(getFrame('/n00000007', true)), 0)
  const again = await new Numbered(createFrame(`/n${BLANK}`, null), 10).on(connection, 10)
  assert.is(again.errors, 10)
  assert.is(connection.events, 0)
  const zk = await peer.connect()
  await zk.set('/n00000007', 'x')
  await connection.call(getFrame('/n00000007'))
  assert.is(connection.events, 1)
  await connection.close()
})

test('a server that goes ends the run', async (t) => {
  const { peer, host } = await servedPeer(t)
  const connection = await Connection.open(host, new Buffers())
  const running = new Numbered(getFrame('/'), 1_000_000_000).on(connection, 10)
  const [{ message }] = await Promise.all([rejects(running), peer.stop()])
  assert.match(message, /closed the connection|ECONNRESET/)
})

test('the histogram is exact below 2 ms and within 0.1 % above', () => {
  const histogram = new LatencyHistogram()
  for (let us = 1; us <= 1_000; us++) histogram.record(us)
  assert.is(histogram.quantile(0.5), 500)
  assert.is(histogram.quantile(0.99), 990)
  assert.is(histogram.quantile(1), 1_000)
  for (const us of [2_047, 2_048, 2_049, 4_095, 4_096, 123_457, 9_999_999, 2 ** 31 + 5]) {
    const one = new LatencyHistogram()
    one.record(us)
    const told = one.quantile(0.5)
    assert.ok(told <= us && told >= Math.min(us, 2 ** 31 - 1) * 0.999 - 1, `${us} is told as ${told}`)
  }
  assert.is(new LatencyHistogram().quantile(0.5), 0)
})

test('a ratio is the median of the ratios of pairs, of which the first does not count', async () => {
  const figures = [[1, 1_000], [100, 200], [200, 500], [400, 4_000]] as const
  const turns = { theirs: 0, ours: 0 }
  const run = (side: 'theirs' | 'ours') => async () => {
    const perSecond = figures[turns[side]++]![side === 'theirs' ? 0 : 1]
    return { workload: 'x', answered: 1, operations: 1, perSecond, p50Us: 1, p99Us: 1, p999Us: 1, maxUs: 1, errors: 0 }
  }
  const pairs = await measurePairs('x', 3, run('theirs'), run('ours'))
  assert.is(ratioOf(pairs), 2.5)
})

test.run()
