/** Compares what servers say of themselves in four-letter words, after a play has left its traces in them. */
import { fourLetterWord } from '../servers.ts'

/** A server, and the names of the sessions that it may speak of. */
export interface Speaker {
  readonly port: number
  readonly sessions: ReadonlyMap<bigint, string>
}

const WORDS: readonly string[] = [
  'ruok', 'srvr', 'stat', 'mntr', 'conf', 'cons', 'envi', 'isro', 'dump', 'wchs', 'wchc', 'wchp', 'dirs', 'crst',
  'srst', 'gtmk', 'hash', 'lead', 'kill', 'reqs', 'RUOK', 'rouk',
]
/** Words of which more is compared than the form: every name and number in them. */
const EXACT: ReadonlySet<string> = new Set(['wchs', 'wchc', 'wchp', 'ruok', 'isro', 'gtmk', 'crst', 'srst'])
/** Numbers in `mntr` that only what clients did decides, and that are settled when they have their replies. */
const NUMBERS: readonly string[] = [
  'server_state', 'peer_state', 'ephemerals_count', 'znode_count', 'watch_count', 'global_sessions', 'local_sessions',
  'approximate_data_size', 'quorum_size', 'learners', 'synced_followers', 'synced_observers',
  'synced_non_voting_followers', 'pending_syncs',
].map((name) => `zk_${name}`)
/** What we tell and Apache ZooKeeper does not. */
const OURS: ReadonlySet<string> = new Set(['zk_fsync_max_ms', 'zk_loop_delay_max_ms'])
/** The rest of the names are of the JVM there, and of Node here. */
const PLATFORM = /^(java|node|os|user)\./

/** The lines under each line that is not indented, with it in front; in no order. */
function flat(lines: readonly string[]): string[] {
  let above = ''
  return lines.map((line) => {
    if (line.startsWith('\t')) return `${above} > ${line.trim()}`
    above = line
    return line
  }).toSorted()
}

/** Numbers, addresses and dates in general form. */
const inForm = (line: string): string => line
  .replaceAll(/\w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4}/g, 'DATE')
  .replaceAll(/0x[0-9a-f]+|session of (step|witness) \d+/g, 'ID')
  .replaceAll(/-?\d+(\.\d+)?/g, 'N')

const unique = (lines: readonly string[]): string[] => [...new Set(lines)]

/** An answer without what differs between any two servers. */
function normalize(word: string, text: string, sessions: ReadonlyMap<bigint, string>): string[] {
  const named = text.replaceAll(/0x[0-9a-f]{1,16}\b/g, (id) => sessions.get(BigInt(id)) ?? id)
  const lines = named.split('\n').filter((line) => line !== '')
  switch (word) {
    case 'mntr': return lines.filter((line) => NUMBERS.includes(line.split('\t')[0] ?? '')).toSorted()
    case 'envi': return lines.map((line) => line.split('=')[0] ?? '').filter((name) => !PLATFORM.test(name))
    case 'dump': {
      const ephemerals = lines.slice(lines.indexOf('ephemeral nodes dump:'), lines.indexOf('Connections dump:'))
      const titles = lines.filter((line) => /^\D/.test(line) && !/^(\t|session of )/.test(line))
      // Apache ZooKeeper lists sessions that once owned a node, too.
      return [...unique(titles.map(inForm)), ...flat(ephemerals).filter((line) => line.includes(' > '))].toSorted()
    }
    case 'cons': return unique(lines.map((line) => inForm(line.replace(/lop=\w+/, 'lop=X')))).toSorted()
    case 'srvr': case 'stat': return unique(lines.map((line) => line.startsWith('Zookeeper version: ')
      ? line.replace(/: .*, built on .* UTC$/, ': V, built on T UTC')
      : /^(Mode|Node count): /.test(line) ? line : inForm(line)))
    case 'conf': return lines.map((line) => /^data(Log)?Dir=/.test(line) ? line.replace(/=.*/, '=FOLDER')
      : /^(data|client|serverId|electionPort|quorumPort|server\.)/.test(line) ? inForm(line) : line)
    // Digests of the tree are each server's own affair.
    case 'hash': return unique(lines.map((line) => line.replace(/^[0-9a-f]+: -?\d+$/, 'ZXID: DIGEST')))
    default: return EXACT.has(word) ? flat(lines) : lines.map(inForm)
  }
}

/** What `mntr` tells without being asked for a number: our names must be among Apache ZooKeeper's. */
function strangers(apache: string, ours: string): string[] {
  const names = (text: string): string[] => text.split('\n').map((line) => line.split('\t')[0] ?? '')
  const known = new Set([...names(apache), ...OURS])
  return names(ours).filter((name) => !known.has(name)).map((name) => `mntr: Apache ZooKeeper has no ${name}`)
}

/** What differs, in one line each; `isOurs` says that the right one is no Apache ZooKeeper. */
export async function compareWords(left: Speaker, right: Speaker, isOurs: boolean): Promise<string[]> {
  const found: string[] = []
  for (const word of WORDS) {
    const [one, other] = await Promise.all([fourLetterWord(left.port, word), fourLetterWord(right.port, word)])
    const texts = [normalize(word, one, left.sessions), normalize(word, other, right.sessions)] as const
    const [here, there] = texts.map((lines) => lines.join('\n'))
    if (here !== there) {
      const only = [
        ...texts[0].filter((line) => !texts[1].includes(line)).map((line) => `${word}: only on the left: ${line}`),
        ...texts[1].filter((line) => !texts[0].includes(line)).map((line) => `${word}: only on the right: ${line}`),
      ]
      found.push(...only.length > 0 ? only : [`${word}: the same lines in another order or number`])
    }
    if (isOurs && word === 'mntr') found.push(...strangers(one, other))
  }
  return found
}

/** How many words are compared. */
export const WORD_COUNT: number = WORDS.length
