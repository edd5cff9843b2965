// A web server whose configuration changes while it runs, in all its processes at once.
//
//   node live-config.mjs                                  keeps the configuration here, in ./config-data
//   node live-config.mjs --connect zk://zk1:2181,zk2:2181        takes it from an ensemble; start as many as you like
//
// Then, in another terminal:
//   curl localhost:8080
//   curl -X PATCH -d '{"greeting":"Good morning","colour":"green"}' localhost:8080/config
//   curl -X PATCH -d '{"colour":7}' localhost:8080/config          refused: the schema wants a text
//   npx vivarium cli -server 127.0.0.1:2181 set /config/web '{"greeting":"from the shell"}'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connect, createPeer } from 'vivarium'
import { config } from 'vivarium/recipes'

const { values } = parseArgs({
  options: {
    connect: { type: 'string' }, port: { type: 'string', default: '8080' }, 'client-port': { type: 'string', default: '2181' },
    data: { type: 'string', default: 'config-data' },
  },
})
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort())

/** Any Standard Schema does: Zod, Valibot, ArkType. This is what one looks like inside. */
const schema = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate: (value) => {
      const issues = ['greeting', 'colour'].filter((key) => typeof value[key] !== 'string')
        .map((key) => ({ message: 'must be a text', path: [key] }))
      return issues.length > 0 ? { issues } : { value }
    },
  },
}

const peer = values.connect === undefined ? await createPeer({
  id: 1, ensemble: { name: 'config', members: { 1: 'tcp://127.0.0.1:0' } }, storage: values.data,
  clients: `tcp://127.0.0.1:${values['client-port']}`,
}) : null
let zk
let settings
await open()
if (!stop.signal.aborted) await serve()
await settings?.close()
await zk?.close()
await peer?.stop()

/** Tries until it is there. A session that expired, because this program was cut off for too long, does not come back. */
async function open() {
  while (!stop.signal.aborted) {
    try {
      await openOnce()
      return
    } catch (error) {
      if (stop.signal.aborted) return
      console.log(`${error.message}; trying again`)
      await pause(1_000, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }
}

async function openOnce() {
  await zk?.close()
  if (peer === null) console.log(`connecting to ${values.connect}`)
  zk = await (peer === null ? connect(values.connect, { signal: stop.signal }) : peer.connect())
  const defaults = { greeting: 'Hello', colour: 'blue' }
  settings = await config(zk, '/config/web', { schema, defaults, signal: stop.signal })
  const complain = (issues) => console.log('ignored, it is wrong:', issues)
  if (settings.issues !== null) complain(settings.issues)
  settings.on('invalid', complain)
  settings.on('change', (now) => console.log('now', now))
  settings.on('stale', (isStale) => console.log(isStale ? 'cut off: going on with what is known' : 'connected'))
  zk.on('state', ({ state }) => {
    if (state === 'expired') void open()
  })
}

async function answer(request, response) {
  if (request.method === 'PATCH' && request.url === '/config') {
    try {
      await settings.publish(JSON.parse(await text(request)))
    } catch (error) {
      response.writeHead(400).end(`${error.message}\n`)
      return
    }
  }
  const { greeting, colour } = settings.current
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(`<h1 style="color:${encodeURIComponent(colour)}">${greeting.replace(/[<&]/g, (c) => `&#${c.charCodeAt(0)};`)}</h1>\n`)
}

/** Until Ctrl-C. */
async function serve() {
  const server = createServer((request, response) => void answer(request, response))
  server.on('error', (error) => {
    console.error(error.message)
    process.exitCode = 1
    stop.abort()
  })
  server.listen(Number(values.port), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}`, settings.current)
  })
  await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }))
  server.close()
  server.closeAllConnections()
}
