// Services that find each other: a front end that sends every request to one of several back ends.
//
//   node services.mjs                                  all here: a front end, three back ends, and an ensemble for them
//   node services.mjs --role front --connect zk://zk1:2181,zk2:2181       one of them, at an ensemble that is there
//   node services.mjs --role back --connect zk://zk1:2181,zk2:2181        as many as you like
//
// Then, in another terminal:
//   curl localhost:8080                        again and again: another back end answers each time
//   kill -9 PID                                of a back end: nobody who asks the front end sees it
//   kill PID                                   it lets its work end first
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect, createEnsemble, isZkError } from 'vivarium'
import { discover, register, sessionsFrom } from 'vivarium/recipes'

const { values } = parseArgs({
  options: { role: { type: 'string' }, connect: { type: 'string' }, port: { type: 'string', default: '8080' } },
})
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'disconnect']) process.once(name, () => stop.abort())
const stopped = once(stop.signal, 'abort')

try {
  if (values.role !== undefined && values.connect === undefined) throw new Error('--connect is missing')
  if (values.role === 'back') await backEnd()
  else if (values.role === 'front') await frontEnd()
  else await startAll()
} catch (error) {
  // Stopped before it had begun: there is nothing to let end.
  if (stop.signal.aborted) process.exit()
  console.error(error.message)
  process.exit(1)
}
if (process.connected) process.disconnect()

/** Sessions that follow each other: what is built on them outlives each of them. */
function openSessions() {
  return sessionsFrom((closed) => {
    console.log(`connecting to ${values.connect}`)
    return connect(values.connect, { sessionTimeoutMs: 4_000, signal: AbortSignal.any([closed, stop.signal]) })
  })
}

/** Answers, and can be found for as long as it does. */
async function backEnd() {
  const server = createServer()
  const port = await listening(server, 0)
  const sessions = await openSessions()
  const me = await register(sessions, '/services', {
    name: 'hello', address: '127.0.0.1', port, payload: { pid: process.pid },
    // Say, whether the database answers. While this is false nobody is sent here.
    health: () => true,
  })
  server.on('request', (request, response) => void me.track(answer(response)))
  console.log(`back end (pid ${process.pid}) at ${me.instance.uri()}`)
  await stopped
  // Nobody finds it from here on; who did before is answered.
  await me.drain({ waitMs: 5_000 })
  server.close()
  server.closeAllConnections()
  await sessions.close()
  console.log(`back end (pid ${process.pid}) is drained`)
}

async function answer(response) {
  await pause(10)
  response.end(`Hello from pid ${process.pid}\n`)
}

/** Sends every request to a back end, and to another one when that does not answer. */
async function frontEnd() {
  const sessions = await openSessions()
  const hello = await discover(sessions, '/services', 'hello')
  hello.on('change', (instances) => console.log(`back ends that are there: ${instances.length}`))
  const server = createServer((request, response) => void forward(hello, response))
  const port = await listening(server, Number(values.port))
  console.log(`http://127.0.0.1:${port} is the front end; back ends that are there: ${hello.instances.length}`)
  await stopped
  server.close()
  server.closeAllConnections()
  await hello.close()
  await sessions.close()
}

async function forward(hello, response) {
  const tried = []
  try {
    for (;;) {
      const instance = await hello.pick({ except: tried, waitMs: 2_000 })
      try {
        const reply = await fetch(instance.uri(), { signal: AbortSignal.timeout(2_000) })
        response.end(await reply.text())
        return
      } catch {
        // It is avoided for a while; its session tells the rest when it has timed out.
        hello.down(instance)
        tried.push(instance)
      }
    }
  } catch (error) {
    response.writeHead(503).end(isZkError(error, 'NobodyThere') ? 'nobody is there\n' : `${error.message}\n`)
  }
}

/** The ensemble in this process, and each of the others in one of its own; one that dies is started again. */
async function startAll() {
  const ensemble = await createEnsemble({ size: 1, name: 'services', clients: () => 'tcp://127.0.0.1:0' })
  const [address] = ensemble.peers[0].status().clientAddresses
  console.log('Kill a back end (kill -9 PID) and ask on; Ctrl-C ends them all.')
  await Promise.all(['front', 'back', 'back', 'back'].map(async (role) => {
    while (!stop.signal.aborted) {
      const child = fork(fileURLToPath(import.meta.url), ['--role', role, '--connect', address, '--port', values.port])
      const end = () => child.kill('SIGTERM')
      stop.signal.addEventListener('abort', end, { once: true })
      const [code, signal] = await once(child, 'exit')
      stop.signal.removeEventListener('abort', end)
      if (stop.signal.aborted) return
      console.log(`a ${role} end is gone (${signal ?? code}); it comes back in 5 s`)
      await pause(5_000, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }))
  await ensemble.stop()
}

async function listening(server, port) {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}
