import { execFileSync } from 'node:child_process'
import {
  appendFileSync, copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Random } from '../../lib/core/random.ts'

/** Compiles the shim into `folder`. Needs a C compiler as `cc`, and a system with LD_PRELOAD. */
export function compileShim(folder: string): string {
  const target = join(folder, 'power-shim.so')
  const source = fileURLToPath(new URL('power-shim.c', import.meta.url))
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', target, source, '-ldl'], { stdio: 'pipe' })
  } catch (error) {
    const { code, stderr } = error as { code?: string, stderr?: Buffer }
    throw new Error(code === 'ENOENT' ? 'loss of power is simulated by a shim in C: this test needs a C compiler as cc'
      : `the shim does not compile: ${stderr?.toString() ?? String(error)}`, { cause: error })
  }
  return target
}

/** One line of the journal. */
export interface Step {
  /** In the order in which they took effect on names; a sync has the number of its beginning. */
  readonly number: number
  readonly kind: string
  readonly rest: string
}

/** What a loss of power took. */
export interface Loss {
  /** Bytes of files that no completed fsync covered. */
  readonly bytes: number
  /** Creations, renames and removals that were undone. */
  readonly steps: number
}

/**
 * The disk of one peer, which knows what of it was flushed.
 *
 * The model is a journalling file system, as ext4, XFS, btrfs and APFS are: changes of names become durable in their
 * order; a flushed directory makes all before it durable; a flushed file makes its own names durable and all before
 * them. (POSIX promises less: there, LevelDB itself would lose the names of its log files.) A file keeps the bytes of
 * its last completed fsync, and now and then, since a disk may write without being asked, some that followed. Of what
 * was written at a position without a completed fsync after it, any beginning of any write may be there. Files that are
 * cut are not understood, and refused; nobody here has them.
 */
export class Disk {
  readonly root: string
  readonly #shim: string
  readonly #vault: string
  readonly #journal: string

  constructor(root: string, shim: string) {
    this.root = root
    this.#shim = shim
    this.#vault = `${root}.vault`
    this.#journal = `${root}.journal`
    mkdirSync(root, { recursive: true })
    this.#begin()
  }

  /** Of the process that uses the disk. */
  get env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: this.#shim, POWER_ROOT: this.root, POWER_VAULT: this.#vault, POWER_JOURNAL: this.#journal,
      // Its requests would pass the shim by.
      UV_USE_IO_URING: '0',
    }
  }

  /**
   * The process is dead. Leaves what a loss of power at the moment of its death would leave: nothing that was not
   * flushed, or else, at random, some of it.
   */
  losePower(random: Random, isStrict = random.below(2) === 0): Loss {
    const steps = this.history()
    const durable = durableThrough(steps)
    const last = lastNumber(steps)
    const through = isStrict ? durable : durable + random.below(last - durable + 1)
    const after = `${this.root}.after`
    const bytes = this.image(steps, through, after, isStrict ? () => 0 : (unsynced) => random.below(unsynced + 1))
    rmSync(this.root, { recursive: true })
    renameSync(after, this.root)
    this.#begin(namesAfter(steps, through))
    return { bytes, steps: steps.filter(({ number, kind }) => number > through && 'CRUM'.includes(kind)).length }
  }

  /**
   * Makes in the folder `target` what is left when these steps happened, and the changes of names up to the number
   * `through` are on the disk. `keep` says how many of the unsynced bytes of a file are. The bytes that are not.
   */
  image(steps: readonly Step[], through: number, target: string, keep: (unsynced: number) => number): number {
    mkdirSync(target)
    let dropped = 0
    for (const [path, inode] of namesAfter(steps, through)) {
      const place = join(target, path.slice(this.root.length + 1))
      if (inode === null) {
        mkdirSync(place, { recursive: true })
        continue
      }
      const writes = writesTo(steps, inode)
      if (writes.length > 0) {
        const { content, lost } = this.#overwritten(inode, writes, keep)
        dropped += lost
        writeFileSync(place, content)
        continue
      }
      const content = readFileSync(join(this.#vault, inode))
      const synced = syncedBytes(steps, inode)
      const kept = synced + keep(content.length - synced)
      dropped += content.length - kept
      writeFileSync(place, content.subarray(0, kept))
    }
    return dropped
  }

  /** A file that is written at positions: what it was in the beginning, with what was written since. */
  #overwritten(
    inode: string, writes: readonly Write[], keep: (unsynced: number) => number,
  ): { readonly content: Uint8Array, readonly lost: number } {
    const before = join(this.#vault, `${inode}.before`)
    const bytes = readFileSync(join(this.#vault, `${inode}.writes`))
    let content: Uint8Array = existsSync(before) ? readFileSync(before) : new Uint8Array()
    let lost = 0
    for (const { at, count, from, isSynced } of writes) {
      const kept = isSynced ? count : keep(count)
      lost += count - kept
      if (kept === 0) continue
      if (at + kept > content.length) content = Buffer.concat([content], at + kept)
      content.set(bytes.subarray(from, from + kept), at)
    }
    return { content, lost }
  }

  /** Forgets the past: what is there is durable. */
  #begin(names: ReadonlyMap<string, string | null> = new Map()): void {
    rmSync(this.#vault, { recursive: true, force: true })
    mkdirSync(this.#vault)
    writeFileSync(this.#journal, '')
    for (const [path, inode] of names) {
      if (inode === null) {
        appendFileSync(this.#journal, `0 M ${path}\n`)
        continue
      }
      const { ino, size } = statSync(path)
      linkSync(path, join(this.#vault, String(ino)))
      // Written over, the second name would show it as well.
      if (/\/log-\d+$/.test(path)) copyFileSync(path, join(this.#vault, `${ino}.before`))
      appendFileSync(this.#journal, `0 C ${ino} ${path}\n0 S ${ino} ${size}\n`)
    }
  }

  /** What the processes that used the disk completed, in that order. */
  history(): Step[] {
    const steps: Step[] = []
    for (const line of readFileSync(this.#journal, 'utf8').split('\n')) {
      const [, number, kind, rest] = /^(\d+) (\w) (.*)$/.exec(line) ?? []
      if (number === undefined || kind === undefined || rest === undefined) continue
      if (kind === 'X') throw new Error(`${rest} was cut`)
      steps.push({ number: Number(number), kind, rest })
    }
    return steps
  }
}

function inodeOf({ rest }: Step): string {
  return rest.slice(0, rest.indexOf(' '))
}

function pathOf({ rest }: Step): string {
  return rest.slice(rest.indexOf(' ') + 1)
}

/** Threads complete their steps in another order than that of their effects. */
function inOrder(steps: readonly Step[]): Step[] {
  return steps.toSorted((one, other) => one.number - other.number)
}

/** The number of the last step. */
export function lastNumber(steps: readonly Step[]): number {
  return steps.reduce((last, { number }) => Math.max(last, number), 0)
}

/** The number of the last step that a completed fsync made durable. */
export function durableThrough(steps: readonly Step[]): number {
  let durable = 0
  /** By inode: when its names were last changed; by path: which inode that is. */
  const changed = new Map<string, number>()
  const inodes = new Map<string, string>()
  for (const step of inOrder(steps)) {
    switch (step.kind) {
      case 'C':
        changed.set(inodeOf(step), step.number)
        inodes.set(pathOf(step), inodeOf(step))
        break
      case 'R': {
        const [from = '', to = ''] = step.rest.split('\t')
        const inode = inodes.get(from)
        if (inode === undefined) break
        changed.set(inode, step.number)
        inodes.set(to, inode)
        inodes.delete(from)
        break
      }
      case 'S': durable = Math.max(durable, changed.get(inodeOf(step)) ?? 0); break
      case 'D': durable = step.number; break
      default: break
    }
  }
  return durable
}

/** Every path and its inode, null for a directory, when the steps up to `through` happened and no other. */
function namesAfter(steps: readonly Step[], through: number): Map<string, string | null> {
  const names = new Map<string, string | null>()
  for (const step of inOrder(steps)) {
    if (step.number > through) break
    switch (step.kind) {
      case 'C': names.set(pathOf(step), inodeOf(step)); break
      case 'M': names.set(step.rest, null); break
      case 'U': names.delete(step.rest); break
      case 'R': {
        const [from = '', to = ''] = step.rest.split('\t')
        for (const [path, inode] of Array.from(names)) {
          if (path !== from && !path.startsWith(`${from}/`)) continue
          names.delete(path)
          names.set(to + path.slice(from.length), inode)
        }
        break
      }
      default: break
    }
  }
  return names
}

/** Bytes written at a position. */
interface Write {
  readonly at: number
  readonly count: number
  /** Where the bytes are kept. */
  readonly from: number
  /** The file was flushed afterwards. */
  readonly isSynced: boolean
}

function writesTo(steps: readonly Step[], inode: string): Write[] {
  const own = inOrder(steps).filter((step) => (step.kind === 'W' || step.kind === 'S') && inodeOf(step) === inode)
  const synced = own.findLast(({ kind }) => kind === 'S')?.number ?? 0
  return own.filter(({ kind }) => kind === 'W').map((step) => {
    const [at = 0, count = 0, from = 0] = pathOf(step).split(' ').map(Number)
    return { at, count, from, isSynced: step.number < synced }
  })
}

/** How much of a file its last completed fsync covered. */
function syncedBytes(steps: readonly Step[], inode: string): number {
  let bytes = 0
  for (const step of inOrder(steps)) {
    if (inodeOf(step) !== inode) continue
    if (step.kind === 'S') bytes = Number(pathOf(step))
    if (step.kind === 'T') bytes = 0
  }
  return bytes
}
