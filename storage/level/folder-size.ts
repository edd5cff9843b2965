import type { NodeModules } from './marker.ts'

/** Bytes of all files in a folder; what goes away meanwhile counts nothing. */
export async function folderSize(node: NodeModules, folder: string): Promise<number> {
  const { readdir, stat } = node.fs.promises
  let bytes = 0
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = node.path.join(folder, entry.name)
      bytes += entry.isDirectory() ? await folderSize(node, path) : (await stat(path)).size
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return bytes
}
