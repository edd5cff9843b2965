/** What durable figures depend on: the file system below the data, and what it takes to flush a write to it. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { median } from './median.ts'

/** As Linux numbers them (statfs). */
const NAMES: Readonly<Record<number, string>> = {
  0xef53: 'ext4 (or ext2, ext3)', 0x58465342: 'xfs', 0x9123683e: 'btrfs', 0x2fc12fc1: 'zfs', 0xf2f52010: 'f2fs',
  0x794c7630: 'overlayfs', 0x01021994: 'tmpfs', 0x858458f6: 'ramfs', 0x6969: 'nfs', 0x65735546: 'fuse',
}
const IN_MEMORY: readonly string[] = ['tmpfs', 'ramfs']
const WRITE_BYTES = 4_096
const WRITES = 200

/** Where data lie while they are measured. */
export interface Disk {
  readonly folder: string
  readonly fileSystem: string
  /** Nothing reaches a disk: to flush costs nothing, and durable figures say nothing. */
  readonly isMemory: boolean
  /** Medians of 4 KiB written and flushed (fdatasync), in microseconds: to the end of a file, and where it had data. */
  readonly appendUs: number
  readonly overwriteUs: number
}

/** The name of a file system by its number. */
export function fileSystemName(type: number): string {
  return NAMES[type >>> 0] ?? `type 0x${(type >>> 0).toString(16)}`
}

/** Asks and measures; takes some tenths of a second where there is a disk. */
export function diskOf(folder: string): Disk {
  const fileSystem = fileSystemName(statfsSync(folder).type)
  const scratch = mkdtempSync(join(folder, 'vivarium-disk-'))
  try {
    const file = openSync(join(scratch, 'file'), 'w')
    try {
      const appendUs = flushes(file)
      return { folder, fileSystem, isMemory: IN_MEMORY.includes(fileSystem), appendUs, overwriteUs: flushes(file) }
    } finally {
      closeSync(file)
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** One write after the other from the beginning of the file, each flushed. */
function flushes(file: number): number {
  const bytes = new Uint8Array(WRITE_BYTES).fill(120)
  const took: number[] = []
  for (let at = 0; at < WRITES; at++) {
    const startMs = performance.now()
    writeSync(file, bytes, 0, WRITE_BYTES, at * WRITE_BYTES)
    fdatasyncSync(file)
    took.push((performance.now() - startMs) * 1_000)
  }
  return median(took)
}
