import type { Stat } from '../core/tree/stat.ts'
import type { Copies } from './copies.ts'

/**
 * What a node can be given: a string is stored as UTF-8, bytes as they are, nothing as no data; arrays, plain objects,
 * numbers and booleans as JSON.
 */
export type Data = string | Uint8Array | number | boolean | object | null | undefined

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder('utf-8', { ignoreBOM: true })
const EMPTY: Uint8Array = Object.freeze(new Uint8Array(0))

/** The bytes to store; the caller's are copied, since a change to them afterwards would reach some replicas only. */
export function toBytes(data: Data, copies?: Copies): Uint8Array | null {
  if (data === undefined || data === null) return null
  if (data instanceof Uint8Array) return copies === undefined ? new Uint8Array(data) : copies.bytes(data)
  const text = typeof data === 'string' ? data : isJson(data) ? jsonOf(data) : null
  if (text === null) throw new TypeError(`data must be a string, a Uint8Array or a JSON value, not ${describe(data)}`)
  return copies === undefined ? ENCODER.encode(text) : copies.text(text)
}

/** Empty where `toJSON` gives nothing. */
function jsonOf(data: object | number | boolean): string {
  return (JSON.stringify(data) as string | undefined) ?? ''
}

/** A forgotten `await`, a Map or an ArrayBuffer would all become `{}`: only what JSON means is taken. */
function isJson(data: unknown): data is object | number | boolean {
  if (typeof data === 'boolean') return true
  if (typeof data === 'number') return Number.isFinite(data)
  if (typeof data !== 'object' || data === null) return false
  if (Array.isArray(data)) return true
  const prototype: unknown = Object.getPrototypeOf(data)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'number' ? String(value) : typeof value
  return value.constructor?.name ?? 'an object'
}

/** One node as it was read: its data in the form you want, and its stat. */
export class NodeData {
  readonly stat: Stat
  /** The tree's own bytes when they come from this process: they never leave this object. */
  readonly #bytes: Uint8Array
  /** The node was given no data at all, which is not the same as empty data. */
  readonly isNull: boolean
  #copy: Uint8Array | undefined

  constructor(bytes: Uint8Array | null, stat: Stat) {
    this.#bytes = bytes ?? EMPTY
    this.isNull = bytes === null
    this.stat = stat
  }

  /** The bytes, yours to keep and change; empty when the node has no data. */
  get data(): Uint8Array {
    this.#copy ??= new Uint8Array(this.#bytes)
    return this.#copy
  }

  /** The data as UTF-8 text. */
  text(): string {
    return DECODER.decode(this.#bytes)
  }

  /** The data parsed as JSON. Throws SyntaxError when it is none. */
  json<T = unknown>(): T {
    return JSON.parse(DECODER.decode(this.#bytes)) as T
  }
}
