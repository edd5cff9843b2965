import { FOUR_LETTER_WORDS } from '../peer/words/words.ts'
import { parseProperties } from './properties.ts'
import { UsageError } from './usage.ts'

/** One `server.N` line. */
export interface ZooServer {
  readonly id: number
  readonly isObserver: boolean
  /** Host and quorum port, of each of its addresses; the election port is not needed. */
  readonly addresses: readonly string[]
  /** `host:port` for clients, when the line says so. */
  readonly client: string | null
}

/** What a ZooKeeper configuration file says, as far as a peer can do it. */
export interface ZooConfig {
  readonly dataDir: string
  /** Sorted by id; none or one is a server on its own. */
  readonly servers: readonly ZooServer[]
  readonly clientPort: number | null
  /** Of IPv6 in brackets. */
  readonly clientPortAddress: string
  /** What the file calls its own server; the lines of servers count. */
  readonly peerType: string | null
  readonly tickMs: number
  readonly initTicks: number
  readonly syncTicks: number
  readonly sessionMinMs: number
  readonly sessionMaxMs: number
  readonly perAddress: number
  readonly connections: number
  readonly words: readonly string[]
  readonly snapshotTxns: number | null
  /** How often nodes are looked for that are to go: empty containers, nodes whose time is over. */
  readonly reapMs: number
  /** One request; jute.maxbuffer. */
  readonly requestBytes: number | null
  readonly skipAcl: boolean
  readonly superDigest: string | null
  readonly ttl: boolean
  readonly enforceQuota: boolean
  readonly listensOnAll: boolean
  /** What the file asks for and does not get: one line each. */
  readonly warnings: readonly string[]
}

const TICK_MS = 3_000
const INIT_TICKS = 10
const SYNC_TICKS = 5
const CONNECTIONS_PER_ADDRESS = 60
const LARGEST_ID = 255
const LARGEST_PORT = 65_535
const REAP_MS = 60_000

/** Keys whose wish comes true without anything being done, with the reason. */
const BY_DESIGN: ReadonlySet<string> = new Set([
  // Snapshots and logs that are not needed any more go by themselves.
  'autopurge.snapRetainCount', 'autopurge.purgeInterval',
  // A single server stands alone; more do not.
  'standaloneEnabled',
  // Of a dynamic file: the ensemble is as the file says, whatever it was before.
  'version',
])
/** Keys whose values nobody wants to see in a log. */
const CONFIDENTIAL = /passw|secret|credential/i

/** Values that ask for what is so anyway; any other value of these keys is warned of. */
const ONLY: ReadonlyMap<string, RegExp> = new Map(Object.entries({
  'admin.enableServer': /^false$/i, 'reconfigEnabled': /^false$/i, 'electionAlg': /^3$/, 'forceSync': /^yes$/i,
  'leaderServes': /^yes$/i, 'localSessionsEnabled': /^false$/i, 'localSessionsUpgradingEnabled': /^false$/i,
  'readonlymode.enabled': /^false$/i, 'quorum.auth.enableSasl': /^false$/i,
  'sslQuorum': /^false$/i, 'fsync.warningthresholdms': /^\d+$/,
}))

/** Keys that the parser of `server.N` and the like takes. */
const SERVER = /^server\.(\d+)$/
const HIERARCHICAL = /^(group|weight)\.\d+$/

/**
 * Reads zoo.cfg. `readFile` gives the dynamic file that it may name. Throws UsageError for what cannot be meant; what
 * is understood and not done is in `warnings`.
 */
export function parseZooConfig(text: string, readFile: (path: string) => string): ZooConfig {
  const values = new Map<string, string>()
  const servers: ZooServer[] = []
  const warnings: string[] = []
  const take = (source: string): void => {
    for (const { key, value, line } of parseProperties(source)) {
      const server = SERVER.exec(key)
      if (server !== null) servers.push(parseServer(Number(server[1]), value, warnings))
      else if (HIERARCHICAL.test(key)) {
        throw new UsageError(`line ${line}: ${key}: quorums of groups and weights are not supported`)
      } else values.set(key.replace(/^zookeeper\./, ''), value)
    }
  }
  take(text)
  const settings = new Settings(values)
  const dynamic = settings.text('dynamicConfigFile')
  if (dynamic !== null) take(readFile(dynamic))
  checkServers(servers)
  const dataDir = settings.text('dataDir')
  if (dataDir === null) throw new UsageError('dataDir is not set')
  const tickMs = settings.number('tickTime', 1) ?? TICK_MS
  const sessionMinMs = settings.number('minSessionTimeout', -1) ?? -1
  const sessionMaxMs = settings.number('maxSessionTimeout', -1) ?? -1
  const config = {
    dataDir, servers: servers.toSorted((one, other) => one.id - other.id), tickMs,
    clientPort: settings.number('clientPort', 0, LARGEST_PORT),
    clientPortAddress: inBrackets(settings.text('clientPortAddress') ?? '0.0.0.0'), peerType: settings.text('peerType'),
    initTicks: settings.number('initLimit', 1) ?? INIT_TICKS, syncTicks: settings.number('syncLimit', 1) ?? SYNC_TICKS,
    sessionMinMs: sessionMinMs === -1 ? 2 * tickMs : sessionMinMs,
    sessionMaxMs: sessionMaxMs === -1 ? 20 * tickMs : sessionMaxMs,
    perAddress: settings.number('maxClientCnxns', 0) ?? CONNECTIONS_PER_ADDRESS,
    connections: settings.number('maxCnxns', 0) ?? 0,
    words: readWords(settings.list('4lw.commands.whitelist') ?? [], warnings),
    reapMs: settings.number('znode.container.checkIntervalMs', 1) ?? REAP_MS,
    snapshotTxns: settings.number('snapCount', 1), requestBytes: settings.number('jute.maxbuffer', 1),
    skipAcl: settings.flag('skipACL') ?? false,
    superDigest: settings.text('DigestAuthenticationProvider.superDigest') ?? settings.text('superDigest'),
    ttl: settings.flag('extendedTypesEnabled') ?? true, enforceQuota: settings.flag('enforceQuota') ?? false,
    listensOnAll: settings.flag('quorumListenOnAllIPs') ?? false,
  }
  if (config.sessionMinMs > config.sessionMaxMs) {
    throw new UsageError('minSessionTimeout must not be above maxSessionTimeout')
  }
  return { ...config, warnings: [...warnings, ...settings.leftovers()] }
}

function inBrackets(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

function readWords(words: readonly string[], warnings: string[]): readonly string[] {
  const unknown = words.filter((word) => !isWord(word))
  if (unknown.length > 0) warnings.push(`4lw.commands.whitelist: there is no word ${unknown.join(', ')}`)
  return words
}

/** One that has an answer, or `*` for all. */
export function isWord(word: string): boolean {
  return word === '*' || (FOUR_LETTER_WORDS as readonly string[]).includes(word)
}

/**
 * `host:2888:3888[:participant|:observer][;[address:]clientPort][;[address:]securePort]`; several addresses with bars.
 */
function parseServer(id: number, value: string, warnings: string[]): ZooServer {
  const wrong = (): UsageError =>
    new UsageError(`server.${id}=${value}: not of the form host:port:electionPort[:observer][;[host:]clientPort]`)
  if (id < 1 || id > LARGEST_ID) throw new UsageError(`server.${id}: an id is a number from 1 to ${LARGEST_ID}`)
  const [own = '', client, secure, ...more] = value.split(';')
  if (more.length > 0) throw wrong()
  if (secure !== undefined && secure.trim() !== '') {
    warnings.push(`server.${id}: its secure client address ${parseClient(secure.trim(), wrong)} is not honoured`)
  }
  const role = /:(participant|observer)$/i.exec(own)
  const places = (role === null ? own : own.slice(0, role.index)).split('|')
  const addresses = places.map((place) => {
    const match = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]\s]+):(\d{1,5})(?::(\d{1,5}))?$/.exec(place.trim())
    if (match === null || Number(match[2]) > LARGEST_PORT) throw wrong()
    return `${match[1]}:${match[2]}`
  })
  return {
    id, isObserver: role?.[1]?.toLowerCase() === 'observer', addresses,
    client: client === undefined || client.trim() === '' ? null : parseClient(client.trim(), wrong),
  }
}

function parseClient(client: string, wrong: () => UsageError): string {
  const match = /^(?:(\[[0-9a-fA-F:.%]+\]|[^:[\]\s]+):)?(\d{1,5})$/.exec(client)
  if (match === null || Number(match[2]) > LARGEST_PORT) throw wrong()
  return `${match[1] ?? '0.0.0.0'}:${match[2]}`
}

function checkServers(servers: readonly ZooServer[]): void {
  const ids = new Set<number>()
  for (const { id } of servers) {
    if (ids.has(id)) throw new UsageError(`server.${id} is named twice`)
    ids.add(id)
  }
  if (servers.length > 0 && servers.every(({ isObserver }) => isObserver)) {
    throw new UsageError('every server is an observer: nobody could lead')
  }
}

/** The values of a file; those that nobody asked for are left over. */
class Settings {
  readonly #values: Map<string, string>

  constructor(values: Map<string, string>) {
    this.#values = values
  }

  text(key: string): string | null {
    const value = this.#values.get(key)
    this.#values.delete(key)
    return value === undefined || value === '' ? null : value
  }

  /** Decimal, or hexadecimal as Java's Integer.decode has it. */
  number(key: string, least: number, most = Number.MAX_SAFE_INTEGER): number | null {
    const value = this.text(key)
    if (value === null) return null
    const number = /^(-?\d+|0x[0-9a-fA-F]+)$/.test(value) ? Number(value) : NaN
    if (!Number.isSafeInteger(number) || number < least || number > most) {
      const bound = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`
      throw new UsageError(`${key}=${value}: a number from ${least}${bound} is needed`)
    }
    return number
  }

  flag(key: string): boolean | null {
    const value = this.text(key)
    if (value === null) return null
    if (/^(true|yes)$/i.test(value)) return true
    if (/^(false|no)$/i.test(value)) return false
    throw new UsageError(`${key}=${value}: true or false is needed`)
  }

  list(key: string): string[] | null {
    const value = this.text(key)
    return value === null ? null : value.split(',').map((word) => word.trim()).filter((word) => word !== '')
  }

  /** One line for each wish that does not come true. */
  leftovers(): string[] {
    const warnings: string[] = []
    for (const [key, value] of this.#values) {
      if (BY_DESIGN.has(key) || ONLY.get(key)?.test(value) === true) continue
      const setting = CONFIDENTIAL.test(key) ? key : `${key}=${value}`
      warnings.push(`${setting} is not honoured${key === 'dataLogDir' ? ': the log is kept in dataDir' : ''}`)
    }
    return warnings
  }
}
