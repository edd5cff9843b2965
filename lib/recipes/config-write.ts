import type { Client } from '../client/client.ts'
import type { Multi } from '../client/multi.ts'
import type { NodeData } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { keep } from './config-history.ts'
import type { ConfigLayout, Document } from './config-document.ts'
import { documentOf, environmentAt, stored } from './config-document.ts'
import type { Checked } from './config-schema.ts'
import { invalid } from './config-schema.ts'
import { backOff, retried, signalOf } from './pause.ts'
import { commitSurely, makeParents } from './surely.ts'

/** What a configuration is made of, for those who write it. */
export interface ConfigParts {
  readonly zk: Client
  readonly layout: ConfigLayout
  /** Versions to keep. */
  readonly history: number
  /** Of whoever writes. */
  readonly environment: string | undefined
  /** Whether the document and the overrides of an environment make a right configuration. */
  check(base: Document, overrides: Document): Promise<Checked<unknown>>
}

/** One write. */
export interface ConfigWrite {
  /** The document that is to be, given the one that is. */
  readonly decide: (document: Document) => unknown
  /** Undefined: whatever is there, and no document at all, gives way. */
  readonly needsDocument: boolean
  /** The document must have this version (-1: there is none). */
  readonly version: number | undefined
  /** The overrides of this environment are written, not the document of all. */
  readonly environment: string | undefined
  readonly signal: AbortSignal | undefined
}

/** All that a write depends on, at one moment. */
interface Present {
  readonly base: NodeData | null
  readonly folder: NodeData | null
  readonly kept: readonly string[] | null
  readonly overrides: ReadonlyMap<string, NodeData>
}

/**
 * Writes a document by compare-and-set, exactly once, and gives its version. What it was checked against cannot change
 * before it is written: overrides by their versions, new ones by that of their folder.
 */
export async function writeConfig(parts: ConfigParts, write: ConfigWrite): Promise<number> {
  const { zk, layout } = parts
  const { signal, environment } = write
  for (let attempt = 0; ; attempt++) {
    const present = await retried(zk, signal, () => readPresent(parts, write))
    const node = environment === undefined ? present.base : present.overrides.get(environment) ?? null
    const version = node?.stat.version ?? -1
    if (write.version !== undefined && version !== write.version) {
      throw new ZkError('BadVersion', undefined, { path: layout.path })
    }
    const before = documentOf(node)
    if (before.issues !== undefined && write.needsDocument) throw invalid(layout.path, before.issues, environment)
    const next = stored(write.decide(before.issues === undefined ? before.value : {}))
    if (environment === undefined) await checkBase(parts, present, next.document)
    else await checkOverrides(parts, present, environment, next.document)
    try {
      await commitSurely(zk, layout.path, (multi) => {
        if (environment === undefined) addBase(multi, parts, present, next.text)
        else addOverrides(multi, parts, present, environment, next.text)
      }, signal)
      return version + 1
    } catch (error) {
      if (!isZkError(error)) throw error
      const isRace = error.code === 'BadVersion' || error.code === 'NodeExists' || error.code === 'NoNode'
      if (!isRace) throw error
      const isOrphan = error.code === 'NoNode' && error.path === layout.path && present.base === null
      if (isOrphan) await makeParents(zk, layout.path, error, signal)
    }
    await backOff(zk, attempt, signal)
  }
}

async function readPresent(parts: ConfigParts, write: ConfigWrite): Promise<Present> {
  const { zk, layout } = parts
  const options = signalOf(write.signal)
  const syncing = zk.sync(layout.path, options)
  const reading = zk.multiRead().get(layout.path).get(layout.environments).children(layout.environments)
    .children(layout.history).commit(options)
  const [, [base, folder, names, kept]] = await Promise.all([syncing, reading])
  const environments = new Set(orNull(names))
  if (write.environment !== undefined) environments.add(write.environment)
  const multi = zk.multiRead()
  for (const name of environments) multi.get(environmentAt(layout, name))
  const nodes: readonly (NodeData | ZkError)[] = environments.size === 0 ? [] : await multi.commit(options)
  const overrides = new Map<string, NodeData>()
  for (const [index, name] of [...environments].entries()) {
    const node = orNull(nodes[index] ?? new ZkError('NoNode'))
    if (node !== null) overrides.set(name, node)
  }
  return { base: orNull(base), folder: orNull(folder), kept: orNull(kept), overrides }
}

function orNull<T extends object>(result: T | ZkError): T | null {
  if (!isZkError(result)) return result
  if (result.code !== 'NoNode') throw result
  return null
}

/** Right for the writer's own environment, and for all others that it was right for before. */
async function checkBase(parts: ConfigParts, present: Present, next: Document): Promise<void> {
  const { layout, environment: own } = parts
  const before = documentOf(present.base)
  const others = [...present.overrides.keys()].filter((name) => name !== own)
  for (const name of [own, ...others]) {
    const overrides = documentOf(name === undefined ? null : present.overrides.get(name) ?? null)
    const after = overrides.issues === undefined ? await parts.check(next, overrides.value) : overrides
    if (after.issues === undefined) continue
    const wasRight = name !== own && before.issues === undefined && overrides.issues === undefined &&
      (await parts.check(before.value, overrides.value)).issues === undefined
    if (name === own || wasRight) throw invalid(layout.path, after.issues, name)
  }
}

async function checkOverrides(
  parts: ConfigParts, present: Present, environment: string, next: Document,
): Promise<void> {
  const base = documentOf(present.base)
  const after = base.issues === undefined ? await parts.check(base.value, next) : base
  if (after.issues !== undefined) throw invalid(parts.layout.path, after.issues, environment)
}

function addBase(multi: Multi, parts: ConfigParts, present: Present, text: string): void {
  const { layout, history } = parts
  const { base, folder, kept, overrides } = present
  if (base === null) multi.create(layout.path, text)
  else multi.set(layout.path, text, { version: base.stat.version })
  if (folder === null) multi.create(layout.environments, '')
  else multi.check(layout.environments, folder.stat.version)
  for (const [name, node] of overrides) multi.check(environmentAt(layout, name), node.stat.version)
  const before = base === null ? null : { version: base.stat.version, data: base.data }
  keep(multi, layout, { names: kept, versions: history, before, text })
}

function addOverrides(multi: Multi, parts: ConfigParts, present: Present, environment: string, text: string): void {
  const { layout } = parts
  const { base, folder } = present
  const node = present.overrides.get(environment)
  if (base === null) multi.create(layout.path, '{}')
  else multi.check(layout.path, base.stat.version)
  if (folder === null) multi.create(layout.environments, '')
  else if (node === undefined) multi.set(layout.environments, '')
  const path = environmentAt(layout, environment)
  if (node === undefined) multi.create(path, text)
  else multi.set(path, text, { version: node.stat.version })
}
