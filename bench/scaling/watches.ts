import { Buffers, CLOSE_AT_LEISURE_MS } from '../traffic/connection.ts'
import type { Connection } from '../traffic/connection.ts'
import { Numbered, expectOk, openAll } from '../traffic/generator.ts'
import { BLANK, createFrame, existsFrame, getFrame, multiSetFrame, numbered, setFrame } from '../traffic/requests.ts'
import { once, repeated, sizes, withServer } from './bench.ts'
import type { Extent, ScalingBench } from './bench.ts'
import { heard } from './heard.ts'
import { rowOf } from './row.ts'
import type { Served } from './served.ts'
import { Subject } from './subject.ts'

const CONNECTIONS = 1_000
const NODES = 10_000
const DEPTH = 100
const PATH = `/w/n${BLANK}`
const LONE = '/w/lone'
/** Nodes that all connections watch. */
const SHARED = `/w/s${BLANK}`

/** A table of a million watches is no slower than one of a thousand; a change costs what it has to tell. */
export const watches: ScalingBench = {
  name: 'watches',
  run: async (extent) => {
    await withServer(extent, (server) => oneTable(extent, server))
    await withServer(extent, (server) => differentPaths(extent, server))
  },
}

/** A table that grows to a million watches, and then what is told with so many in it. */
async function oneTable(extent: Extent, server: Served): Promise<void> {
  const connections = await openAll([server.host], CONNECTIONS, new Buffers())
  const first = connections[0]!
  await first.call(createFrame('/w', null))
  await first.call(createFrame(LONE, null))
  await new Numbered(createFrame(PATH, null), NODES).on(first, DEPTH)
  let each = 0
  for (const size of sizes(CONNECTIONS, 1_000_000, extent)) {
    const from = each
    each = size / CONNECTIONS
    const watch = (connection: Connection, at: number): Promise<unknown> =>
      new Numbered(getFrame(PATH, true), each - from, (i) => (at * 7 + from + i) % NODES).on(connection, 10)
    await once(extent, server, ['watches', 'register, on 1,000 connections', size], size - from * CONNECTIONS,
      () => Promise.all(connections.map(watch)))
    await repeated(extent, server, ['watches', 'register and fire one', size], 1, () => fireOne(first))
  }
  await fireShared(extent, server, connections)
  if (server instanceof Subject) {
    for (const size of sizes(100, 100_000, extent)) {
      const costUs = await server.inside('fan', size)
      extent.row(rowOf('watches', 'tell sessions of one change', size, costUs, await server.end()))
    }
  }
  for (const connection of connections) connection.destroy()
}

/** One write that changes nodes which all connections watch: as many events as nodes times connections, in one turn. */
async function fireShared(extent: Extent, server: Served, connections: readonly Connection[]): Promise<void> {
  const first = connections[0]!
  const most = Math.min(100_000, Math.max(CONNECTIONS, extent.largest)) / CONNECTIONS
  await new Numbered(createFrame(SHARED, null), most).on(first, DEPTH)
  for (const size of sizes(CONNECTIONS, 100_000, extent)) {
    const nodes = size / CONNECTIONS
    const change = multiSetFrame(Array.from({ length: nodes }, (_, at) => numbered(SHARED, at)), new Uint8Array(1))
    const watched = (): Promise<unknown> => Promise.all(connections.map((connection) =>
      new Numbered(getFrame(SHARED, true), nodes).on(connection, 10)))
    const told = async (): Promise<void> => {
      const [error] = await Promise.all([first.call(change), heard(connections, size)])
      expectOk(error)
    }
    await watched()
    await told()
    await watched()
    await once(extent, server, ['watches', 'tell 1,000 connections at once', size], size, told)
  }
}

/** As many paths as watches, for each of which somebody waits to be created. */
async function differentPaths(extent: Extent, server: Served): Promise<void> {
  for (const size of sizes(CONNECTIONS, 1_000_000, extent)) {
    const connections = await openAll([server.host], CONNECTIONS, new Buffers())
    await once(extent, server, ['watches', 'register, a path each', size], size,
      () => Promise.all(connections.map((connection, at) => new Numbered(existsFrame(`/wait/n${BLANK}`, true),
        size / CONNECTIONS, (i) => i * CONNECTIONS + at).on(connection, 10))))
    await once(extent, server, ['watches', 'end of 1,000 connections', size], size,
      () => Promise.all(connections.map((connection) => connection.close(CLOSE_AT_LEISURE_MS))))
  }
}

async function fireOne(connection: Connection): Promise<void> {
  await connection.call(getFrame(LONE, true))
  await Promise.all([connection.call(setFrame(LONE, new Uint8Array(1))), heard([connection], 1)])
}
