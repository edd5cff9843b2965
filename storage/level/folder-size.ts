import type { NodeModules } from './marker.ts'

/** Bytes of all files in a folder; what goes away meanwhile counts nothing. */
export function folderSize(node: NodeModules, folder: string): number {
  let bytes = 0
  for (const name of absentAs([], () => node.fs.readdirSync(folder))) {
    const path = node.path.join(folder, name)
    bytes += absentAs(0, () => {
      const stat = node.fs.statSync(path)
      return stat.isDirectory() ? folderSize(node, path) : stat.size
    })
  }
  return bytes
}

function absentAs<T>(absent: T, look: () => T): T {
  try {
    return look()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return absent
  }
}
