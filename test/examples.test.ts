import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startNode } from './cli/process.ts'
import type { Running } from './cli/process.ts'
import { assert, suite } from './harness.ts'
import type { Case } from './harness.ts'
import { freePorts } from './ports.ts'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'examples')
const test = suite('examples')

/** Starts an example as its first lines say, in an empty folder. It needs the built package. */
function startExample(t: Case, name: string, ...args: string[]): Running {
  return startNode(t, t.tempFolder(), [join(folder, name), ...args], 'ignore')
}

/** As Ctrl-C does; it ends cleanly and says nothing on standard error. */
async function interrupt({ child, done }: Running): Promise<string> {
  child.kill('SIGINT')
  const { code, stdout, stderr } = await done
  assert.is(stderr, '')
  assert.is(code, 0)
  return stdout
}

test('a fleet goes on when its leader is killed', async (t) => {
  const fleet = startExample(t, 'worker-fleet.mjs')
  await fleet.says('does round 2\n')
  const seen: string[] = []
  fleet.child.stdout?.on('data', (chunk: Buffer) => seen.push(chunk.toString()))
  const pid = await new Promise<number>((resolve) => {
    fleet.child.stdout?.on('data', () => {
      const match = /\(pid (\d+)\): does round/.exec(seen.join(''))
      if (match !== null) resolve(Number(match[1]))
    })
  })
  process.kill(pid, 'SIGKILL')
  await fleet.says('is gone; it comes back')
  await new Promise<void>((resolve) => {
    const look = (): void => {
      const [, next] = /is gone[^]*\(pid (\d+)\): does round/.exec(seen.join('')) ?? []
      if (next !== undefined && Number(next) !== pid) resolve()
    }
    fleet.child.stdout?.on('data', look)
    look()
  })
  const stdout = await interrupt(fleet)
  assert.is(stdout.match(/: stopped/g)?.length, 2)
  const rounds = [...stdout.matchAll(/does round (\d+)/g)].map(([, round]) => Number(round))
  // The round of the one who was killed may be done again, and none is left out.
  for (const [index, round] of rounds.slice(1).entries()) assert.ok([0, 1].includes(round - (rounds[index] ?? 0)))
}, { timeoutMs: 30_000 })

test('a web server takes its new configuration', async (t) => {
  const [port, clientPort] = await freePorts(2)
  const server = startExample(t, 'live-config.mjs', '--port', `${port}`, '--client-port', `${clientPort}`)
  await server.says('http://127.0.0.1')
  const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()
  const patch = (body: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/config`, { method: 'PATCH', body })
  assert.is(await page(), '<h1 style="color:blue">Hello</h1>\n')
  assert.is((await patch('{"greeting":"Good <morning>"}')).status, 200)
  assert.is(await page(), '<h1 style="color:blue">Good &#60;morning></h1>\n')
  assert.is((await patch('{"colour":7}')).status, 400)
  assert.is((await patch('what')).status, 400)
  assert.match(await page(), 'Good')
  await interrupt(server)
}, { timeoutMs: 30_000 })

test('a web server that finds no ensemble says so, and ends all the same', async (t) => {
  const [port, nobody] = await freePorts(2)
  const server = startExample(t, 'live-config.mjs', '--port', `${port}`, '--connect', `zk://127.0.0.1:${nobody}`)
  await server.says('connecting to zk://')
  assert.not.match(await interrupt(server), 'Error')
}, { timeoutMs: 30_000 })

test('services find each other, and one that is killed is not missed', async (t) => {
  const [port] = await freePorts(1)
  const all = startExample(t, 'services.mjs', '--port', `${port}`)
  await Promise.all([all.says('is the front end'), all.says('back ends that are there: 3')])
  const ask = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/`)
    assert.is(response.status, 200)
    return /pid (\d+)/.exec(await response.text())?.[1] ?? ''
  }
  const first = new Set(await Promise.all(Array.from({ length: 9 }, ask)))
  assert.is(first.size, 3)
  const [killed = ''] = first
  process.kill(Number(killed), 'SIGKILL')
  const next = new Set(await Promise.all(Array.from({ length: 9 }, ask)))
  assert.is(next.has(killed), false)
  const stdout = await interrupt(all)
  assert.is(stdout.match(/is drained/g)?.length, 2)
}, { timeoutMs: 30_000 })

test.run()
