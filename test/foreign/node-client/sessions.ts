/** Sessions: states, resumption, expiry, and peers that are killed. */
import { deepStrictEqual as equal, notDeepStrictEqual as differ, ok } from 'node:assert/strict'
import type { Promised, World } from './world.ts'
import { codeOf, watchOf } from './world.ts'

const CONNECTED = 'SYNC_CONNECTED'

/** Kills the peer that a client sits on, and resolves when it is connected to another. */
async function killUnder(world: World, client: Promised): Promise<void> {
  const [port, session, before] = [client.port, client.session, client.states.items.length]
  await world.kill(port)
  await client.states.until((states) => states.length >= before + 2 && states.at(-1) === CONNECTED, 'reconnect')
  equal(client.states.items.slice(before), ['DISCONNECTED', CONNECTED])
  differ(client.port, port)
  equal(client.session, session)
}

/** A client of the same session, at another peer. */
function secondOf(world: World, client: Promised): Promise<Promised> {
  const hosts = world.servers.hosts.filter((host) => !host.endsWith(`:${client.port}`))
  return world.client({
    sessionId: client.client.getSessionId(), sessionPassword: client.client.getSessionPassword(),
  }, hosts)
}

/** Checks by name. */
export const sessions: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'states, names of events and the timeout': async (world) => {
    const client = world.start({ sessionTimeout: 100_000 })
    const named: string[] = []
    for (const name of ['connected', 'disconnected', 'expired']) client.client.on(name, () => named.push(name))
    equal(client.client.getState().getName(), 'DISCONNECTED')
    await client.connected()
    equal(client.client.getState().getName(), CONNECTED)
    equal(client.client.getSessionTimeout(), 10_000)
    equal([client.client.getSessionId().length, client.client.getSessionPassword().length], [8, 16])
    await client.create('/e', '', world.api.CreateMode.EPHEMERAL)
    await client.close()
    equal([client.states.items, named], [[CONNECTED, 'DISCONNECTED'], ['connected', 'disconnected']])
    const hasty = await world.client({ sessionTimeout: 10 })
    equal(hasty.client.getSessionTimeout(), 1_000)
    equal(await hasty.exists('/e'), null)
  },

  'a session resumed': async (world) => {
    const client = await world.client()
    await client.create('/e', '', world.api.CreateMode.EPHEMERAL)
    const [sessionId, sessionPassword] = [client.client.getSessionId(), client.client.getSessionPassword()]
    const heir = await secondOf(world, client)
    equal(heir.client.getSessionId(), sessionId)
    equal(heir.client.getSessionPassword(), sessionPassword)
    await heir.catchUp()
    equal((await heir.exists('/e'))?.ephemeralOwner, sessionId)
  },

  'a session of a wrong password': async (world) => {
    const client = await world.client()
    await client.create('/e', '', world.api.CreateMode.EPHEMERAL)
    const thief = world.start({ sessionId: client.client.getSessionId(), sessionPassword: Buffer.alloc(16, 1) })
    await thief.states.has('EXPIRED', 'DISCONNECTED')
    equal((await client.exists('/e'))?.ephemeralOwner, client.client.getSessionId())
    equal(await codeOf(thief.exists('/')), world.api.Exception['CONNECTION_LOSS'])
  },

  'a session ended meanwhile expires': async (world) => {
    const [client, keeper] = [await world.client(), await world.client()]
    await client.create('/e', '', world.api.CreateMode.EPHEMERAL)
    const gone = watchOf()
    let isExpired = false
    client.client.on('expired', () => { isExpired = true })
    await keeper.catchUp()
    ok(await keeper.exists('/e', gone.on))
    await (await secondOf(world, client)).close()
    await gone.until((items) => items.includes('NODE_DELETED /e'), 'end of the node')
    await client.states.until((states) => states.includes('EXPIRED'), 'expiry')
    ok(isExpired)
  },

  'a peer is killed': async (world) => {
    const [client, keeper] = [await world.client(), await world.client()]
    client.client.addAuthInfo('digest', Buffer.from('me:secret'))
    await client.create('/e', '', world.api.CreateMode.EPHEMERAL)
    await client.create('/w', '0')
    await client.create('/c')
    await client.create('/x')
    const seen = [watchOf(), watchOf(), watchOf(), watchOf()] as const
    await client.getData('/w', seen[0].on)
    await client.getChildren('/c', seen[1].on)
    await client.exists('/new', seen[2].on)
    await client.exists('/x', seen[3].on)
    await killUnder(world, client)
    equal((await client.exists('/e'))?.ephemeralOwner, client.client.getSessionId())
    await keeper.connected()
    await keeper.setData('/w', '1')
    await keeper.create('/c/child')
    await keeper.create('/new')
    await keeper.remove('/x')
    await seen[0].has('NODE_DATA_CHANGED /w')
    await seen[1].has('NODE_CHILDREN_CHANGED /c')
    await seen[2].has('NODE_CREATED /new')
    await seen[3].has('NODE_DELETED /x')
    await client.create('/secret', '', null, world.api.ACL.CREATOR_ALL_ACL)
    equal(await codeOf(keeper.setData('/secret', '')), world.api.Exception['NO_AUTH'])
  },

  'what happened while it had no connection': async (world) => {
    const [client, keeper] = [await world.client(), await world.client({}, [...world.servers.hosts].reverse())]
    await client.create('/w', '0')
    await client.create('/x', '0')
    const seen = [watchOf(), watchOf(), watchOf()] as const
    await client.getData('/w', seen[0].on)
    await client.getChildren('/x', seen[1].on)
    await client.exists('/new', seen[2].on)
    const connected = new Promise((resolve) => client.client.once('connected', resolve))
    client.client.connectionManager.socket.pause()
    await keeper.setData('/w', '1')
    await keeper.remove('/x')
    await keeper.create('/new')
    client.client.connectionManager.socket.destroy()
    await connected
    await seen[0].has('NODE_DATA_CHANGED /w')
    await seen[1].has('NODE_DELETED /x')
    await seen[2].has('NODE_CREATED /new')
  },

  'peers killed one after the other': async (world) => {
    const client = await world.client({ retries: 5 })
    await client.create('/e', 'mine', world.api.CreateMode.EPHEMERAL)
    await client.create('/n')
    for (let round = 0; round < 4; round += 1) {
      await killUnder(world, client)
      equal((await client.getData('/e')).stat.ephemeralOwner, client.client.getSessionId())
      await client.create('/n/s-', '', world.api.CreateMode.PERSISTENT_SEQUENTIAL)
      await world.restartDead()
    }
    equal((await client.getChildren('/n')).names.length, 4)
    await client.close()
    const keeper = await world.client()
    await keeper.catchUp()
    equal(await keeper.exists('/e'), null)
  },

  'the leader is killed amid writes': async (world) => {
    const modes = await Promise.all(world.servers.hosts.map((_, i) => world.servers.mode(i)))
    const leader = world.servers.hosts[modes.indexOf('leader')] ?? ''
    const client = await world.client({ retries: 20, sessionTimeout: 10_000 },
      [leader, ...world.servers.hosts.filter((host) => host !== leader)])
    await client.create('/n')
    let killed: Promise<void> | null = null
    const writes = Array.from({ length: 60 }, (_, i) => client.mkdirp(`/n/${i}`).then(() => {
      killed ??= world.kill(client.port)
    }))
    await Promise.all(writes)
    await (killed as Promise<void> | null)
    equal((await client.getChildren('/n')).names.length, 60)
  },
}
