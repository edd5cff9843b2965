/** Scenes that every round plays after what chance has made of the tree: each case of what has few cases. */
import { RawWriter } from '../raw-bytes.ts'
import type { RawAcl } from '../raw-bytes.ts'
import { Op } from '../raw-replies.ts'
import { LISTS, OPEN } from './material.ts'
import { ask, create, isDeadly } from './operations.ts'
import { LONG_MS } from './step.ts'
import type { Ask, Step } from './step.ts'

const requests = (actor: number, ...asks: Ask[]): Step => ({ kind: 'requests', actor, asks })
const fresh = (actor: number): Step => ({ kind: 'open', actor, opening: 'fresh', timeOut: LONG_MS })
const onPath = (opcode: number, name: string, path: string): Ask =>
  ask(opcode, name, [path], new RawWriter().string(path))
const reading = (opcode: number, name: string, path: string, watch = false): Ask =>
  ask(opcode, name, [path, watch], new RawWriter().string(path).byte(watch ? 1 : 0))
const withNumber = (opcode: number, name: string, path: string, number: number): Ask =>
  ask(opcode, name, [path, number], new RawWriter().string(path).int(number))
const make = (path: string, flags = 0): Ask => create(Op.create2, path, Buffer.from('x'), OPEN, flags, -1n)
const remove = (path: string): Ask => withNumber(Op.delete, 'delete', path, -1)
const write = (path: string, text: string): Ask =>
  ask(Op.setData, 'setData', [path, text], new RawWriter().string(path).buffer(Buffer.from(text)).int(-1))
const setAcl = (path: string, acl: readonly RawAcl[] | null): Ask =>
  ask(Op.setACL, 'setACL', [path, acl], new RawWriter().string(path).acl(acl).int(-1))

/** Every list by itself: whether it is valid, how it is shown, and whom it lets do what. */
const LISTS_ONE_BY_ONE: readonly Step[] = [
  requests(2, make('/lists')),
  ...LISTS.flatMap((acl): Step[] => [
    requests(1, make('/lists/one'), setAcl('/lists/one', acl)),
    ...[0, 1].map((actor) => requests(actor,
      onPath(Op.getACL, 'getACL', '/lists/one'), write('/lists/one', 'y'),
      reading(Op.getData, 'getData', '/lists/one'), make('/lists/one/child'))),
    requests(2, remove('/lists/one/child'), remove('/lists/one')),
  ]),
]

/** How a watch comes to be, of every kind. */
const ARMINGS: readonly Ask[] = [
  reading(Op.exists, 'exists', '/w/a', true), reading(Op.getData, 'getData', '/w/a', true),
  reading(Op.getChildren, 'getChildren', '/w/a', true), reading(Op.getChildren2, 'getChildren2', '/w/a', true),
  withNumber(Op.addWatch, 'addWatch', '/w/a', 0), withNumber(Op.addWatch, 'addWatch', '/w/a', 1),
  withNumber(Op.addWatch, 'addWatch', '/w', 1), withNumber(Op.addWatch, 'addWatch', '/', 1),
]
/** What fires watches. */
const FIRING: readonly Ask[] = [
  write('/w/a', 'new'), make('/w/a/x'), write('/w/a/x', 'new'), remove('/w/a/x'), remove('/w/a'), make('/w/a'),
]
const TYPES: readonly number[] = [1, 2, 3, 4, 5]

/** Each pair of watches, each way to take them away, and what is left of them. */
const WATCHES: readonly Step[] = [
  fresh(1), requests(0, make('/w')), requests(0, make('/w/a')),
  ...ARMINGS.flatMap((one, i) => ARMINGS.slice(i).flatMap((other, j) => {
    const type = TYPES[(i + j) % TYPES.length] ?? 1
    return [
      requests(1, one, other, ...TYPES.map((each) => withNumber(Op.checkWatches, 'checkWatches', '/w/a', each)),
        withNumber(Op.removeWatches, 'removeWatches', '/w/a', type)),
      requests(0, ...FIRING),
      requests(1, ...['/w/a', '/w', '/'].flatMap((path) => TYPES.map((each) =>
        withNumber(Op.removeWatches, 'removeWatches', path, each)))),
    ]
  })),
  requests(0, remove('/w/a')), requests(0, remove('/w')),
]

/** Ephemerals: no children, and gone with their session, seen by others. */
const EPHEMERALS: readonly Step[] = [
  fresh(0), fresh(1),
  requests(0, make('/e')), requests(0, make('/e/e1', 1)), requests(0, make('/e/e2-', 3)), requests(0, make('/e/e1/x')),
  requests(0, make('/e/e1/x', 1)), requests(0, create(Op.createContainer, '/e/e1/c', null, OPEN, 4, -1n)),
  requests(0, create(Op.createTTL, '/e/e1/t', null, OPEN, 5, 1_000_000n)),
  requests(0, onPath(Op.getEphemerals, 'getEphemerals', '/e/e1')), requests(1, remove('/e/e1')),
  requests(0, make('/e/e1', 1)),
  requests(1, withNumber(Op.addWatch, 'addWatch', '/e', 1), reading(Op.getChildren, 'getChildren', '/e', true),
    reading(Op.exists, 'exists', '/e/e1', true)),
  requests(0, ask(Op.closeSession, 'closeSession', [], new RawWriter())),
  requests(1, reading(Op.getChildren2, 'getChildren2', '/e'), onPath(Op.getEphemerals, 'getEphemerals', '/')),
  fresh(0), requests(0, onPath(Op.getEphemerals, 'getEphemerals', '/')), requests(0, remove('/e')),
]

/** Modes of the four requests that create, with lifetimes that fit them or not, alone and in a multi. */
const MODES: readonly Step[] = [
  requests(0, make('/m')),
  ...[Op.create, Op.create2, Op.createContainer, Op.createTTL].flatMap((opcode) =>
    [-1, 0, 1, 2, 3, 4, 5, 6, 7].flatMap((flags) => (opcode === Op.createTTL ? [-1n, 0n, 1_000_000n] : [-1n])
      .filter((ttl) => ttl >= 0n || !isDeadly(opcode, flags)).flatMap((ttl): Step[] => {
        const path = `/m/${opcode}.${flags}.${ttl}`
        const one = create(opcode, path, Buffer.from('x'), OPEN, flags, ttl)
        const body = new RawWriter().int(opcode).byte(0).int(-1).raw(create(opcode, `${path}m`, null, OPEN, flags, ttl)
          .encode(() => 0n)).int(-1).byte(1).int(-1)
        return [
          requests(0, one, ask(Op.multi, 'multi', [`create ${path}m`], body), reading(Op.exists, 'exists', path),
            reading(Op.exists, 'exists', `${path}m`)),
        ]
      }))),
  requests(0, reading(Op.getChildren, 'getChildren', '/m')),
  requests(0, onPath(Op.getEphemerals, 'getEphemerals', '/m')),
]

const QUOTA = '/zookeeper/quota/q'

/** A soft quota that is exceeded, changed and taken away. */
const QUOTAS: readonly Step[] = [
  // The tally is as long at the end as at the start, else Apache ZooKeeper would err in the size of its tree.
  requests(2, make('/q'), make(QUOTA), ...['zookeeper_stats', 'zookeeper_limits'].map((name) =>
    create(Op.create, `${QUOTA}/${name}`, Buffer.from('count=2,bytes=9'), OPEN, 0, -1n))),
  requests(0, reading(Op.exists, 'exists', `${QUOTA}/zookeeper_stats`, true)),
  ...[make('/q/a'), make('/q/b'), write('/q/b', 'more than ten bytes'), make('/q/a/deep'), remove('/q/b')].flatMap(
    (each) => [requests(1, each), requests(1, reading(Op.getData, 'getData', `${QUOTA}/zookeeper_stats`))]),
  requests(2, remove(`${QUOTA}/zookeeper_stats`), remove(`${QUOTA}/zookeeper_limits`), remove(QUOTA)),
  requests(2, remove('/q/a/deep'), remove('/q/a'), remove('/q')),
]

const multiOf = (text: string, asks: readonly Ask[]): Ask => {
  const body = new RawWriter()
  for (const { opcode, encode } of asks) body.int(opcode).byte(0).int(-1).raw(encode(() => 0n))
  return ask(Op.multi, 'multi', [text], body.int(-1).byte(1).int(-1))
}

/** A hard quota of three nodes and nine bytes: each way to stay below it and to go beyond. */
const HARD_QUOTAS: readonly Step[] = [
  requests(2, make('/q'), make(QUOTA), ...[['stats', 'count=2,bytes=9'],
    ['limits', 'count=1,bytes=1=;byteHardLimit=9;countHardLimit=3']].map(([name, text]) =>
    create(Op.create, `${QUOTA}/zookeeper_${name}`, Buffer.from(text!), OPEN, 0, -1n))),
  ...[
    write('/q', '0123456789'), write('/q', '012345678'), make('/q/a'), write('/q', '876543210'),
    write('/q', '01234567'), make('/q/a'), make('/q/b'), make('/q/a/deep'), make('/q/none/a'),
    multiOf('the second in vain', [make('/outside'), make('/q/b'), remove('/q/a')]),
    create(Op.create, '/q/b', null, OPEN, 0, -1n), create(Op.create, '/q/c', null, OPEN, 0, -1n),
    ask(Op.setData, 'setData', ['/q/b', 'x', 99], new RawWriter().string('/q/b').buffer(Buffer.from('x')).int(99)),
    remove('/q/b'), make('/q/c'), write('/q', ''), make('/q/c'), make('/q/d'),
    write(`${QUOTA}/zookeeper_limits`, 'count=1,bytes=1=;byteHardLimit=1'), write('/q/c', ''), write('/q/a', 'yy'),
    write('/q/a', 'y'), write('/q', 'nine byte'), remove('/q/c'), write('/q', 'z'),
  ].flatMap((each) => [requests(1, each), requests(1, reading(Op.getData, 'getData', `${QUOTA}/zookeeper_stats`))]),
  requests(2, remove(`${QUOTA}/zookeeper_stats`), remove(`${QUOTA}/zookeeper_limits`), remove(QUOTA)),
  requests(2, remove('/q/a'), remove('/q')),
]

const MANY = 2_000
const DEEP = 300
const deepPath = (depth: number): string => `/deep${'/d'.repeat(depth)}`

/** Much at once: operations of a multi, levels of a path, bytes of a name. */
const SIZES: readonly Step[] = [
  requests(0, make('/many')),
  requests(1, withNumber(Op.addWatch, 'addWatch', '/many', 1)),
  requests(0, multiOf('creates', Array.from({ length: MANY }, () => make('/many/n-', 2)))),
  requests(0, reading(Op.getChildren2, 'getChildren2', '/many')),
  requests(0, multiOf('deletes, the last in vain', Array.from({ length: MANY + 1 }, (_, i) =>
    remove(`/many/n-${String(i).padStart(10, '0')}`)))),
  requests(0, multiOf('deletes', Array.from({ length: MANY }, (_, i) =>
    remove(`/many/n-${String(i).padStart(10, '0')}`))), remove('/many')),
  requests(0, multiOf('levels', Array.from({ length: DEEP }, (_, i) => make(deepPath(i))))),
  requests(1, withNumber(Op.addWatch, 'addWatch', '/deep/d', 1), onPath(Op.getAllChildrenNumber, 'count', '/deep')),
  requests(0, write(deepPath(DEEP - 1), 'new')),
  requests(0, multiOf('levels, up', Array.from({ length: DEEP }, (_, i) => remove(deepPath(DEEP - 1 - i))))),
  ...[1_000, 100_000, 1_000_000].map((length): Step => {
    const path = `/${'n'.repeat(length)}`
    return requests(0, { ...make(path), text: `create a name of ${length}` }, { ...remove(path), text: 'delete it' })
  }),
]

/** All of them. */
export const SCENES: readonly Step[] = [
  ...LISTS_ONE_BY_ONE, ...WATCHES, ...EPHEMERALS, ...MODES, ...QUOTAS, ...HARD_QUOTAS,
  ...SIZES,
]
