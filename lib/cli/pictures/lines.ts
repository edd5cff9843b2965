import { childOf, nameOf, parentOf } from '../../core/tree/path.ts'
import { aheadOf, lineOf } from '../../recipes/line.ts'
import { REVOKE } from '../../recipes/hold.ts'
import { byFolder, count, lasting, printable } from './picture.ts'
import type { Group, Picture, Row } from './picture.ts'
import type { Seen, Sought } from './sight.ts'

/** One who has what a line leads to, or stands in it. */
interface Standing {
  readonly name: string
  readonly node: string
  readonly session: string
  readonly sinceMs: number
  readonly czxid: number
  readonly reads: boolean
  /** It was asked to let go. */
  readonly revoked: boolean
}

type LineKind = 'lock' | 'read-write lock' | 'semaphore' | 'item of a partition' | 'latch' | 'queue'

/** Who holds and who waits, in order. */
interface Line {
  readonly path: string
  readonly kind: LineKind
  readonly holders: readonly Standing[]
  readonly waiting: readonly Standing[]
}

type Folders = ReadonlyMap<string, readonly Seen[]>

/** Curator's LeaderLatch. */
const LATCH = /-latch-(\d{10})$/
/** Curator's InterProcessSemaphoreV2, and ours. */
const LEASE = /-lease-\d{10}$/
const LEASES = 'leases'
const LEASES_DOOR = 'locks'
/** What kazoo's Semaphore calls its leases; their lock stands beside the semaphore. */
const KAZOO_LEASE = /^[0-9a-f]{32}$/
const KAZOO_DOOR = '-__lock__'
const MEMBER = /-member-\d{10}$/
/** Where they stand who wait for an item of a queue, and where the items are. */
const TAKERS = 'takers'
const ITEMS = 'entries'

const SAME = 'elections of this package and of kazoo, and Curator\'s LeaderSelector, are locks on the tree: ' +
  'locks and elections list them alike'

/** True for the name of one who stands in a line, holds a lease, or shares a set. */
export function isOfLine(name: string): boolean {
  return lineOf([name]).length > 0 || [LATCH, LEASE, KAZOO_LEASE, MEMBER].some((pattern) => pattern.test(name))
}

function seek(root: string): Sought {
  return {
    // The lock of kazoo's Semaphore is no child of its path.
    roots: root === '/' ? [root] : [root, `${root}${KAZOO_DOOR}`],
    wants: (name) => isOfLine(name) || name === LEASES || name === ITEMS || name.endsWith(KAZOO_DOOR),
    isLeaf: isOfLine, keeps: () => true,
  }
}

/** Every line that the nodes make, by its path. */
function linesOf(all: readonly Seen[]): Line[] {
  const folders = byFolder(all)
  const names = new Set(all.map(({ folder, name }) => childOf(folder, name)))
  const lines: Line[] = []
  const semaphores = new Set<string>()
  for (const [folder, nodes] of folders) {
    const semaphore = semaphoreWith(folder, nodes, names, folders)
    if (semaphore !== null) {
      semaphores.add(semaphore)
      continue
    }
    const latched = nodes.filter(({ name }) => LATCH.test(name)).sort((a, b) => numberOf(a) - numberOf(b)).map(standing)
    if (latched.length > 0) {
      lines.push({ path: folder, kind: 'latch', holders: latched.slice(0, 1), waiting: latched.slice(1) })
    }
    const line = lineAt(folder, nodes)
    if (line !== null) lines.push(named(line, names, folders))
  }
  for (const path of semaphores) lines.push(semaphoreAt(path, folders))
  return lines.filter(({ holders, waiting }) => holders.length + waiting.length > 0)
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

function lineAt(folder: string, nodes: readonly Seen[]): Line | null {
  // Those who stand for a LeaderLatch hold nothing else, and are a line of their own.
  const places = lineOf(nodes.map(({ name }) => name).filter((name) => !LATCH.test(name)))
  if (places.length === 0) return null
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const all = places.map((place) => ({ place, who: { ...standing(byName.get(place.name)!), reads: place.reads } }))
  const holds = (name: string): boolean => aheadOf(places, name) === null
  const isShared = places.some(({ name, reads }) => reads || name.includes('__WRIT__'))
  return {
    path: folder, kind: isShared ? 'read-write lock' : 'lock',
    holders: all.filter(({ place }) => holds(place.name)).map(({ who }) => who),
    waiting: all.filter(({ place }) => !holds(place.name)).map(({ who }) => who),
  }
}

/** The path of the semaphore that the folder is a part of; null when it is of none. */
function semaphoreWith(
  folder: string, nodes: readonly Seen[], names: ReadonlySet<string>, folders: Folders,
): string | null {
  const own = nameOf(folder)
  const beside = childOf(parentOf(folder), LEASES)
  if (own === LEASES && nodes.some(({ name }) => LEASE.test(name))) return parentOf(folder)
  if (own === LEASES_DOOR && (names.has(beside) || folders.has(beside))) return parentOf(folder)
  if (own.endsWith(KAZOO_DOOR)) return folder.slice(0, -KAZOO_DOOR.length)
  return names.has(`${folder}${KAZOO_DOOR}`) ? folder : null
}

/**
 * The leases, and those who stand at the door. The first at Curator's and our door makes his lease before there is room
 * for it: he waits until he leaves the door.
 */
function semaphoreAt(path: string, folders: Folders): Line {
  const leases = [
    ...(folders.get(childOf(path, LEASES)) ?? []).filter(({ name }) => LEASE.test(name)),
    ...(folders.get(path) ?? []).filter(({ name }) => KAZOO_LEASE.test(name)),
  ].sort((a, b) => a.node.stat.czxid - b.node.stat.czxid)
  const door = folders.get(childOf(path, LEASES_DOOR)) ?? folders.get(`${path}${KAZOO_DOOR}`) ?? []
  const line = lineAt(path, door)
  const waiting = [...line?.holders ?? [], ...line?.waiting ?? []]
  const [first] = waiting
  const isEarly = ({ node: { stat } }: Seen): boolean =>
    first !== undefined && stat.ephemeralOwner === first.session && stat.czxid > first.czxid
  return {
    path, kind: 'semaphore', waiting,
    holders: leases.filter((lease, at) => at < leases.length - 1 || !isEarly(lease)).map(standing),
  }
}

/** What the line is a part of, if it is no lock by itself. */
function named(line: Line, names: ReadonlySet<string>, folders: Folders): Line {
  const { path, holders, waiting } = line
  if (isItem(path, folders)) return { ...line, kind: 'item of a partition' }
  const queue = parentOf(path)
  if (nameOf(path) !== TAKERS || !names.has(childOf(queue, ITEMS))) return line
  // Whoever is in front waits for an item, too.
  return { path: queue, kind: 'queue', holders: [], waiting: [...holders, ...waiting] }
}

/** `<path>/items/<item>`, beside `<path>/members`. */
function isItem(folder: string, folders: Folders): boolean {
  const items = parentOf(folder)
  if (nameOf(items) !== 'items') return false
  return folders.get(childOf(parentOf(items), 'members'))?.some(({ name }) => MEMBER.test(name)) ?? false
}

function numberOf({ name }: Seen): number {
  return Number(LATCH.exec(name)?.[1] ?? 0)
}

function standing({ name, node }: Seen): Standing {
  const text = node.text()
  const { ephemeralOwner, ctime, czxid } = node.stat
  return {
    name: text === REVOKE ? '' : text, node: name, session: ephemeralOwner, sinceMs: ctime, czxid, reads: false,
    revoked: text === REVOKE,
  }
}

function rowOf(who: Standing, place: string, more: readonly string[] = []): Row {
  const { name, session, sinceMs, revoked } = who
  return {
    place, name: printable(name), session, sinceMs,
    more: [...more, ...(revoked ? ['asked to let go'] : [])].join(', '),
  }
}

function valueOf(who: Standing, nowMs: number, isShared = false): object {
  const { name, node, session, sinceMs, reads, revoked } = who
  return {
    name, node, session, ...lasting(sinceMs, nowMs), ...(isShared ? { reads } : {}), ...(revoked ? { revoked } : {}),
  }
}

function lockGroup({ path, kind, holders, waiting }: Line): Group {
  const isShared = kind === 'read-write lock'
  const way = ({ reads }: Standing): string[] => (isShared ? [reads ? 'reads' : 'writes'] : [])
  const held = kind === 'semaphore' ? count(holders.length, 'lease', 'leases') : count(holders.length, 'holds', 'hold')
  const heading = kind === 'queue' ? `queue: ${count(waiting.length, 'waits', 'wait')} for an item`
    : `${kind}: ${held}, ${count(waiting.length, 'waits', 'wait')}`
  return {
    path, heading: () => heading,
    rows: [
      ...holders.map((who) => rowOf(who, 'holds', way(who))),
      ...waiting.map((who, at) => rowOf(who, `${at + 1}.`, way(who))),
    ],
    value: (nowMs) => ({
      path, kind, holders: holders.map((who) => valueOf(who, nowMs, isShared)),
      waiting: waiting.map((who) => valueOf(who, nowMs, isShared)),
    }),
  }
}

function electionGroup({ path, kind, holders, waiting }: Line): Group {
  const [leader] = holders
  return {
    path, rows: [
      ...holders.map((who) => rowOf(who, 'leads')), ...waiting.map((who, at) => rowOf(who, `${at + 1}.`)),
    ],
    heading: (since) => {
      if (leader === undefined) return 'nobody leads'
      const who = leader.name === '' ? leader.session : printable(leader.name)
      return `${who} leads for ${since(leader.sinceMs)}, ${count(waiting.length, 'stands', 'stand')} behind`
    },
    value: (nowMs) => ({
      path, layout: kind, leader: leader === undefined ? null : valueOf(leader, nowMs),
      candidates: waiting.map((who) => valueOf(who, nowMs)),
    }),
  }
}

/** Who holds what, and who waits for it. */
export const locksPicture: Picture = {
  name: 'locks', nothing: 'nobody holds or waits for a lock', caution: null, seek,
  groups: (all) => linesOf(all).filter(({ kind }) => kind !== 'latch').map(lockGroup),
}

/** Who leads, and who stands behind. */
export const electionsPicture: Picture = {
  name: 'elections', nothing: 'nobody stands for election', caution: SAME, seek,
  groups: (all) => linesOf(all).filter(({ kind }) => kind === 'lock' || kind === 'latch').map(electionGroup),
}
