import { hashText } from './hash.ts'
import { OPEN_ACL } from './request.ts'
import type { Acl, Identity } from './request.ts'

/** Schemes whose identities prove somebody: what `auth` in a list expands to. */
const AUTHENTICATED: readonly string[] = ['digest', 'sasl', 'x509', 'key']

const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * The list as it is stored: duplicates dropped, `auth` replaced by the requester's identities; null when it is not
 * valid (ZooKeeper: PrepRequestProcessor.fixupACL).
 */
export function fixAcl(acl: readonly Acl[] | null, identities: readonly Identity[]): readonly Acl[] | null {
  if (acl === OPEN_ACL) return acl
  if (acl === null || acl.length === 0) return null
  const fixed: Acl[] = []
  // Anybody may send tens of thousands of entries: each is looked at once.
  const known = new Set<string>()
  const add = (entry: Acl): void => {
    const { size } = known.add(`${entry.perms} ${entry.scheme} ${entry.id}`)
    if (size > fixed.length) fixed.push(entry)
  }
  for (const entry of acl) {
    // A permission that is no int32, or half a surrogate pair, would not survive the way to the other peers.
    if ((entry.perms | 0) !== entry.perms || LONE_SURROGATE.test(entry.id)) return null
    if (entry.scheme === 'world') {
      if (entry.id !== 'anyone') return null
      add(entry)
    } else if (entry.scheme === 'auth') {
      const proved = identities.filter(({ scheme }) => AUTHENTICATED.includes(scheme))
      if (proved.length === 0) return null
      for (const { scheme, id } of proved) add({ perms: entry.perms, scheme, id })
    } else if (isValidId(entry.scheme, entry.id)) {
      add(entry)
    } else {
      return null
    }
  }
  // A byte order mark at the start may be lost on the way, at those peers whose decoder takes it for one.
  if (fixed.some(({ id }) => id.startsWith('\ufeff'))) return null
  return fixed.length === 1 && equalEntries(fixed[0]!, OPEN_ACL[0]!) ? OPEN_ACL : fixed
}

function equalEntries(a: Acl, b: Acl): boolean {
  return a.perms === b.perms && a.scheme === b.scheme && a.id === b.id
}

/** Characters of a list's schemes and ids; nothing of the open one, which travels as one byte. */
export function aclLength(acl: readonly Acl[]): number {
  if (acl === OPEN_ACL) return 0
  let length = 0
  for (const { scheme, id } of acl) length += scheme.length + id.length
  return length
}

/** True when two lists say the same in the same order. */
export function equalAcls(a: readonly Acl[], b: readonly Acl[]): boolean {
  return a === b || (a.length === b.length && a.every((entry, index) => equalEntries(entry, b[index]!)))
}

function isValidId(scheme: string, id: string): boolean {
  if (scheme === 'digest') return isUserAndHash(id)
  return scheme === 'ip' && parseRange(id) !== null
}

/** Two parts with a colon between them; colons at the end make no further parts. */
function isUserAndHash(id: string): boolean {
  let end = id.length
  while (end > 0 && id[end - 1] === ':') end--
  const colon = id.indexOf(':')
  return colon >= 0 && colon < end - 1 && id.lastIndexOf(':', end - 1) === colon
}

/**
 * True when the identities hold a permission of `perms` (any overlap). An empty list denies nobody
 * (ZooKeeperServer.checkACL).
 */
export function permits(
  acl: readonly Acl[], perms: number, identities: readonly Identity[], skipAcl: boolean,
): boolean {
  return skipAcl || acl === OPEN_ACL || acl.length === 0 || gives(acl, perms, identities)
}

function gives(acl: readonly Acl[], perms: number, identities: readonly Identity[]): boolean {
  if (identities.some(({ scheme }) => scheme === 'super')) return true
  if (acl.length > SHORT) return AclIndex.of(acl).gives(perms, identities)
  for (const entry of acl) {
    if ((entry.perms & perms) === 0) continue
    if (entry.scheme === 'world' && entry.id === 'anyone') return true
    for (const identity of identities) {
      if (identity.scheme !== entry.scheme) continue
      if (entry.scheme === 'ip' ? inRange(identity.id, entry.id) : identity.id === entry.id) return true
    }
  }
  return false
}

/** Up to so many entries are compared with each identity. */
const SHORT = 8

/**
 * A longer list as it is looked up: a check costs as much as there are identities, however many entries there are,
 * since anybody may write 40,000 and have them checked by requests of a few bytes.
 */
class AclIndex {
  /** For as long as their lists live. No list changes, so what is remembered here changes no answer. */
  static readonly #all: WeakMap<readonly Acl[], AclIndex> = new WeakMap<readonly Acl[], AclIndex>()
  #anyone = 0
  /** By scheme and id. */
  readonly #named = new Map<string, Map<string, number>>()
  /** By the bits that count, and what those are. */
  readonly #ranges = new Map<number, Map<string, number>>()

  static of(acl: readonly Acl[]): AclIndex {
    let index = AclIndex.#all.get(acl)
    if (index === undefined) {
      index = new AclIndex(acl)
      AclIndex.#all.set(acl, index)
    }
    return index
  }

  constructor(acl: readonly Acl[]) {
    for (const { perms, scheme, id } of acl) {
      if (scheme === 'ip') {
        const range = parseRange(id)
        if (range !== null) give(this.#ranges, range.bits, networkOf(range.bytes, range.bits), perms)
      } else if (scheme === 'world' && id === 'anyone') {
        this.#anyone |= perms
      } else {
        give(this.#named, scheme, id, perms)
      }
    }
  }

  gives(perms: number, identities: readonly Identity[]): boolean {
    if ((this.#anyone & perms) !== 0) return true
    return identities.some(({ scheme, id }) => scheme === 'ip'
      ? this.#givesAddress(perms, id)
      : ((this.#named.get(scheme)?.get(id) ?? 0) & perms) !== 0)
  }

  /** One look for each length of a prefix, of which there are 129. */
  #givesAddress(perms: number, address: string): boolean {
    const bytes = this.#ranges.size === 0 ? null : parseAddress(address)
    if (bytes === null) return false
    for (const [bits, networks] of this.#ranges) {
      if (bits > bytes.length * 8) continue
      if (((networks.get(networkOf(bytes, bits)) ?? 0) & perms) !== 0) return true
    }
    return false
  }
}

/** One more entry for the same key gives what both give. */
function give<K>(table: Map<K, Map<string, number>>, kind: K, key: string, perms: number): void {
  let given = table.get(kind)
  if (given === undefined) {
    given = new Map()
    table.set(kind, given)
  }
  given.set(key, (given.get(key) ?? 0) | perms)
}

/** The first bits of an address, the others being 0; as many characters as it has bytes. */
function networkOf(bytes: readonly number[], bits: number): string {
  return String.fromCharCode(...bytes.map((byte, index) => byte & maskOf(bits - 8 * index)))
}

/** Of a byte with so many bits that count in it and behind it. */
function maskOf(bits: number): number {
  return bits >= 8 ? 0xff : (0xff << (8 - Math.max(0, bits))) & 0xff
}

/** What getACL shows to one who has no ADMIN: `user:x` for every digest. */
export function maskDigests(acl: readonly Acl[]): readonly Acl[] {
  if (acl === OPEN_ACL) return acl
  return acl.map((entry) => entry.scheme === 'digest' && entry.id.includes(':')
    ? { ...entry, id: `${entry.id.slice(0, entry.id.indexOf(':'))}:x` }
    : entry)
}

interface StoredList {
  readonly list: readonly Acl[]
  readonly key: string
  readonly hash: number
  uses: number
}

const OPEN = 0
const OPEN_LIST: StoredList = { list: OPEN_ACL, key: '', hash: 0, uses: 0 }

/** Stores each distinct list once, for as long as a node has it, and gives it a number; that of the open one is 0. */
export class AclTable {
  readonly #byKey = new Map<string, number>()
  readonly #lists: StoredList[] = [OPEN_LIST]
  readonly #free: number[] = []

  get size(): number {
    return this.#byKey.size
  }

  /** One more node has this list. */
  acquire(acl: readonly Acl[]): number {
    if (equalAcls(acl, OPEN_ACL)) return OPEN
    const key = JSON.stringify(acl.map(({ perms, scheme, id }) => [perms, scheme, id]))
    let number = this.#byKey.get(key)
    if (number === undefined) {
      const list = acl.map(({ perms, scheme, id }) => ({ perms, scheme, id }))
      number = this.#free.pop() ?? this.#lists.length
      this.#lists[number] = { list, key, hash: hashText(key), uses: 0 }
      this.#byKey.set(key, number)
    }
    this.#lists[number]!.uses++
    return number
  }

  /** One node less has it. */
  release(number: number): void {
    const stored = this.#lists[number]!
    if (number === OPEN || --stored.uses > 0) return
    this.#byKey.delete(stored.key)
    this.#lists[number] = OPEN_LIST
    this.#free.push(number)
  }

  at(number: number): readonly Acl[] {
    return this.#lists[number]!.list
  }

  /** A hash of the content of a list; 0 for the open one. */
  hashOf(number: number): number {
    return this.#lists[number]!.hash
  }
}

interface Range {
  readonly bytes: readonly number[]
  readonly bits: number
}

function parseRange(text: string): Range | null {
  const slash = text.indexOf('/')
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (bytes === null) return null
  if (slash < 0) return { bytes, bits: bytes.length * 8 }
  const bits = parseUpTo(text.slice(slash + 1), bytes.length * 8)
  return bits === null ? null : { bytes, bits }
}

function inRange(address: string, range: string): boolean {
  const parsed = parseRange(range)
  const bytes = parseAddress(address)
  if (parsed === null || bytes === null || bytes.length !== parsed.bytes.length) return false
  for (let bit = 0; bit < parsed.bits; bit += 8) {
    if (((bytes[bit >> 3]! ^ parsed.bytes[bit >> 3]!) & maskOf(parsed.bits - bit)) !== 0) return false
  }
  return true
}

/**
 * Four bytes of a dotted quad or sixteen of an IPv6 address; null for anything else, such as an IPv4 address in IPv6
 * dress, which nobody comes from.
 */
function parseAddress(text: string): number[] | null {
  if (!text.includes(':')) return parseV4(text)
  const bytes = parseV6(text)
  const isMapped = bytes?.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 0xff)) === true
  return isMapped ? null : bytes
}

function parseV4(text: string): number[] | null {
  const parts = text.split('.').map((part) => parseUpTo(part, 255))
  return parts.length === 4 && parts.every((part) => part !== null) ? parts : null
}

/** A decimal number from 0 to `most`, with or without a sign, as ZooKeeper reads them. */
function parseUpTo(text: string, most: number): number | null {
  const number = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : -1
  return number >= 0 && number <= most ? Math.abs(number) : null
}

function parseV6(text: string): number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  // A dotted quad may stand for the last four bytes alone.
  const groups = (half: string, isEnd: boolean): number[] | null => {
    if (half === '') return []
    const bytes: number[] = []
    const words = half.split(':')
    for (const [index, word] of words.entries()) {
      const v4 = isEnd && index === words.length - 1 && word.includes('.') ? parseV4(word) : null
      if (v4 !== null) bytes.push(...v4)
      else if (/^[0-9a-f]{1,4}$/i.test(word)) bytes.push(parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff)
      else return null
    }
    return bytes
  }
  const head = groups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1]!, true) : []
  if (head === null || tail === null) return null
  const missing = 16 - head.length - tail.length
  if (halves.length === 2 ? missing < 2 : missing !== 0) return null
  return [...head, ...Array.from({ length: Math.max(missing, 0) }, () => 0), ...tail]
}

