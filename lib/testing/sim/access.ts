import type { Random } from '../../core/random.ts'
import { OPEN_ACL, Perm } from '../../core/tree/request.ts'
import type { Acl, Identity } from '../../core/tree/request.ts'

/**
 * ZooKeeper's lists a second time, as far as the simulator's clients use them: the world, digests and `auth`; shares no
 * code with the core.
 */

const ANN: Identity = { scheme: 'digest', id: 'ann:6Vt1' }
const BOB: Identity = { scheme: 'digest', id: 'bob:x9Qe' }

/** What clients may say they are: nobody, one of two, or both. */
const CALLERS: readonly (readonly Identity[])[] = [[], [ANN], [BOB], [ANN, BOB], [BOB, ANN]]

/** All may read and one may do everything; one may work and another rules; whoever asks, if he is anybody. */
const LISTS: readonly (readonly Acl[])[] = [
  [{ perms: Perm.all, ...ANN }, { perms: Perm.read, scheme: 'world', id: 'anyone' }],
  [{ perms: Perm.read | Perm.write | Perm.create | Perm.delete, ...BOB }, { perms: Perm.admin, ...ANN }],
  [{ perms: Perm.all, scheme: 'auth', id: '' }],
]

/** Who is at a connection. */
export function drawCaller(random: Random): readonly Identity[] {
  return CALLERS[random.below(CALLERS.length)]!
}

/** The list of a request: mostly the open one. */
export function drawAcl(random: Random): readonly Acl[] {
  return LISTS[random.below(3 * LISTS.length)] ?? OPEN_ACL
}

/** True when one of these permissions is granted to one of these. */
export function allows(acl: readonly Acl[], perms: number, identities: readonly Identity[]): boolean {
  return acl === OPEN_ACL || acl.some((entry) => (entry.perms & perms) !== 0 &&
    (entry.scheme === 'world' || identities.some(({ scheme, id }) => scheme === entry.scheme && id === entry.id)))
}

/** The list that a node gets; null when the request must be refused. */
export function storedAcl(acl: readonly Acl[] | null, identities: readonly Identity[]): readonly Acl[] | null {
  if (acl === null || acl === OPEN_ACL) return acl
  const stored = acl.flatMap((entry) => entry.scheme !== 'auth' ? [entry]
    : identities.map(({ scheme, id }) => ({ perms: entry.perms, scheme, id })))
  return stored.length === 0 ? null : stored
}

/** What getACL shows: hashes to nobody but those who may set the list. */
export function shownAcl(acl: readonly Acl[], identities: readonly Identity[]): readonly Acl[] {
  if (allows(acl, Perm.admin, identities)) return acl
  return acl.map((entry) => entry.scheme === 'digest' ? { ...entry, id: `${entry.id.split(':')[0]}:x` } : entry)
}

/** Equal entries in the same order. */
export function sameAcl(a: readonly Acl[], b: readonly Acl[]): boolean {
  return a === b || (a.length === b.length && a.every(({ perms, scheme, id }, at) =>
    perms === b[at]!.perms && scheme === b[at]!.scheme && id === b[at]!.id))
}
