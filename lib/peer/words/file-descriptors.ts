/** The little of Node's file system that is read here; browsers have none of it. */
interface Files {
  readdirSync(path: string): readonly string[]
  readFileSync(path: string, encoding: 'utf8'): string
}

interface NodeProcess {
  getBuiltinModule?(name: string): unknown
}

/**
 * How many files and sockets this process has open, and how many it may have, under ZooKeeper's names. Linux tells it
 * in `/proc`; elsewhere nothing is said, and neither of a process without a bound.
 */
export function fileDescriptors(): Readonly<Record<string, number>> {
  const { process } = globalThis as { process?: NodeProcess }
  const fs = process?.getBuiltinModule?.('node:fs') as Files | undefined
  if (fs === undefined) return {}
  try {
    // One of them is that of the folder itself.
    const counts: Record<string, number> = { open_file_descriptor_count: fs.readdirSync('/proc/self/fd').length - 1 }
    const most = /^Max open files\s+(\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'))
    if (most !== null) counts['max_file_descriptor_count'] = Number(most[1])
    return counts
  } catch {
    // There is no such folder, or nobody may look.
    return {}
  }
}
