import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ledger } from './ledger.ts'

/** Where it is kept. */
export const LEDGER_FILE = fileURLToPath(new URL('../ledger.json', import.meta.url))

/** A lock that is so old belongs to a process that died with it: none is held for longer than a file takes. */
const STALE_MS = 10_000
const RETRY_MS = 20

/** What the file holds; nothing where there is none. */
export function readLedger(path: string): Ledger {
  return existsSync(path) ? Ledger.parse(readFileSync(path, 'utf8')) : new Ledger()
}

/** Changes the file as one: nobody else does meanwhile, and whoever reads it or dies sees the old or the new one. */
export function changeLedger<Result>(path: string, change: (ledger: Ledger) => Result): Result {
  const lock = `${path}.lock`
  take(lock)
  try {
    const ledger = readLedger(path)
    const result = change(ledger)
    writeFileSync(`${path}.new`, ledger.text)
    renameSync(`${path}.new`, path)
    return result
  } finally {
    rmSync(lock, { force: true })
  }
}

function take(lock: string): void {
  const word = new Int32Array(new SharedArrayBuffer(4))
  for (;;) {
    try {
      closeSync(openSync(lock, 'wx'))
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const sinceMs = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (sinceMs !== undefined && Date.now() - sinceMs > STALE_MS) rmSync(lock, { force: true })
    else Atomics.wait(word, 0, 0, RETRY_MS)
  }
}
