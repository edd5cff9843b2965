/** Words for cases about watches. */
import type { Client, WatchItem, Watcher } from '../../lib/node.ts'
import { untilState } from './remote-scene.ts'
import type { Scene } from './remote-scene.ts'

/** What a watch yields next, as `type path`. */
export async function next(watch: Watcher): Promise<string> {
  const { value } = await watch.next()
  return value === undefined ? 'end' : `${value.type} ${value.path}`
}

/** An item as `type path`. */
export const text = ({ type, path }: WatchItem): string => `${type} ${path}`

/** A session whose connection is gone, what others did meanwhile, and its way back. */
export async function whileAway(scene: Scene, work: (other: Client) => Promise<unknown>,
  before: (zk: Client) => Promise<unknown>): Promise<Client> {
  // At the same server, which then knows it all when the session comes back.
  const other = await scene.connect({ hosts: [scene.host(0)] })
  const { zk, proxy } = await scene.proxied()
  await before(zk)
  const away = untilState(zk, 'suspended')
  proxy.refuse()
  await away
  await work(other)
  const back = untilState(zk, 'connected')
  proxy.welcome()
  await back
  return zk
}
