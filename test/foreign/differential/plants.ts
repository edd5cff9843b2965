import type { Plain } from '../raw-bytes.ts'
import type { Arrival } from '../raw-replies.ts'
import type { Fields } from './compare.ts'
import { isFields, show } from './compare.ts'
import type { Plant } from './server.ts'

type Reply = Arrival & { kind: 'reply' }

/** A way to spoil answers, once; the comparison must notice. */
export interface Spoiler {
  readonly name: string
  readonly make: () => { readonly spoil: Plant, readonly isSpoilt: () => boolean }
}

/** Arrivals that pass before the first may be spoilt, so that there is something to spoil. */
const INNOCENT = 1_000

/** Spoils the first arrivals of a connection that the change does something to. */
function once(name: string, change: (arrivals: readonly Arrival[]) => readonly Arrival[] | null): Spoiler {
  return { name, make: () => {
    let passed = 0
    let isSpoilt = false
    const spoil: Plant = (arrivals) => {
      passed += arrivals.length
      if (isSpoilt || passed < INNOCENT) return arrivals
      const changed = change(arrivals)
      isSpoilt = changed !== null
      return changed ?? arrivals
    }
    return { spoil, isSpoilt: () => isSpoilt }
  } }
}

/** Spoils one reply. */
function reply(name: string, change: (reply: Reply) => Arrival | null): Spoiler {
  return once(name, (arrivals) => {
    for (const [i, arrival] of arrivals.entries()) {
      const changed = arrival.kind === 'reply' ? change(arrival) : null
      if (changed !== null) return arrivals.with(i, changed)
    }
    return null
  })
}

const body = (from: Reply, change: (fields: Fields) => { [key: string]: Plain } | null): Reply | null => {
  const changed = isFields(from.body) ? change(from.body) : null
  return changed === null ? null : { ...from, body: { ...from.body as Fields, ...changed } }
}

/** Spoils the stat of a reply. */
const stat = (name: string, change: (stat: Fields) => { [key: string]: Plain } | null): Spoiler =>
  reply(`stat with ${name}`, (from) => body(from, (fields) => {
    const found = fields['stat']
    const changed = isFields(found) ? change(found) : null
    return changed === null ? null : { stat: { ...found as Fields, ...changed } }
  }))

const plus = (key: string, more: number) => (from: Fields): { [key: string]: Plain } | null => {
  const value = from[key]
  if (typeof value === 'number') return { [key]: value + more }
  return typeof value === 'bigint' && value > 0n ? { [key]: value + BigInt(more) } : null
}

/** Spoils one list of a reply's body. */
const list = (name: string, key: string, change: (values: readonly Plain[]) => readonly Plain[] | null): Spoiler =>
  reply(name, (from) => body(from, (fields) => {
    const values = fields[key]
    const changed = Array.isArray(values) ? change(values as readonly Plain[]) : null
    return changed === null ? null : { [key]: changed }
  }))

/** Everything that must not pass. */
export const PLANTS: readonly Spoiler[] = [
  reply('another error', (from) => from.err === -101 ? { ...from, err: -102 } : null),
  reply('no error', (from) => from.err === -103 ? { ...from, err: 0 } : null),
  reply('another xid', (from) => from.xid > 0 ? { ...from, xid: from.xid + 1 } : null),
  reply('a zxid less', (from) => from.zxid > 9n ? { ...from, zxid: from.zxid - 1n } : null),
  reply('a zxid more', (from) => from.zxid > 9n ? { ...from, zxid: from.zxid + 1n } : null),
  ...['czxid', 'mzxid', 'pzxid', 'version', 'cversion', 'aversion', 'dataLength', 'numChildren']
    .map((key) => stat(`${key} + 1`, plus(key, 1))),
  stat('ctime an hour off', plus('ctime', 3_600_000)),
  stat('mtime a second off', plus('mtime', -1_000)),
  stat('no owner', ({ ephemeralOwner }) => ephemeralOwner === 0n ? null : { ephemeralOwner: 0n }),
  stat('an owner', ({ ephemeralOwner }) => ephemeralOwner === 0n ? { ephemeralOwner: 77n } : null),
  stat('another owner', ({ ephemeralOwner }) =>
    typeof ephemeralOwner === 'bigint' && ephemeralOwner > 0n ? { ephemeralOwner: ephemeralOwner + 1n } : null),
  reply('empty data for none', (from) => body(from, ({ data }) => data === null ? { data: '' } : null)),
  reply('other data', (from) => body(from, ({ data }) => data === null || data === undefined ? null : { data: 'ff' })),
  reply('another sequence number', (from) => body(from, ({ path }) =>
    typeof path === 'string' && /\d{10}$/.test(path) ? { path: `${path.slice(0, -1)}x` } : null)),
  list('a child less', 'children', (values) => values.length > 1 ? values.slice(1) : null),
  list('a child more', 'children', (values) => [...values, 'more']),
  list('another permission', 'acl', ([first, ...others]) =>
    isFields(first) && first['perms'] === 31 ? [{ ...first, perms: 30 }, ...others] : null),
  reply('no list for an empty one', (from) => body(from, ({ children, ephemerals }) => {
    const isEmpty = (value: Plain | undefined): boolean => Array.isArray(value) && value.length === 0
    return isEmpty(children) ? { children: null } : isEmpty(ephemerals) ? { ephemerals: null } : null
  })),
  list('results of a multi in another order', 'results', (values) =>
    values.length > 1 && show(values[0]) !== show(values.at(-1)) ? values.toReversed() : null),
  once('an event less', (arrivals) => {
    const at = arrivals.findIndex(({ kind }) => kind === 'event')
    return at < 0 ? null : arrivals.toSpliced(at, 1)
  }),
  once('an event twice', (arrivals) => {
    const event = arrivals.find(({ kind }) => kind === 'event')
    return event === undefined ? null : [event, ...arrivals]
  }),
  once('an event after the reply', (arrivals) => {
    const at = arrivals.findIndex(({ kind }, i) => kind === 'event' && arrivals[i + 1]?.kind === 'reply')
    const [event, next] = [arrivals[at], arrivals[at + 1]]
    return event === undefined || next === undefined ? null : arrivals.toSpliced(at, 2, next, event)
  }),
  once('events in another order', (arrivals) => {
    const at = arrivals.findIndex((event, i) => event.kind === 'event' && arrivals[i + 1]?.kind === 'event' &&
      show(event) !== show(arrivals[i + 1]))
    const [event, next] = [arrivals[at], arrivals[at + 1]]
    return event === undefined || next === undefined ? null : arrivals.toSpliced(at, 2, next, event)
  }),
  once('a connection that stays', (arrivals) => arrivals.at(-1)?.kind === 'closed' ? arrivals.slice(0, -1) : null),
  once('a connection that ends', (arrivals) =>
    arrivals.at(-1)?.kind === 'closed' ? null : [...arrivals, { kind: 'closed' }]),
]
