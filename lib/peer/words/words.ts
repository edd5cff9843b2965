import { assert } from '../../core/assert.ts'
import { connectionsText, dumpText, watchesByPath, watchesBySession, watchSummary } from './clients.ts'
import { monitorText } from './monitor.ts'
import { configurationText, digestsText, environmentText, foldersText, serverText } from './server.ts'
import type { ServerView } from './view.ts'

/** The words that have an answer. */
export const FOUR_LETTER_WORDS = [
  'conf', 'cons', 'crst', 'dirs', 'dump', 'envi', 'gtmk', 'hash', 'isro', 'mntr', 'ruok', 'srst', 'srvr', 'stat',
  'stmk', 'wchc', 'wchp', 'wchs',
] as const

/** What telnet sends when its user interrupts it: no word, but taken for one. */
export const TELNET_CLOSE = 'telnet close'

/** One of the words. */
export type FourLetterWord = (typeof FOUR_LETTER_WORDS)[number] | typeof TELNET_CLOSE

/** The word that is followed by an argument, and the length of that. */
export const WORD_WITH_ARGUMENT = 'stmk'
/** A big-endian int64. */
export const ARGUMENT_BYTES = 8

const WORDS: ReadonlySet<string> = new Set(FOUR_LETTER_WORDS)
const TELNET_BYTES = '\xff\xf4\xff\xfd'
const ALL = '*'
const ALWAYS = 'srvr'
const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests'

/** The word that the bytes begin with, or null: then they are the length of a first frame. */
export function wordOf(bytes: Uint8Array): FourLetterWord | null {
  const text = String.fromCharCode(...bytes.subarray(0, 4))
  if (text === TELNET_BYTES) return TELNET_CLOSE
  return WORDS.has(text) ? text as FourLetterWord : null
}

/** True for what may be answered: the listed words, all of them for `*`, and always `srvr`. */
export function isAllowed(word: string, whitelist: readonly string[]): boolean {
  return word === ALWAYS || whitelist.includes(ALL) || whitelist.includes(word)
}

/**
 * The whole answer, after which the connection is closed. `argument`: the bytes behind `stmk`, of no meaning to others.
 * Throws when the view does.
 */
export function answerWord(
  word: FourLetterWord, view: ServerView, whitelist: readonly string[], argument?: Uint8Array,
): string {
  if (!isAllowed(word, whitelist)) return `${word} is not executed because it is not in the whitelist.\n`
  switch (word) {
    case TELNET_CLOSE: return ''
    case 'ruok': return 'imok'
    case 'envi': return environmentText(view)
    case 'gtmk': return String(view.traceMask)
    case 'stmk': return setMask(view, argument)
    case 'isro': return view.serving ? (view.readOnly ? 'ro' : 'rw') : 'null'
    case 'hash': return view.serving ? digestsText(view) : NOT_SERVING
    default: return view.serving ? serve(word, view) : `${NOT_SERVING}\n`
  }
}

type ServedWord = Exclude<FourLetterWord, typeof TELNET_CLOSE | 'ruok' | 'envi' | 'gtmk' | 'stmk' | 'isro' | 'hash'>

function serve(word: ServedWord, view: ServerView): string {
  switch (word) {
    case 'srvr': return serverText(view, false)
    case 'stat': return serverText(view, true)
    case 'mntr': return monitorText(view)
    case 'conf': return configurationText(view)
    case 'dirs': return foldersText(view)
    case 'cons': return connectionsText(view)
    case 'dump': return dumpText(view)
    case 'wchs': return watchSummary(view)
    case 'wchc': return watchesBySession(view)
    case 'wchp': return watchesByPath(view)
    case 'crst':
      for (const { stats } of view.connections()) stats.reset()
      return 'Connection stats reset.\n'
    case 'srst':
      view.stats.reset()
      view.leader?.proposals.reset()
      return 'Server stats reset.\n'
  }
}

function setMask(view: ServerView, argument: Uint8Array | undefined): string {
  assert(argument !== undefined && argument.length >= ARGUMENT_BYTES, 'stmk comes with its mask')
  view.traceMask = new DataView(argument.buffer, argument.byteOffset, ARGUMENT_BYTES).getBigInt64(0)
  return String(view.traceMask)
}
