import { Level } from 'level'

/** One operation of a LevelDB batch. */
export type Operation =
  | { readonly type: 'put', readonly key: string, readonly value: Uint8Array }
  | { readonly type: 'del', readonly key: string }

/** Which keys, in their order. */
export interface Range {
  readonly gte?: string
  readonly lt?: string
  readonly limit?: number
}

/** The part of `level` that is used here. */
export interface Database {
  open(): Promise<void>
  close(): Promise<void>
  get(key: string): Promise<Uint8Array | undefined>
  batch(operations: Operation[], options: { sync: boolean }): Promise<void>
  /** Absent where the platform cleans up by itself. */
  compactRange?(start: string, end: string): Promise<void>
  keys(range: Range): AsyncIterable<string>
  iterator(range: Range): AsyncIterable<[string, Uint8Array]>
}

/** Opens nothing yet. Values go in and out as bytes, without a copy where the platform allows it. */
export function database(location: string): Database {
  return new Level<string, Uint8Array>(location, { keyEncoding: 'utf8', valueEncoding: 'view' })
}
