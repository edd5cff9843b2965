import { childOf, nameOf } from '../../core/tree/path.ts'
import { readInstance } from '../../recipes/instance.ts'
import type { Instance } from '../../recipes/instance.ts'
import { byFolder, count, lasting, printable } from './picture.ts'
import type { Group, Picture, Row } from './picture.ts'
import type { Seen } from './sight.ts'

/** An instance as Curator's x-discovery and ours write it at `<base>/<service>/<id>`; null for other data. */
function instanceOf({ folder, name, node }: Seen): Instance | null {
  try {
    // A reader of one service takes what it finds for an instance; among all nodes it must say that it is one.
    const { id, name: service } = node.json<{ readonly id?: unknown, readonly name?: unknown } | null>() ?? {}
    if (id !== name || service !== nameOf(folder)) return null
    return readInstance(childOf(folder, name), node)
  } catch {
    // Most data of a tree is no JSON.
    return null
  }
}

/** True for the instance of a service. */
export function isInstance(seen: Seen): boolean {
  return instanceOf(seen) !== null
}

function rowOf({ id, address, port, sslPort, enabled, payload }: Instance, { node: { stat } }: Seen): Row {
  const more = [
    printable(id), ...(sslPort === null ? [] : [`TLS at ${sslPort}`]),
    ...(stat.ephemeralOwner === '0x0' ? ['permanent'] : []),
    ...(payload === null ? [] : [printable(JSON.stringify(payload))]),
  ]
  return {
    place: enabled ? 'up' : 'out', name: `${printable(address ?? '')}${port === null ? '' : `:${port}`}`,
    session: stat.ephemeralOwner === '0x0' ? '' : stat.ephemeralOwner, sinceMs: stat.ctime, more: more.join('  '),
  }
}

function groupOf(path: string, all: readonly Seen[]): Group {
  const instances = all.map((seen) => ({ seen, instance: instanceOf(seen) }))
    .flatMap(({ seen, instance }) => (instance === null ? [] : [{ seen, instance }]))
  const out = instances.filter(({ instance }) => !instance.enabled).length
  return {
    path, heading: () => `${count(instances.length, 'instance', 'instances')}${out === 0 ? '' : `, ${out} out`}`,
    rows: instances.map(({ seen, instance }) => rowOf(instance, seen)),
    value: (nowMs) => ({
      path, service: nameOf(path), instances: instances.map(({ seen: { node: { stat } }, instance }) => ({
        ...instance.toJSON(), enabled: instance.enabled,
        session: stat.ephemeralOwner === '0x0' ? null : stat.ephemeralOwner,
        ...lasting(stat.ctime, nowMs),
      })),
    }),
  }
}

/** Which services there are, and where. */
export const servicesPicture: Picture = {
  name: 'services', nothing: 'there is no service', caution: null,
  seek: (root) => ({ roots: [root], wants: () => true, keeps: isInstance, isLeaf: () => false }),
  groups: (all) => [...byFolder(all)].map(([path, nodes]) => groupOf(path, nodes)),
}
