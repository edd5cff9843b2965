/** The node that shows the members. */
export const CONFIG_PATH = '/zookeeper/config'
/** Nodes that exist always and cannot be deleted. */
export const BUILT_IN: readonly string[] = ['/', '/zookeeper', '/zookeeper/quota', CONFIG_PATH]

/** True for a path that a node may have (ZooKeeper: PathUtils.validatePath, on UTF-16 units). */
export function validatePath(path: string): boolean {
  const { length } = path
  if (length === 0 || path.charCodeAt(0) !== 0x2f) return false
  if (length === 1) return true
  let start = 1
  for (let i = 1; i <= length; i++) {
    const unit = i === length ? 0x2f : path.charCodeAt(i)
    if (unit === 0x2f) {
      const size = i - start
      if (size === 0) return false
      const isDot = path.charCodeAt(start) === 0x2e
      if (isDot && (size === 1 || (size === 2 && path.charCodeAt(start + 1) === 0x2e))) return false
      start = i + 1
    } else if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0) {
      return false
    }
  }
  return true
}

/** True for what the server itself demands of any path: a slash and no NUL. */
export function isPathLike(path: string): boolean {
  return path.includes('/') && !path.includes('\0')
}

/** The path above; `/` for a child of the root and for the root itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

/** The last component; empty for the root. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The path of a child. */
export function childOf(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`
}

/** `%010d` of a signed 32-bit counter: the suffix of a sequential name (the sign counts towards the width). */
export function sequenceSuffix(counter: number): string {
  const digits = String(Math.abs(counter))
  return counter < 0 ? `-${digits.padStart(9, '0')}` : digits.padStart(10, '0')
}
