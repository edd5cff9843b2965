/** What Node tells of itself; browsers have none of it. */
interface NodeProcess {
  readonly version?: string
  readonly platform?: string
  readonly arch?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  cwd?(): string
  memoryUsage?(): { readonly heapUsed: number, readonly heapTotal: number, readonly rss: number }
}

const MEGABYTE = 1024 * 1024

/** Names and values of what `envi` tells: ZooKeeper's names where there is something of the kind. */
export function environment(): [name: string, value: string][] {
  const { process } = globalThis as { process?: NodeProcess }
  const { version = '', platform = '', arch = '', env = {} } = process ?? {}
  const memory = process?.memoryUsage?.()
  const megabytes = (bytes: number): string => `${Math.round(bytes / MEGABYTE)}MB`
  return [
    ['host.name', env['HOSTNAME'] ?? 'localhost'], ['node.version', version], ['os.name', platform],
    ['os.arch', arch], ['user.name', env['USER'] ?? env['LOGNAME'] ?? ''], ['user.home', env['HOME'] ?? ''],
    ['user.dir', process?.cwd?.() ?? ''],
    ['node.memory.used', megabytes(memory?.heapUsed ?? 0)], ['node.memory.total', megabytes(memory?.heapTotal ?? 0)],
    ['node.memory.resident', megabytes(memory?.rss ?? 0)],
  ]
}
