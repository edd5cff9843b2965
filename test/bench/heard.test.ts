import { heard } from '../../bench/scaling/heard.ts'
import { Buffers } from '../../bench/traffic/connection.ts'
import { openAll } from '../../bench/traffic/generator.ts'
import {
  BLANK, countFrame, createFrame, ephemeralsFrame, getFrame, multiSetFrame, numbered, setFrame,
} from '../../bench/traffic/requests.ts'
import { assert, suite } from '../harness.ts'
import { servedPeer } from './served-peer.ts'

const test = suite('bench/heard')
const PATH = `/n${BLANK}`

test('a change is told once all connections have heard of all of it, and no sooner', async (t) => {
  const { host } = await servedPeer(t)
  const connections = await openAll([host], 3, new Buffers())
  const first = connections[0]!
  for (const number of [1, 2]) assert.is(await first.call(createFrame(PATH, null), number), 0)
  for (const connection of connections) {
    for (const number of [1, 2]) assert.is(await connection.call(getFrame(PATH, true), number), 0)
  }
  let isTold = false
  const told = heard(connections, 6).then(() => { isTold = true })
  assert.is(await first.call(setFrame(numbered(PATH, 1), new Uint8Array(1))), 0)
  for (const connection of connections) await connection.call(getFrame('/'))
  assert.equal([connections.map(({ events }) => events), isTold], [[1, 1, 1], false])
  assert.is(await first.call(multiSetFrame([numbered(PATH, 1), numbered(PATH, 2)], new Uint8Array(1))), 0)
  await told
  assert.equal(connections.map(({ events, onEvents }) => [events, onEvents]), [[2, null], [2, null], [2, null]])
  await Promise.all(connections.map((connection) => connection.close()))
})

test('counts and lists of ephemeral nodes are asked for', async (t) => {
  const { host } = await servedPeer(t)
  const [connection] = await openAll([host], 1, new Buffers())
  assert.is(await connection!.call(createFrame('/e', null, 1)), 0)
  const lengths: number[] = []
  for (const frame of [countFrame('/'), ephemeralsFrame('/')]) {
    const before = connection!.receivedBytes
    assert.is(await connection!.call(frame), 0)
    lengths.push(connection!.receivedBytes - before)
  }
  // A head of 20 bytes, then an int; or the length of a list, of a path, and the path.
  assert.equal(lengths, [24, 20 + 4 + 4 + 2])
  await connection!.close()
})

test.run()
