import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkLogger, checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import type { CreateOptions } from '../client/requests.ts'
import type { Data } from '../client/values.ts'
import { isZkError } from '../core/errors.ts'
import type { RecipeLogger } from './listeners.ts'
import { inOrder, memberAt, MembersView } from './members-view.ts'
import type { Member } from './members-view.ts'
import { below, retried, signalOf } from './pause.ts'
import { presence } from './presence.ts'
import type { Presence } from './presence.ts'
import { checkSource, clientOf, sessionOf } from './sessions.ts'
import type { SessionSource } from './sessions.ts'
import { uniqueId } from './unique-id.ts'

/** How to look at a group. */
export interface WatchMembersOptions {
  /** Gives up beginning with Aborted; later on it closes the view, and ends a membership. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

/** How to be in a group. */
export interface JoinOptions extends WatchMembersOptions {
  /** Name of the member's node, which nobody else in the group has. One of its own when left out. */
  readonly id?: string
  /** Takes the place of a member of that id instead of waiting until it goes, say after a restart. */
  readonly replace?: boolean
  readonly acl?: NonNullable<CreateOptions['acl']>
}

/** What kazoo's Party knows its members by. */
const MARK = '__party__'
const WATCH: readonly string[] = ['signal', 'logger']
const JOIN: readonly string[] = [...WATCH, 'id', 'replace', 'acl']

/** One's own part in a group, and the view of it. */
export class Membership extends MembersView {
  readonly id: string
  /** What keeps one's own node: its events tell when others may see it no more, and when they do again. */
  readonly presence: Presence

  /** @internal `join` makes them. */
  constructor(source: SessionSource, path: string, kept: Presence, id: string, logger: RecipeLogger | undefined) {
    super(source, path, logger)
    this.id = id
    this.presence = kept
  }

  /** One's own entry as the view has it; undefined while it is not in it. */
  get self(): Member | undefined {
    return this.get(this.id)
  }

  /** One is a member as far as is known here (see `Presence`); the view may be older or newer. */
  get isPresent(): boolean {
    return this.presence.isPresent
  }

  /** Changes one's own data, for now and for every time one comes again. See `Presence.set`. */
  set(data: Data, options?: CallOptions): Promise<void> {
    return this.presence.set(data, options)
  }

  /** Leaves, and stops watching: others hear of it at once. See `Presence.close`. */
  override async close(): Promise<void> {
    const left = this.presence.close()
    await super.close()
    await left
  }
}

/**
 * Joins the group at `path`, and watches it: `members` is a live view, events `joined`, `left` and `changed` tell of
 * every difference, `set` changes one's own data, `close` leaves. Resolves when one is a member and the view is
 * complete. With what `sessionsFrom` gave as the source, membership and view outlive sessions: one comes again in the
 * next, with the same id, and the view tells what changed meanwhile; with a client they end with its session.
 *
 * Promises: a member is in the views of all others soon after `join`, and out of them soon after `close`; after it died
 * when its session has ended. What a view holds was so at some moment, for each member by itself; later moments follow,
 * and what is quiet is exact while `isStale` is false. Events are exactly the differences of the view: whoever applies
 * them to what was there at the beginning has what `members` has. `caughtUp` waits for all that was written before.
 *
 * Does not promise: one moment for all members, or that two views are equal at any moment: who is to do what must not
 * be decided by them (`lead`, `partition`, `acquire`). A change that is followed closely by another may be left out. A
 * member may be in views for as long as its session may last after it died.
 *
 * Layout: one ephemeral node per member with its data, and a name of its own as in kazoo's Party (`<id>__party__`), or
 * `id` as in Curator's GroupMember. Every ephemeral child of the path counts as a member, those of Party, ShallowParty
 * (its name holds what it calls itself) and GroupMember too; GroupMember sees all of ours, Party those without an `id`.
 * The folder is a container where the server has them. An `id` that another session has is waited for, unless `replace`
 * is set. A view that ends for itself, as it may not be read any more, leaves one a member until `close`. Errors: those
 * of `presence` and `watchMembers`; TypeError.
 */
export async function join(
  source: SessionSource, path: string, data: Data = null, options: JoinOptions = {},
): Promise<Membership> {
  checkSource(source)
  checkOptions(options, JOIN)
  checkTypes(options, { id: 'string', replace: 'boolean' })
  const { id = `${uniqueId(clientOf(source))}${MARK}`, replace = false, acl, signal, logger } = options
  if (id === '' || id.includes('/')) throw new TypeError(`the id of a member is the name of a node, not '${id}'`)
  const own = below(checkPath(path), id)
  checkLogger(logger)
  const kept = await presence(source, own, data, {
    replace, ...signalOf(signal), ...(acl === undefined ? {} : { acl }), ...(logger === undefined ? {} : { logger }),
  })
  const membership = new Membership(source, path, kept, id, logger)
  try {
    await membership.begin(signal)
    return membership
  } catch (error) {
    const left = membership.close()
    // Whoever gives up does not wait for a server that is not there.
    if (signal?.aborted !== true) await left
    throw error
  }
}

/**
 * A live view of the group at `path`, for whoever is not in it. Resolves when it is complete; promises are those of
 * `join`. A group that does not exist has no members. The end: on `close`; with a client as the source at the end of
 * its session (SessionExpired, Closed); and when the server refuses it (NoAuth), or there are too many (see `cacheOf`).
 * Errors: those, Aborted, TypeError.
 */
export async function watchMembers(
  source: SessionSource, path: string, options: WatchMembersOptions = {},
): Promise<MembersView> {
  checkSource(source)
  checkOptions(options, WATCH)
  const { signal, logger } = options
  checkSignal(signal)
  checkLogger(logger)
  const view = new MembersView(source, checkPath(path), logger)
  await view.begin(signal)
  return view
}

/**
 * Who is in the group at `path`, the one that came first first. A picture of nearly one moment: it may have changed
 * when it arrives. Empty when there is no such group. Errors: those of `children` and `get`; Aborted, SessionExpired.
 */
export async function membersOf(source: SessionSource, path: string, options: CallOptions = {}): Promise<Member[]> {
  checkSource(source)
  checkPath(path)
  checkCall(options)
  const { signal } = options
  const zk = await sessionOf(source, signal)
  return retried(zk, signal, async () => {
    const found = await Promise.all((await namesAt()).map((name) => memberOf(name)))
    return inOrder(found.filter((member) => member !== null))
  })

  async function namesAt(): Promise<string[]> {
    try {
      return await zk.children(path, options)
    } catch (error) {
      if (isZkError(error, 'NoNode')) return []
      throw error
    }
  }

  async function memberOf(name: string): Promise<Member | null> {
    try {
      return memberAt(name, await zk.get(below(path, name), options))
    } catch (error) {
      if (isZkError(error, 'NoNode')) return null
      throw error
    }
  }
}
