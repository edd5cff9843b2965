import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { BuildResult } from 'esbuild'
import { WebSocket as HostSocket } from 'ws'
import { createPeer } from '../lib/index.ts'
import { memory } from '../storage/memory.ts'
import { websocketServer } from '../transports/websocket-server.ts'
import { assert, suite } from './harness.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const test = suite('browser')

/** What the bundle may weigh. It may be lowered, never raised without a reason in the changelog. */
const MAX_GZIP_BYTES = 110_000

const ENTRY = `
export * from './lib/index.ts'
export * from './transports/memory.ts'
export { websocket } from './transports/websocket.ts'
`

/** Inputs that a browser bundle may not have; `(disabled)` is a Node module that a package maps to nothing. */
const FOREIGN = /^node:|node_modules\/(?!msgpackr\/)|\(disabled\)|transports\/(tcp|websocket-server)|storage\/level/

interface Bundle {
  readonly code: string
  readonly inputs: readonly string[]
  readonly warnings: readonly string[]
}

async function bundle(contents: string): Promise<Bundle> {
  const result: BuildResult<{ write: false; metafile: true }> = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true, write: false, metafile: true, minify: true, logLevel: 'silent',
    platform: 'browser', format: 'iife', globalName: 'vivarium', target: 'es2023',
  })
  return {
    code: result.outputFiles[0]?.text ?? '',
    inputs: Object.keys(result.metafile.inputs),
    warnings: result.warnings.map((warning) => warning.text),
  }
}

/**
 * Only what a page has. The classes of the outer realm would hand out Uint8Arrays that are not instances of the page's
 * Uint8Array, which no browser does, so those two that return bytes are wrapped inside the page.
 */
function page(more: Readonly<Record<string, unknown>> = {}): object {
  const globals = {
    TextDecoder, AbortController, AbortSignal, DOMException, Event, EventTarget, URL, Blob,
    setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask, structuredClone, performance, crypto,
    hostEncoder: new TextEncoder(), ...more,
  }
  const context = createContext(globals, { codeGeneration: { strings: false, wasm: false } })
  runInContext(`
    globalThis.self = globalThis.window = globalThis
    {
      const host = hostEncoder
      delete globalThis.hostEncoder
      globalThis.TextEncoder = class TextEncoder {
        encoding = 'utf-8'
        encode(text) { return new Uint8Array(host.encode(text)) }
        encodeInto(text, target) { return host.encodeInto(text, target) }
      }
      // Node's own keeps the process alive as long as somebody listens.
      globalThis.MessageChannel = class MessageChannel {
        #listeners = []
        port1 = { addEventListener: (type, listener) => this.#listeners.push(listener), start: () => undefined }
        port2 = {
          postMessage: (data) => setTimeout(() => this.#listeners.forEach((listener) => listener({ data })), 0),
        }
      }
    }`, context)
  return context
}

/** The standard class and nothing more, as a page of this origin has it: its bytes are of the page's own realm. */
function pageWithWebSocket(origin: string): object {
  const dial = (url: string): HostSocket => new HostSocket(url, { origin, perMessageDeflate: false })
  const context = page({ dial })
  runInContext(`{
    const host = dial
    delete globalThis.dial
    globalThis.WebSocket = class WebSocket {
      #socket
      constructor(url) {
        this.#socket = host(url)
        this.#socket.binaryType = 'arraybuffer'
      }
      binaryType = 'blob'
      get readyState() { return this.#socket.readyState }
      get bufferedAmount() { return this.#socket.bufferedAmount }
      send(data) { this.#socket.send(data) }
      close(code, reason) { this.#socket.close(code, reason) }
      addEventListener(type, listener) {
        this.#socket.addEventListener(type, (event) => {
          if (type !== 'message') listener(event)
          else if (this.binaryType === 'arraybuffer') listener({ data: new Uint8Array(event.data).slice().buffer })
          else listener({ data: new Blob([event.data]) })
        })
      }
    }
  }`, context)
  return context
}

test('the bundle holds nothing of Node', async () => {
  const { inputs, warnings } = await bundle(ENTRY)
  assert.ok(inputs.includes('lib/index.ts'))
  assert.ok(inputs.includes('transports/websocket.ts'))
  assert.equal(inputs.filter((path) => FOREIGN.test(path)), [])
  assert.equal(warnings, [])
}, { timeoutMs: 60_000 })

test('the bundle keeps its weight', async () => {
  const { code } = await bundle(ENTRY)
  const gzipBytes = gzipSync(code).length
  assert.ok(gzipBytes <= MAX_GZIP_BYTES, `${gzipBytes} bytes after gzip, at most ${MAX_GZIP_BYTES}`)
}, { timeoutMs: 60_000 })

test('Node-only adapters fail loudly in a browser bundle', async () => {
  const tcp = bundle(`export * from './transports/tcp.ts'`)
  const failure = await tcp.then(() => 'bundled', (error: Error) => error.message)
  assert.match(failure, /node:net/)
}, { timeoutMs: 60_000 })

test('a page without eval embeds an ensemble', async () => {
  const { code } = await bundle(ENTRY)
  const context = page()
  assert.throws(() => runInContext(`new Function('return 1')`, context), /Code generation/)
  runInContext(code, context)
  const work = runInContext(`(async () => {
    const ensemble = await vivarium.createEnsemble({ size: 3 })
    try {
      const zk = await ensemble.connect()
      await zk.create('/config/colour', 'blue', { parents: true })
      const children = await zk.children('/config')
      await zk.close()
      return JSON.stringify({ children, websocket: typeof vivarium.websocket, peer: typeof vivarium.createPeer })
    } finally {
      await ensemble.stop()
    }
  })()`, context) as Promise<string>
  assert.is(await work, '{"children":["colour"],"websocket":"function","peer":"function"}')
}, { timeoutMs: 60_000 })

test('a page connects to a peer over its WebSocket, writes, reads and watches', async (t) => {
  const { code, inputs } = await bundle(`
export { connect } from './lib/index.ts'
export { websocket } from './transports/websocket.ts'
`)
  assert.equal(inputs.filter((path) => FOREIGN.test(path)), [])
  const origin = 'https://app.example'
  const peer = await createPeer({
    id: 1, ensemble: { name: 'browser', members: { 1: [] } }, storage: memory(),
    transports: [websocketServer({ allowOrigins: [origin] })], clients: 'ws://127.0.0.1:0',
  })
  t.defer(() => peer.stop())
  await peer.ready()
  const context = pageWithWebSocket(origin)
  runInContext(code, context)
  Object.assign(context, { address: peer.status().clientAddresses[0] })
  const work = runInContext(`(async () => {
    const zk = await vivarium.connect(address, { transports: [vivarium.websocket()] })
    try {
      await zk.create('/app/colour', 'blue', { parents: true })
      const seen = [(await zk.get('/app/colour')).text()]
      for await (const item of zk.watch('/app/colour', { initial: true })) {
        if (item.type === 'present') await zk.set('/app/colour', 'red')
        seen.push(item.type)
        if (seen.length === 3) break
      }
      seen.push((await zk.get('/app/colour')).text(), (await zk.children('/app')).join())
      return JSON.stringify(seen)
    } finally {
      await zk.close()
    }
  })()`, context) as Promise<string>
  assert.is(await work, '["blue","present","changed","red","colour"]')
  assert.equal(peer.tree.get('/app/colour')?.data, new TextEncoder().encode('red'))
}, { timeoutMs: 60_000 })

test.run()
