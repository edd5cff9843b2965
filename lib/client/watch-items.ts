import type { EventTypeNumber } from '../core/tree/request.ts'
import type { NodeData } from './values.ts'

/** A node changed. `children` means that the list of its children did; it comes from non-recursive watches only. */
export interface WatchChange {
  readonly type: 'created' | 'deleted' | 'changed' | 'children'
  readonly path: string
  /** The txn that did it; -1 when it is not known. */
  readonly zxid: number
}

/** A node as it was when the watch began (or began again after a gap). */
export interface WatchPresent {
  readonly type: 'present'
  readonly path: string
  /** Of the state that was read. */
  readonly zxid: number
  readonly node: NodeData
}

/**
 * Changes were missed. Whatever was read at `path` (and below it, when the watch is recursive) must be read again; a
 * watch with `initial` does it by itself: the present state follows, and what is not in it is gone.
 */
export interface WatchGap {
  readonly type: 'gap'
  /** The path that is watched. */
  readonly path: string
  readonly zxid: number
  readonly recursive: boolean
  /** The connection was lost for a while, or the reader of the watch was too slow. */
  readonly reason: 'reconnect' | 'overflow'
}

/** What a watch yields. */
export type WatchItem = WatchChange | WatchPresent | WatchGap

const CHANGES: readonly WatchChange['type'][] = ['created', 'deleted', 'changed', 'children']

/** The name of a numbered event type. */
export function changeName(type: EventTypeNumber): WatchChange['type'] {
  return CHANGES[type - 1] ?? 'changed'
}
