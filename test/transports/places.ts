import { connect } from 'node:net'
import { WebSocket } from 'ws'
import type { TransportPlace } from '../../lib/testing/conformance/transport.ts'
import { memory } from '../../transports/memory.ts'
import { tcp } from '../../transports/tcp.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import { websocket } from '../../transports/websocket.ts'
import type { WebSocketClass } from '../../transports/websocket.ts'
import { freePorts } from '../ports.ts'

/** Nobody listens there. */
export async function nobodysPort(): Promise<number> {
  return (await freePorts(1))[0]!
}

/** Talks plain TCP: what came back until the other end closed. */
export function talk(port: number, ...said: readonly Uint8Array[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => { heard += text })
    socket.on('error', () => resolve(heard))
    socket.on('close', () => resolve(heard))
    socket.on('connect', () => {
      for (const bytes of said) socket.write(bytes)
      socket.end()
    })
    setTimeout(() => reject(new Error('no end')), 8_000).unref()
  })
}

/** The adapters, each with addresses of its own. */
export const PLACES: Readonly<Record<string, () => Promise<TransportPlace>>> = {
  memory: async () => ({
    transport: memory(), address: 'memory://', nowhere: 'memory://nobody', malformed: 'memory://a/b',
  }),
  tcp: async () => ({
    transport: tcp(), address: 'tcp://127.0.0.1:0', nowhere: `tcp://127.0.0.1:${await nobodysPort()}`,
    malformed: 'tcp://127.0.0.1:99999',
  }),
  'websocket-server': async () => ({
    transport: websocketServer(), address: 'ws://127.0.0.1:0', nowhere: `ws://127.0.0.1:${await nobodysPort()}`,
    malformed: 'ws://',
  }),
  websocket: async () => ({
    transport: websocket({ WebSocket: WebSocket as unknown as WebSocketClass }), listening: websocketServer(),
    address: 'ws://127.0.0.1:0', nowhere: `ws://127.0.0.1:${await nobodysPort()}`, malformed: 'ws://',
  }),
}
