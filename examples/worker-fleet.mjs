// Workers of which one leads and does the job; when it dies, another goes on where it stopped.
//
//   node worker-fleet.mjs                     three workers on this machine: kill one, stop one, start it again
//   node worker-fleet.mjs --id 1 --member 1=tcp://10.0.0.1:7001 --member 2=… --member 3=…      one of them, per machine
//
// Each worker embeds a peer that keeps its data in ./fleet-data/<id>; Ctrl-C ends it cleanly.
import { fork } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createPeer, isZkError } from 'vivarium'
import { lead } from 'vivarium/recipes'

const { values } = parseArgs({
  options: {
    id: { type: 'string' }, member: { type: 'string', multiple: true }, data: { type: 'string', default: 'fleet-data' },
  },
})
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort())

if (values.id === undefined) await startThree()
else await work(Number(values.id), Object.fromEntries((values.member ?? []).map((member) => member.split(/=(.*)/s))))

/** One worker: a peer, a session, and the job while it leads. */
async function work(id, members) {
  const say = (text) => console.log(`worker ${id} (pid ${process.pid}): ${text}`)
  const storage = join(values.data, String(id))
  const peer = await createPeer({ id, ensemble: { name: 'fleet', members }, storage, signal: stop.signal })
  peer.on('fatal', () => stop.abort())
  // When all three stop at once, there is no quorum any more to hand the lead on: it ends with the session.
  stop.signal.addEventListener('abort', () => setTimeout(() => void peer.stop(), 1_000).unref())
  try {
    while (!stop.signal.aborted) {
      const zk = await peer.connect({ sessionTimeoutMs: 2_000, signal: stop.signal })
      try {
        await lead(zk, '/fleet/leader', (term) => job(zk, term, say), { requeue: true, signal: stop.signal, name: `${id}` })
      } catch (error) {
        // The machine slept longer than the session lives: a new session, and again.
        if (!isZkError(error, 'SessionExpired')) throw error
        say('lost its session')
      } finally {
        await zk.close()
      }
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    await peer.stop()
    say('stopped')
  }
}

/** A round per second. The guard lets the ensemble refuse what a former leader still sends. */
async function job(zk, term, say) {
  const stopping = AbortSignal.any([term.signal, stop.signal])
  let round = await zk.get('/fleet/round').then((node) => node.json(), () => 0)
  if (round === 0) await term.guard.create('/fleet/round', 0)
  say(`leads from round ${round} on`)
  while (!stopping.aborted) {
    round += 1
    say(`does round ${round}`)
    await term.guard.set('/fleet/round', round)
    await pause(1_000, undefined, { signal: stopping }).catch(() => undefined)
  }
  say('leads no more')
}

/** All three here, as processes of their own; one that dies is started again after a while. */
async function startThree() {
  const members = []
  for (const id of [1, 2, 3]) members.push('--member', `${id}=tcp://127.0.0.1:${await freePort()}`)
  console.log('Three workers; kill one (kill -9 PID) and see another go on. Ctrl-C ends them all.')
  await Promise.all([1, 2, 3].map(async (id) => {
    while (!stop.signal.aborted) {
      const child = fork(fileURLToPath(import.meta.url), ['--id', `${id}`, '--data', values.data, ...members])
      const end = () => child.kill('SIGTERM')
      stop.signal.addEventListener('abort', end, { once: true })
      await new Promise((resolve) => child.once('exit', resolve))
      stop.signal.removeEventListener('abort', end)
      if (stop.signal.aborted) return
      console.log(`worker ${id} is gone; it comes back in 5 s`)
      await pause(5_000, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }))
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
