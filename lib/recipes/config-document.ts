import type { NodeData } from '../client/values.ts'
import { checkPath } from '../client/requests.ts'
import type { Checked } from './config-schema.ts'
import { messageOf } from './config-schema.ts'
import { below } from './pause.ts'

/** What a node of a configuration holds: the values by their keys. */
export type Document = Readonly<Record<string, unknown>>

/** Levels of arrays and objects in a document. */
const DEEPEST = 500

/** Where the parts of a configuration are. */
export interface ConfigLayout {
  /** The document. */
  readonly path: string
  /** Its children are the documents of the environments; its version rises whenever one is added. */
  readonly environments: string
  /** Its children are former documents. */
  readonly history: string
}

/** The layout of a configuration at a path. */
export function layoutAt(path: string): ConfigLayout {
  checkPath(path)
  return { path, environments: below(path, 'env'), history: below(path, 'history') }
}

/** The path of the document of an environment. Throws TypeError for what is no name. */
export function environmentAt(layout: ConfigLayout, environment: string): string {
  if (typeof environment !== 'string' || environment === '' || environment.includes('/')) {
    throw new TypeError('an environment must be a name without a slash')
  }
  return checkPath(below(layout.environments, environment))
}

/** Reads a document; a missing or empty node is an empty one. */
export function documentOf(node: NodeData | null): Checked<Document> {
  if (node === null || node.stat.dataLength === 0) return { value: {} }
  try {
    const value: unknown = node.json()
    if (isTooDeep(value)) return { issues: [{ message: `nested deeper than ${DEEPEST} levels`, path: '' }] }
    if (isDocument(value)) return { value }
    return { issues: [{ message: 'the node holds JSON, but no object', path: '' }] }
  } catch (error) {
    return { issues: [{ message: `the node holds no JSON: ${messageOf(error)}`, path: '' }] }
  }
}

/** What is deeper cannot be copied or frozen: each level takes its part of the stack. */
function isTooDeep(value: unknown): boolean {
  let level: object[] = isParts(value) ? [value] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return true
    level = level.flatMap((each) => Object.values(each).filter(isParts))
  }
  return false
}

function isParts(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** An object of keys and values, not an array, a Date or the like. */
export function isDocument(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** The document with some keys changed; those that are undefined are gone. */
export function changed(document: Document, changes: Document): Document {
  return Object.fromEntries(Object.entries({ ...document, ...changes }).filter(([, value]) => value !== undefined))
}

/** As it will be read: what JSON leaves out or alters is so before it is checked. Throws TypeError. */
export function stored(document: unknown): { readonly text: string, readonly document: Document } {
  if (!isDocument(document)) throw new TypeError('a configuration must be an object of keys and values')
  const text = JSON.stringify(document)
  return { text, document: JSON.parse(text) as Document }
}

/** Freezes plain objects and arrays at every depth; others (dates, maps, what a schema makes) stay as they are. */
export function frozen<T>(value: T): T {
  if (!Array.isArray(value) && !isDocument(value)) return value
  if (Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const part of Object.values(value)) frozen(part)
  return value
}
