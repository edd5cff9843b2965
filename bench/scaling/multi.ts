import { Buffers, Connection } from '../traffic/connection.ts'
import type { Traffic } from '../traffic/connection.ts'
import { Numbered, expectOk } from '../traffic/generator.ts'
import {
  BLANK, createFrame, multiCreateFrame, multiDeleteFrame, multiSetFrame, numbered,
} from '../traffic/requests.ts'
import type { RequestFrame } from '../traffic/requests.ts'
import { repeated, sizes, withServer } from './bench.ts'
import type { Extent, ScalingBench } from './bench.ts'
import type { Served } from './served.ts'
import { Subject } from './subject.ts'

/** Almost as many sets as fit into a request: `requestBytes` and Apache ZooKeeper's `jute.maxbuffer` are a megabyte. */
const NODES = 30_000
/** Almost as many creates. */
const CREATES = 15_000
/** Operations of each of many multis that are under way at once. */
const PART = 1_000
/** A write to such a disk takes so long: all that is let under way meanwhile is applied in one turn. */
const SLOW_MS = 500

/** The first `count` paths from a number on. */
function pathsOf(path: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, at) => numbered(path, from + at))
}

/** Each frame once, all of them under way at the same time. */
async function sendAll(connection: Connection, frames: readonly RequestFrame[]): Promise<void> {
  let sent = 0
  const traffic: Traffic = {
    frameBytes: Math.max(...frames.map(({ bytes }) => bytes.length)),
    write: (out, at, xid) => frames[sent++]!.write(out, at, xid),
    replied: (error) => {
      expectOk(error)
      return false
    },
  }
  await connection.run(traffic, frames.length)
}

/** One write of many operations, and a hundred thousand of them in a hundred writes that are under way at once. */
export const multi: ScalingBench = {
  name: 'multi',
  run: (extent) => withServer(extent, async (server) => {
    const connection = await Connection.open(server.host, new Buffers())
    await connection.call(createFrame('/m', null))
    const set = `/m/s${BLANK}`
    const come = `/m/c${BLANK}`
    await new Numbered(createFrame(set, null), NODES).on(connection, 100)
    for (const size of upTo(NODES, extent)) {
      const frame = multiSetFrame(pathsOf(set, size), null)
      await repeated(extent, server, ['multi', 'set, of a multi', size], size, () => sendAll(connection, [frame]))
    }
    for (const size of upTo(CREATES, extent)) {
      const creates = multiCreateFrame(pathsOf(come, size))
      const deletes = multiDeleteFrame(pathsOf(come, size))
      await repeated(extent, server, ['multi', 'create or delete, of a multi', size], 2 * size, async () => {
        await sendAll(connection, [creates])
        await sendAll(connection, [deletes])
      })
    }
    await atOnce(extent, server, connection, 'create or delete, many multis')
    if (server instanceof Subject) {
      await server.delayDisk(SLOW_MS)
      await atOnce(extent, server, connection, 'create or delete, on a slow disk')
    }
    await connection.close()
  }),
}

/** Powers of ten below the most, and the most. */
function upTo(most: number, extent: Extent): number[] {
  return [...sizes(10, most - 1, extent), ...most <= extent.largest ? [most] : []]
}

async function atOnce(extent: Extent, server: Served, connection: Connection, what: string): Promise<void> {
  for (const size of sizes(PART, 100_000, extent)) {
    const parts = Array.from({ length: size / PART }, (_, at) => pathsOf(`/m/p${BLANK}`, PART, at * PART))
    const creates = parts.map(multiCreateFrame)
    const deletes = parts.map(multiDeleteFrame)
    await repeated(extent, server, ['multi', what, size], 2 * size, async () => {
      await sendAll(connection, creates)
      await sendAll(connection, deletes)
    })
  }
}
