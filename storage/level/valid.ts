import type { Meta, SnapshotBase } from '../../lib/ports/storage.ts'

/** The format of promises that is read. */
export const META_FORMAT = 1

type Fields = Readonly<Record<string, unknown>>

/** The object that this JSON says; null for anything else. */
export function parseObject(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value as Fields : null
  } catch {
    // What its checksum vouches for is JSON, unless other software wrote it.
    return null
  }
}

/** True for what can count things or name a zxid. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** True for promises as they are stored. Which formats are read is for others to say. */
export function isMeta(value: unknown): value is Meta {
  if (typeof value !== 'object' || value === null) return false
  const { format, peerId, ensembleName, ensembleId, members, acceptedEpoch, currentEpoch, commitHint, health } =
    value as Fields
  if (isCount(format) && format !== META_FORMAT) return true
  return isCount(format) && isCount(peerId) && typeof ensembleName === 'string' && typeof ensembleId === 'string' &&
    typeof members === 'string' && isCount(acceptedEpoch) && isCount(currentEpoch) && isCount(commitHint) &&
    (health === 'ok' || health === 'log' || health === 'meta')
}

/** True for the description of a snapshot. */
export function isBase(value: unknown): value is SnapshotBase {
  if (typeof value !== 'object' || value === null) return false
  const { id, zxid, hash1, hash2, chunks } = value as Fields
  return isCount(id) && isCount(zxid) && isCount(hash1) && isCount(hash2) && isCount(chunks)
}

/** The part that records of all layouts have in common. */
export function isDescription({ meta, base, damage }: Fields): boolean {
  return (meta === null || isMeta(meta)) && (base === null || isBase(base)) &&
    (damage === 'none' || damage === 'log' || damage === 'meta')
}
