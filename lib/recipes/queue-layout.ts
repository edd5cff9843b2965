import type { Client } from '../client/client.ts'
import { below, makeSurely } from './pause.ts'

/** Names of the nodes of a queue: the folders and the items of kazoo's LockingQueue, and three folders of ours. */
export class QueueLayout {
  readonly path: string
  /** One node per item, in the order in which they are to be taken. */
  readonly entries: string
  /** One ephemeral node per item that somebody has, of the same name. */
  readonly taken: string
  /** Items whose time has not come, the first first. */
  readonly delayed: string
  /** Those who wait for an item, in line. */
  readonly takers: string
  /** A queue of the items that were delivered too often. */
  readonly dead: string

  constructor(path: string) {
    this.path = path
    this.entries = below(path, 'entries')
    this.taken = below(path, 'taken')
    this.delayed = below(path, 'delayed')
    this.takers = below(path, 'takers')
    this.dead = below(path, 'dead')
  }

  entry(name: string): string {
    return below(this.entries, name)
  }

  claim(name: string): string {
    return below(this.taken, name)
  }

  later(name: string): string {
    return below(this.delayed, name)
  }

  /** Makes what is to be there; kazoo makes its folders once, so that they must not go when they are empty. */
  async make(zk: Client, signal: AbortSignal | undefined): Promise<void> {
    for (const folder of [this.entries, this.taken, this.delayed]) await makeSurely(zk, folder, 'persistent', signal)
  }
}

/** The beginning of the name of an item; its number follows. */
export function entryPrefix(priority: number): string {
  return `entry-${String(priority).padStart(3, '0')}-`
}

/** The beginning of the name of an item that is to wait until `dueMs`. */
export function delayedPrefix(dueMs: number, priority: number): string {
  return `${String(dueMs).padStart(15, '0')}-${String(priority).padStart(3, '0')}-`
}

/** What most items have; a smaller one comes first. */
export const PRIORITY = 100
/** The last one that three digits hold. */
export const LAST_PRIORITY = 999
/** The last moment that fits the name. */
export const LAST_MS = 999_999_999_999_999

/** The priority of an item; that of most for a name which says nothing. */
export function priorityOf(name: string): number {
  const digits = /^entry-(\d{3})-/.exec(name)?.[1] ?? /^\d{15}-(\d{3})-/.exec(name)?.[1]
  return digits === undefined ? PRIORITY : Number(digits)
}

/** When an item is due. */
export function dueOf(name: string): number {
  return Number(name.slice(0, 15))
}
