import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const MEGABYTE = 1024 * 1024

/** A small file system in memory, mounted at a folder: one that can really be full. Needs Linux, and root. */
export class Volume {
  readonly #folder: string

  constructor(folder: string, megabytes: number) {
    this.#folder = folder
    mkdirSync(folder)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'vivarium-soak', folder], { stdio: 'pipe' })
  }

  get #filler(): string {
    return join(this.#folder, 'filler')
  }

  /** Leaves not one byte. */
  fill(): void {
    const file = openSync(this.#filler, 'a')
    try {
      for (let bytes = MEGABYTE; bytes > 0;) {
        try {
          writeSync(file, Buffer.alloc(bytes, 120))
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
          bytes >>= 1
        }
      }
    } finally {
      closeSync(file)
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true })
  }

  unmount(): void {
    execFileSync('umount', [this.#folder], { stdio: 'pipe' })
  }
}
