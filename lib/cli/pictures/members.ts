import { isOfLine } from './lines.ts'
import { byFolder, count, lasting, printable } from './picture.ts'
import type { Group, Picture, Row } from './picture.ts'
import { isInstance } from './services.ts'
import type { Seen } from './sight.ts'

/** One who is in a group. */
interface Present {
  readonly id: string
  readonly data: string
  readonly session: string
  readonly sinceMs: number
}

/** Of kazoo's Party, and of ours that were given no id. */
const PARTY = /__party__$/
/** Of kazoo's ShallowParty: what it calls itself follows an id of its own. */
const SHALLOW = /^[0-9a-f]{32}-(.*)$/s
/** Of those who share a set (`partition`). */
const SHARE = /-member-\d{10}$/
/** What marks an item of a queue as taken, as kazoo's LockingQueue names it. */
const CLAIM = /^entry-\d{3}-\d{10}$/

function presentOf({ name, node }: Seen): Present {
  const shallow = SHALLOW.exec(name)
  const isNamed = shallow !== null && !SHARE.test(name)
  return {
    id: name, data: isNamed ? shallow[1] ?? '' : node.text(), session: node.stat.ephemeralOwner,
    sinceMs: node.stat.ctime,
  }
}

function rowOf({ id, data, session, sinceMs }: Present, isParty: boolean): Row {
  // The names of a party mean nothing to anybody.
  const name = printable(isParty ? data : id)
  return { place: 'in', name, session, sinceMs, more: isParty ? '' : printable(data) }
}

function groupOf(path: string, all: readonly Seen[]): Group {
  const present = all.map((seen) => ({ seen, who: presentOf(seen) }))
    .sort((a, b) => a.seen.node.stat.czxid - b.seen.node.stat.czxid)
  const isShare = all.every(({ name }) => SHARE.test(name))
  return {
    path, heading: () => `${count(present.length, 'member', 'members')}${isShare ? ', sharing a set' : ''}`,
    rows: present.map(({ seen, who }) => {
      return rowOf(who, [PARTY, SHALLOW, SHARE].some((pattern) => pattern.test(seen.name)))
    }),
    value: (nowMs) => ({
      path, kind: isShare ? 'partition' : 'group',
      members: present.map(({ who: { sinceMs, ...who } }) => ({ ...who, ...lasting(sinceMs, nowMs) })),
    }),
  }
}

/** A node of a session that has no part in anything else that is known. */
function isMember(seen: Seen): boolean {
  if (seen.node.stat.ephemeralOwner === '0x0') return false
  return SHARE.test(seen.name) || (!isOfLine(seen.name) && !CLAIM.test(seen.name) && !isInstance(seen))
}

/** Who is there. */
export const membersPicture: Picture = {
  name: 'members', nothing: 'nobody is there',
  caution: 'every ephemeral node that is no part of a lock, an election or a service counts as a member',
  seek: (root) => ({ roots: [root], wants: () => true, keeps: isMember, isLeaf: isOfLine }),
  groups: (all) => [...byFolder(all)].map(([path, nodes]) => groupOf(path, nodes)),
}
