import { Buffers } from '../traffic/connection.ts'
import type { Connection } from '../traffic/connection.ts'
import { Numbered, openAll } from '../traffic/generator.ts'
import { BLANK, createFrame, existsFrame, getFrame, setFrame } from '../traffic/requests.ts'
import { once, repeated, sizes, withSubject } from './bench.ts'
import type { Extent, ScalingBench } from './bench.ts'
import { rowOf } from './row.ts'
import type { Subject } from './subject.ts'

const CONNECTIONS = 1_000
const NODES = 10_000
const DEPTH = 100
const PATH = `/w/n${BLANK}`
const LONE = '/w/lone'

/** A table of a million watches is no slower than one of a thousand; a change costs what it has to tell. */
export const watches: ScalingBench = {
  name: 'watches',
  run: async (extent) => {
    await withSubject(async (subject) => {
      const connections = await openAll([subject.host], CONNECTIONS, new Buffers())
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
        await once(extent, subject, ['watches', 'register, on 1,000 connections', size], size - from * CONNECTIONS,
          () => Promise.all(connections.map(watch)))
        await repeated(extent, subject, ['watches', 'register and fire one', size], 1, () => fireOne(first))
      }
      for (const connection of connections) connection.destroy()
    })
    await withSubject((subject) => differentPaths(extent, subject))
    await withSubject(async (subject) => {
      for (const size of sizes(100, 100_000, extent)) {
        await subject.begin()
        const costUs = await subject.inside('fan', size)
        extent.row(rowOf('watches', 'tell sessions of one change', size, costUs, await subject.end()))
      }
    })
  },
}

/** As many paths as watches, for each of which somebody waits to be created. */
async function differentPaths(extent: Extent, subject: Subject): Promise<void> {
  const connections = await openAll([subject.host], CONNECTIONS, new Buffers())
  let each = 0
  for (const size of sizes(CONNECTIONS, 1_000_000, extent)) {
    const from = each
    each = size / CONNECTIONS
    await once(extent, subject, ['watches', 'register, a path each', size], size - from * CONNECTIONS,
      () => Promise.all(connections.map((connection, at) => new Numbered(existsFrame(`/wait/n${BLANK}`, true),
        each - from, (i) => (from + i) * CONNECTIONS + at).on(connection, 10))))
  }
  await once(extent, subject, ['watches', 'end of 1,000 connections', each * CONNECTIONS], each * CONNECTIONS,
    () => Promise.all(connections.map((connection) => connection.close())))
}

async function fireOne(connection: Connection): Promise<void> {
  const told = new Promise<void>((resolve) => { connection.onEvents = resolve })
  await connection.call(getFrame(LONE, true))
  await connection.call(setFrame(LONE, new Uint8Array(1)))
  await told
  connection.onEvents = null
}
