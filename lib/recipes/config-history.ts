import type { Client } from '../client/client.ts'
import type { Multi } from '../client/multi.ts'
import type { NodeData } from '../client/values.ts'
import { isZkError } from '../core/errors.ts'
import type { ConfigLayout, Document } from './config-document.ts'
import { documentOf } from './config-document.ts'
import { below, retried, signalOf } from './pause.ts'

/** A document as it once was, or is. */
export interface ConfigVersion {
  readonly version: number
  /** Undefined when what was there was no document. */
  readonly document: Document | undefined
  /** Ms since 1970, by the leader's clock, when it was kept. */
  readonly keptAtMs: number
}

/** What one write does to the history. */
export interface Kept {
  /** The names that are there; null: not even the folder. */
  readonly names: readonly string[] | null
  readonly versions: number
  /** The document that is replaced, and the one that replaces it. */
  readonly before: { readonly version: number, readonly data: Uint8Array } | null
  readonly text: string
}

/** The node of a version in the history. */
export function keptAt(layout: ConfigLayout, version: number): string {
  return below(layout.history, `v${String(version).padStart(10, '0')}`)
}

/**
 * Adds a document to the history, and the one before it when somebody wrote that without keeping it; what is more than
 * `versions` goes, oldest first. All of it in the multi that writes the document itself.
 */
export function keep(multi: Multi, layout: ConfigLayout, kept: Kept): void {
  const { names, versions, before, text } = kept
  if (names === null && versions > 0) multi.create(layout.history, '')
  const there = (names ?? []).flatMap((name) => versionOf(name))
  const version = before === null ? 0 : before.version + 1
  const added = versions === 0 ? [] : [version]
  if (before !== null && versions > 1 && !there.includes(before.version)) added.unshift(before.version)
  const all = [...new Set([...there, ...added])].sort((one, other) => one - other)
  for (const old of all.slice(0, Math.max(0, all.length - versions))) {
    if (there.includes(old)) multi.delete(keptAt(layout, old))
  }
  for (const one of added) {
    const data = one === version ? text : before?.data ?? null
    if (there.includes(one)) multi.set(keptAt(layout, one), data)
    else multi.create(keptAt(layout, one), data)
  }
}

/** What the history holds, newest first. */
export async function readHistory(
  zk: Client, layout: ConfigLayout, signal: AbortSignal | undefined,
): Promise<ConfigVersion[]> {
  return retried(zk, signal, async () => {
    const options = signalOf(signal)
    const names = await childrenOf(zk, layout.history, signal)
    const found = await Promise.all(names.flatMap(versionOf).map(async (version) => {
      try {
        const node = await zk.get(keptAt(layout, version), options)
        return [versionFrom(version, node)]
      } catch (error) {
        // Dropped since it was listed.
        if (isZkError(error, 'NoNode')) return []
        throw error
      }
    }))
    return found.flat().sort((one, other) => other.version - one.version)
  })
}

async function childrenOf(zk: Client, path: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
  try {
    return await zk.children(path, signalOf(signal))
  } catch (error) {
    if (isZkError(error, 'NoNode')) return []
    throw error
  }
}

function versionFrom(version: number, node: NodeData): ConfigVersion {
  const { mtime } = node.stat
  const document = documentOf(node)
  return { version, document: document.issues === undefined ? document.value : undefined, keptAtMs: mtime }
}

/** The version that a name stands for; none for the name of something else. */
function versionOf(name: string): number[] {
  const digits = /^v(\d{10})$/.exec(name)?.[1]
  return digits === undefined ? [] : [Number(digits)]
}
