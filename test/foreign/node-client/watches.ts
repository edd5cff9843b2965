/** Watches of every kind. */
import { deepStrictEqual as equal } from 'node:assert/strict'
import type { World } from './world.ts'
import { codeOf, watchOf } from './world.ts'

/** Checks by name. */
export const watches: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'a watch for creation': async (world) => {
    const [client, writer] = [await world.client(), await world.client()]
    const seen = watchOf()
    equal(await client.exists('/w', seen.on), null)
    await writer.create('/w')
    await seen.has('NODE_CREATED /w')
  },

  'watches for changes of data': async (world) => {
    const [client, writer] = [await world.client(), await world.client()]
    await client.create('/w')
    const [byGet, byExists] = [watchOf(), watchOf()]
    await client.getData('/w', byGet.on)
    await client.exists('/w', byExists.on)
    await writer.setData('/w', '1')
    await byGet.has('NODE_DATA_CHANGED /w')
    await byExists.has('NODE_DATA_CHANGED /w')
    await writer.setData('/w', '2')
    const again = watchOf()
    await client.getData('/w', again.on)
    await client.setData('/w', '3')
    await again.until((items) => items.at(-1) === 'NODE_DATA_CHANGED /w', 'change')
    equal([byGet.items.length, byExists.items.length], [1, 1])
  },

  'a watch for children': async (world) => {
    const [client, writer] = [await world.client(), await world.client()]
    await client.create('/w')
    const [added, removed] = [watchOf(), watchOf()]
    await client.getChildren('/w', added.on)
    await writer.create('/w/a')
    await added.has('NODE_CHILDREN_CHANGED /w')
    equal((await client.getChildren('/w', removed.on)).names, ['a'])
    await writer.setData('/w/a', 'no matter')
    await writer.remove('/w/a')
    await removed.has('NODE_CHILDREN_CHANGED /w')
    equal((await client.getChildren('/w')).names, [])
  },

  'watches of a node that is removed': async (world) => {
    const [client, writer] = [await world.client(), await world.client()]
    await client.create('/w')
    const seen = [watchOf(), watchOf(), watchOf()] as const
    await client.getData('/w', seen[0].on)
    await client.exists('/w', seen[1].on)
    await client.getChildren('/w', seen[2].on)
    await writer.remove('/w')
    for (const each of seen) await each.has('NODE_DELETED /w')
  },

  'a watch that failed is none': async (world) => {
    const client = await world.client()
    const seen = watchOf()
    await codeOf(client.getData('/w', seen.on))
    await client.create('/w')
    await client.setData('/w', '1')
    equal(seen.items, [])
  },

  'an event comes before the new value': async (world) => {
    const [client, writer] = [await world.client(), await world.client()]
    await client.create('/w', '0')
    for (let i = 1; i <= 50; i += 1) {
      const seen = watchOf()
      await client.getData('/w', seen.on)
      const written = writer.setData('/w', String(i))
      let value = ''
      while (value !== String(i)) value = (await client.getData('/w')).data
      equal(seen.items, ['NODE_DATA_CHANGED /w'])
      await written
    }
  },
}
