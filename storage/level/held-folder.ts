import type { NodeModules } from './marker.ts'

const HELD = Symbol.for('vivarium: folders of storages that are open')

interface Process {
  [HELD]?: Set<string>
}

/**
 * Takes a folder for one storage of this process and says how to give it back; null while another one has it.
 *
 * LevelDB keeps other processes out, but not this one where it is asked for the same folder by another name. And where
 * it refuses a name that it has open, it opens and closes the file of its lock: with that, systems of POSIX give up
 * what the process has locked by way of any other descriptor, and the next process is let in. So LevelDB must not be
 * asked.
 * Folders are told apart by what they are on the disk. Of all copies of this module in a thread there is one list.
 */
export function holdFolder({ fs }: NodeModules, folder: string): (() => void) | null {
  const held = (globalThis as Process)[HELD] ??= new Set()
  const { dev, ino } = fs.statSync(folder, { bigint: true })
  const name = `${dev}-${ino}`
  if (held.has(name)) return null
  held.add(name)
  return () => void held.delete(name)
}
