/** A session over the wire whose connection a case can cut, and others beside it. */
import { connect, createEnsemble } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { uniqueId } from '../../lib/recipes/unique-id.ts'
import { Proxy } from '../client/proxy.ts'
import { untilState } from '../client/remote-scene.ts'
import type { Case } from '../harness.ts'

/** A tree of its own, empty at first; the same on our servers and on those that RECIPES_AT names. */
export interface CutPlace {
  /** The session behind the proxy. */
  readonly zk: Client
  readonly proxy: Proxy
  /** A session at the same server, whose connection is left alone; one that takes up `session` when given. */
  connect(session?: Client['session']): Promise<Client>
  /** Cuts the connection, does the work, and lets the session come back. */
  whileAway(work: () => Promise<unknown>): Promise<void>
}

async function serverOf(t: Case): Promise<{ readonly host: string, readonly chroot: string }> {
  const { RECIPES_AT: address } = process.env
  if (address === undefined) {
    const ensemble = await createEnsemble({
      size: 1, signal: t.signal, clients: () => ({ listen: ['tcp://127.0.0.1:0'], perAddress: 0 }),
    })
    t.defer(() => ensemble.stop())
    const [own = ''] = ensemble.peer(1)?.status().clientAddresses ?? []
    return { host: new URL(own).host, chroot: '' }
  }
  const chroot = `/recipes-${uniqueId(Math)}`
  const zk = await connect(address, { signal: t.signal })
  t.defer(() => zk.close())
  await zk.create(chroot)
  t.defer(() => zk.delete(chroot, { recursive: true }))
  return { host: new URL(address).host, chroot }
}

/** See `CutPlace`. */
export async function cutPlace(t: Case): Promise<CutPlace> {
  const { host, chroot } = await serverOf(t)
  const proxy = await Proxy.start(host)
  t.defer(() => proxy.stop())
  const open = async (at: string, session: Client['session'] = null): Promise<Client> => {
    const zk = await connect(`tcp://${at}${chroot}`, session === null ? {} : { session })
    t.defer(() => zk.close())
    return zk
  }
  const zk = await open(proxy.host)
  return {
    zk, proxy,
    connect: (session) => open(host, session),
    whileAway: async (work) => {
      const away = untilState(zk, 'suspended')
      proxy.refuse()
      await away
      await work()
      proxy.welcome()
    },
  }
}
