import { nameOf } from '../../core/tree/path.ts'
import { byFolder, count, lasting, printable } from './picture.ts'
import type { Group, Picture, Row } from './picture.ts'
import type { Seen } from './sight.ts'

/** What Curator's x-discovery writes, as far as it matters here. */
interface Instance {
  readonly id: string
  readonly address: string | null
  readonly port: number | null
  readonly sslPort: number | null
  /** False: it does not want to be used. */
  readonly enabled: boolean
  readonly payload: unknown
}

/** An instance as it is written at `<base>/<service>/<id>`; null for other data. */
function instanceOf({ folder, name, node }: Seen): Instance | null {
  let json: unknown
  try {
    json = node.json()
  } catch {
    // Most data of a tree is no JSON.
    return null
  }
  if (typeof json !== 'object' || json === null) return null
  const { id, name: service, address, port, sslPort, enabled, payload } = json as Readonly<Record<string, unknown>>
  if (id !== name || service !== nameOf(folder)) return null
  return {
    id: name, address: typeof address === 'string' ? address : null, port: portOf(port), sslPort: portOf(sslPort),
    enabled: enabled !== false, payload: payload ?? null,
  }
}

function portOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
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
        ...instance, session: stat.ephemeralOwner === '0x0' ? null : stat.ephemeralOwner,
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
