import { createServer } from 'node:net'
import type { Server } from 'node:net'

/** Below the ports that systems give to outgoing connections, one of which could take a port before its server does. */
const FIRST_PORT = 20_000
/** Whoever listens at the first port of a block has the others for itself, as long as its process lives. */
const BLOCK_PORTS = 25
const BLOCKS = 480

/** Of the blocks that this process has. */
const left: number[] = []

/** Null when somebody listens there, or nobody may. */
function listen(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy()).once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null)
      else reject(error)
    })
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port)
  if (server === null) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** At random: who counts from below would try all that others have. */
async function takeBlock(): Promise<void> {
  for (;;) {
    const first = FIRST_PORT + BLOCK_PORTS * Math.floor(Math.random() * BLOCKS)
    const holder = await listen(first)
    if (holder === null) continue
    holder.unref()
    for (let port = first + 1; port < first + BLOCK_PORTS; port++) left.push(port)
    return
  }
}

/**
 * Ports at which nobody listens, and which no other process gets from here while this one lives, however long they stay
 * unused. Each is given once.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = left.shift()
    if (port === undefined) await takeBlock()
    else if (await isFree(port)) ports.push(port)
  }
  return ports
}
