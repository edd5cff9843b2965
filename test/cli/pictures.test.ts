import { EventEmitter } from 'node:events'
import type { Client } from '../../lib/node.ts'
import { Screen } from '../../lib/cli/screen.ts'
import { Shell } from '../../lib/cli/shell.ts'
import type { ShellParts } from '../../lib/cli/shell.ts'
import { formatSpan } from '../../lib/cli/pictures/drawing.ts'
import { printable } from '../../lib/cli/pictures/picture.ts'
import { Sight } from '../../lib/cli/pictures/sight.ts'
import {
  acquire, acquireLease, acquireRead, acquireWrite, contenders, partition, queueAt, register, requestRelease, standFor,
} from '../../lib/recipes/index.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { place } from '../recipes/place.ts'

const test = suite('pictures')

/** A shell on a tree of its own, and others who work there. */
interface Scene {
  readonly shell: Shell
  readonly printed: string[]
  readonly notes: string[]
  /** Runs a line: what it printed, with what changes from run to run left out. */
  readonly says: (line: string) => Promise<string[]>
  /** A session of someone else. */
  readonly other: () => Promise<Client>
}

async function open(t: Case, parts: Partial<ShellParts> = {}): Promise<Scene> {
  const at = await place(t)
  const printed: string[] = []
  const notes: string[] = []
  const shell = new Shell({
    address: 'test', open: () => at.connect(), print: (line) => printed.push(line),
    complain: (line) => notes.push(line), note: (line) => notes.push(line), ...parts,
  })
  t.defer(() => shell.end())
  shell.connection.connect(null)
  return {
    shell, printed, notes, other: () => at.connect(),
    says: async (line) => {
      printed.length = 0
      notes.length = 0
      await shell.run(line)
      return printed.map(plain)
    },
  }
}

/** Without sessions, moments, and the blanks of the columns. */
function plain(line: string): string {
  return line.replace(/0x[0-9a-f]+/, 'S').replace(/\d+ s  since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/, 'T')
    .replace(/for \d+ s/, 'for T').replaceAll(/(?<=\S) {2,}/g, ' | ')
}

/** Resolves when so many stand in line there. */
async function inLine(zk: Client, path: string, wanted: number): Promise<void> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      zk.children(path, { watch: () => resolve() }).catch(() => resolve())
    })
    if ((await contenders(zk, path)).length >= wanted) return
    await changed
  }
}

/** Somebody who waits until the case is over. */
function waits(t: Case, work: (options: { readonly signal: AbortSignal }) => Promise<unknown>): void {
  const over = new AbortController()
  const done = Promise.allSettled([work({ signal: over.signal })])
  t.defer(() => {
    over.abort()
    return done
  })
}

test('who holds locks and leases, and who waits', async (t) => {
  const { says, notes, other } = await open(t)
  const [a, b, c] = [await other(), await other(), await other()]
  const lock = await acquire(a, '/locks/report', { name: 'worker a' })
  waits(t, (own) => acquire(b, '/locks/report', { ...own, name: 'worker b' }))
  await inLine(a, '/locks/report', 2)
  waits(t, (own) => acquire(c, '/locks/report', own))
  await acquireRead(a, '/rw', { name: 'reader' })
  waits(t, (own) => acquireWrite(b, '/rw', { ...own, name: 'writer' }))
  await acquireLease(a, '/pool', { leases: 1, name: 'x' })
  waits(t, (own) => acquireLease(b, '/pool', { ...own, leases: 1, name: 'y' }))
  await inLine(b, '/pool/locks', 1)
  waits(t, (own) => acquireLease(c, '/pool', { ...own, leases: 1, name: 'z' }))
  const shares = await partition(a, '/shards', ['s'], { name: 'member a' })
  await shares.settled()
  await Promise.all([
    inLine(a, '/locks/report', 3), inLine(a, '/rw', 2), inLine(a, '/pool/locks', 2),
    requestRelease(b, '/shards/items/s'),
  ])
  while ((await a.children('/pool/leases')).length < 2) await a.sync('/pool')
  assert.equal(await says('locks'), [
    '/locks/report | lock: 1 holds, 2 wait',
    '  holds | worker a | S | T', '  1. | worker b | S | T', '  2. | - | S | T',
    '/pool | semaphore: 1 lease, 2 wait', '  holds | x | S | T', '  1. | y | S | T', '  2. | z | S | T',
    '/rw | read-write lock: 1 holds, 1 waits', '  holds | reader | S | T | reads', '  1. | writer | S | T | writes',
    '/shards/items/s | item of a partition: 1 holds, 0 wait', '  holds | - | S | T | asked to let go',
  ])
  assert.match(notes.join(), /spans go by that of this machine/)
  assert.equal((await says('locks -t /locks')).length, 4)
  assert.equal(notes, [])
  assert.equal(await a.children('/').then((names) => names.filter((name) => name.startsWith('vivarium.time'))), [])
  await lock.release()
  await inLine(a, '/locks/report', 2)
  assert.equal((await says('locks /locks/report')).slice(0, 2), [
    '/locks/report | lock: 1 holds, 1 waits', '  holds | worker b | S | T',
  ])
  assert.equal(await says('locks /none'), ['nobody holds or waits for a lock at /none or below it'])
  assert.equal(notes, ['there is no node /none'])
})

/** A node as another client would make it. */
async function make(zk: Client, path: string, data: unknown = ''): Promise<void> {
  await zk.create(path, data as string, { mode: 'ephemeral', parents: true })
}

const HEX = '0123456789abcdef0123456789abcdef'
const GUID = '_c_01234567-89ab-cdef-0123-456789abcdef'

test('what kazoo and Curator put on the tree', async (t) => {
  const { says, notes, other } = await open(t)
  const zk = await other()
  await make(zk, `/k/lock/${HEX}__lock__0000000007`, 'second')
  await make(zk, `/k/lock/${HEX}__lock__0000000003`, 'first')
  await make(zk, `/c/mutex/${GUID}-lock-0000000001`, '10.0.0.1')
  await make(zk, `/c/rw/${GUID}-__READ__0000000002`, 'b')
  await make(zk, `/c/rw/${GUID}-__WRIT__0000000001`, 'a')
  await make(zk, `/c/latch/${GUID}-latch-0000000005`, 'candidate')
  await make(zk, `/c/latch/${GUID}-latch-0000000004`, 'leader')
  await make(zk, `/k/pool/${HEX}`, 'lease of kazoo')
  await zk.create('/k/pool-__lock__')
  await make(zk, `/k/pool-__lock__/${HEX}__lock__0000000001`, 'at the door')
  await make(zk, `/c/pool/leases/${GUID}-lease-0000000001`, 'lease of Curator')
  assert.equal(await says('locks'), [
    '/c/mutex | lock: 1 holds, 0 wait', '  holds | 10.0.0.1 | S | T',
    '/c/pool | semaphore: 1 lease, 0 wait', '  holds | lease of Curator | S | T',
    '/c/rw | read-write lock: 1 holds, 1 waits', '  holds | a | S | T | writes', '  1. | b | S | T | reads',
    '/k/lock | lock: 1 holds, 1 waits', '  holds | first | S | T', '  1. | second | S | T',
    '/k/pool | semaphore: 1 lease, 1 waits', '  holds | lease of kazoo | S | T', '  1. | at the door | S | T',
  ])
  assert.equal(await says('locks /k/pool'), [
    '/k/pool | semaphore: 1 lease, 1 waits', '  holds | lease of kazoo | S | T', '  1. | at the door | S | T',
  ])
  assert.equal(await says('elections'), [
    '/c/latch | leader leads for T, 1 stands behind', '  leads | leader | S | T', '  1. | candidate | S | T',
    '/c/mutex | 10.0.0.1 leads for T, 0 stand behind', '  leads | 10.0.0.1 | S | T',
    '/k/lock | first leads for T, 1 stands behind', '  leads | first | S | T', '  1. | second | S | T',
  ])
  assert.match(notes.join(), /are locks on the tree/)
  assert.equal([await says('members'), await says('services')], [['nobody is there anywhere'],
    ['there is no service anywhere']])
})

test('services and members', async (t) => {
  const { says, other } = await open(t)
  const zk = await other()
  await make(zk, '/services/web/i-1', {
    name: 'web', id: 'i-1', address: '10.0.0.1', port: 80, sslPort: 443, payload: { zone: 'a' },
    registrationTimeUTC: 1, serviceType: 'DYNAMIC', uriSpec: null, enabled: true,
  })
  await make(zk, '/services/web/i-2', { name: 'web', id: 'i-2', address: '10.0.0.2', port: 80, enabled: false })
  await zk.create('/services/web/i-3', { name: 'web', id: 'i-3', address: '10.0.0.3', serviceType: 'PERMANENT' })
  await zk.create('/services/web/no-instance', { name: 'web', id: 'other' })
  await zk.create('/services/text', '{')
  assert.equal(await says('services'), [
    '/services/web | 3 instances, 1 out',
    '  up | 10.0.0.1:80 | S | T | i-1 | TLS at 443 | {"zone":"a"}', '  out | 10.0.0.2:80 | S | T | i-2',
    '  up | 10.0.0.3 | - | T | i-3 | permanent',
  ])
  const registered = await register(zk, '/ours', { name: 'mail', id: 'i-4', address: '::1', port: 25, weight: 2 })
  assert.equal(await says('services /ours'), [
    '/ours/mail | 1 instance', '  up | ::1:25 | S | T | i-4 | {"weight":2}',
  ])
  await registered.close()
  await make(zk, `/party/${HEX}__party__`, 'kazoo 1')
  await make(zk, `/shallow/${HEX}-kazoo 2`, '0')
  await make(zk, '/group/host-1', 'up \u001b[31msince\nthen')
  await zk.create('/group/leaf', 'no session has it')
  await make(zk, '/queue/taken/entry-100-0000000001', 'a claim')
  const shares = await partition(zk, '/shards', ['s'], { name: 'member a' })
  await shares.settled()
  assert.equal(await says('members'), [
    '/group | 1 member', '  in | host-1 | S | T | up \u00b7[31msince\u00b7then',
    '/party | 1 member', '  in | kazoo 1 | S | T',
    '/shallow | 1 member', '  in | kazoo 2 | S | T',
    '/shards/members | 1 member, sharing a set', '  in | member a | S | T',
  ])
  await shares.close()
})

test('the search has a bound, and passes by what may not be read', async (t) => {
  const { says, notes, other } = await open(t)
  const zk = await other()
  await make(zk, `/a/secret/${HEX}__lock__0000000001`, 'hidden')
  await make(zk, `/a/open/${HEX}__lock__0000000001`, 'seen')
  await zk.addAuth('digest', 'bob:secret')
  await zk.setAcl('/a/secret', [{ scheme: 'auth', id: '', perms: 31 }])
  t.defer(() => zk.setAcl('/a/secret', [{ scheme: 'world', id: 'anyone', perms: 31 }]))
  assert.equal(await says('locks'), ['/a/open | lock: 1 holds, 0 wait', '  holds | seen | S | T'])
  assert.equal(notes.slice(1), ['1 node may not be read by this session'])
  assert.equal(await says('locks -n 2'), ['nobody holds or waits for a lock anywhere'])
  assert.match(notes.join(), /the search ended after 2 nodes/)
  assert.equal(await says('locks -n 0'), [])
  assert.equal(notes, ['-n takes how many nodes to search'])
})

test('the same as data', async (t) => {
  const { shell, printed, notes, other } = await open(t, { isJson: true })
  const zk = await other()
  const lock = await acquire(zk, '/lock', { name: 'me' })
  await make(zk, '/services/web/i-1', { name: 'web', id: 'i-1', address: '10.0.0.1', port: 80 })
  for (const name of ['locks', 'elections', 'services', 'members']) await shell.run(`${name} /`)
  const session = zk.session?.id
  const [locks, elections, services, members] = printed.map((line) => JSON.parse(line,
    (key, value: unknown) => (['at', 'sinceMs', 'forMs'].includes(key) ? typeof value : value)) as object)
  const common = { path: '/', at: 'number', clock: 'this machine', isLive: true, isWhole: true }
  const me = { name: 'me', node: lock.path.slice('/lock/'.length), session, sinceMs: 'number', forMs: 'number' }
  assert.equal(locks, { ...common, locks: [{ path: '/lock', kind: 'lock', holders: [me], waiting: [] }] })
  assert.equal(elections, { ...common, elections: [{ path: '/lock', layout: 'lock', leader: me, candidates: [] }] })
  assert.equal(services, {
    ...common, services: [{
      path: '/services/web', service: 'web', instances: [{
        name: 'web', id: 'i-1', address: '10.0.0.1', port: 80, sslPort: null, payload: null, registrationTimeUTC: 0,
        serviceType: 'DYNAMIC', uriSpec: null, enabled: true, session, sinceMs: 'number', forMs: 'number',
      }],
    }],
  })
  assert.equal(members, { ...common, members: [] })
  assert.equal(notes, [])
})

/** Resolves when what was printed ends so. */
async function ends(printed: readonly string[], ...wanted: readonly string[]): Promise<void> {
  for (;;) {
    const last = printed.slice(-wanted.length).map(plain)
    if (last.join('\n') === wanted.join('\n')) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('a picture that is watched is printed at every change', async (t) => {
  const { shell, printed, notes, other } = await open(t)
  const [a, b] = [await other(), await other()]
  const watching = shell.run('elections --watch /leader')
  await ends(printed, 'nobody stands for election at /leader or below it')
  const first = standFor(a, '/leader', { name: 'first' })
  await first.elected()
  await ends(printed, '/leader | first leads for T, 0 stand behind', '  leads | first | S | T')
  const second = standFor(b, '/leader', { name: 'second' })
  await ends(printed, '/leader | first leads for T, 1 stands behind', '  leads | first | S | T',
    '  1. | second | S | T')
  // Its session ends without a word.
  await a.close()
  await ends(printed, '/leader | second leads for T, 0 stand behind', '  leads | second | S | T')
  const [line] = await contenders(b, '/leader')
  await b.set(line?.path ?? '', 'renamed')
  await ends(printed, '/leader | renamed leads for T, 0 stand behind', '  leads | renamed | S | T')
  await second.close()
  await ends(printed, 'nobody stands for election at /leader or below it')
  for (const line of printed.filter((text) => text.startsWith('---'))) {
    assert.match(line, /^--- \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  }
  assert.ok(shell.interrupt())
  await watching
  assert.is(shell.exitCode, 130)
  assert.equal([notes.filter((note) => note.startsWith('there')), printed.filter((line) => line.includes('Watch'))],
    [['there is no node /leader'], []])
})

/** A terminal of four lines. */
class Output extends EventEmitter {
  rows = 4
  /** What was written, with ^ in place of ESC. */
  text = ''

  write(text: string): void {
    this.text += text.replaceAll('\x1b', '^')
  }
}

test('on a terminal it is drawn over again, and the terminal is as it was when it ends', async (t) => {
  const output = new Output()
  const { shell, printed, other } = await open(t, { screen: new Screen(output) })
  const zk = await other()
  for (const number of [1, 2, 3]) await make(zk, `/g/host-${number}`)
  const watching = shell.run('members -w /g')
  while (!output.text.includes('3 members')) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(output.text.startsWith('^[?1049h^[?7l^[H'), JSON.stringify(output.text))
  assert.match(output.text, /Ctrl-C ends it\)\^\[K\n\/g {2}3 members\^\[K\n… 6 more lines\^\[K\n\^\[J$/)
  output.text = ''
  output.rows = 0
  output.emit('resize')
  assert.match(output.text,
    /^\^\[H.*\^\[K\n\/g {2}3 members\^\[K\n.* host-1 .*\n.* host-2 .*\n.* host-3 .*\n\^\[K\n[^]*\^\[J$/)
  output.text = ''
  shell.interrupt()
  await watching
  assert.match(output.text, /^\^\[\?7h\^\[\?1049l.*\n\/g {2}3 members\n.* host-1 .*\n.*\n.* host-3 .*\n\n[^^]*$/)
  // Its watches are taken back by the time at which the next request of that session is answered.
  await shell.run('sync /g')
  printed.length = 0
  output.text = ''
  await zk.delete('/g/host-1')
  output.emit('resize')
  assert.equal([output.text, output.listenerCount('resize'), printed], ['', 0, []])
})

test('spans and texts in words', () => {
  assert.equal([0, 999, 59_999, 60_000, 3_599_999, 3_600_000, 90_061_000, -5].map(formatSpan),
    ['0 s', '0 s', '59 s', '1 min 0 s', '59 min 59 s', '1 h 0 min', '1 d 1 h', '0 s'])
  assert.equal(printable('a\u0000b\u202ec\u2028d\te'), 'a\u00b7b\u00b7c\u00b7d\u00b7e')
  assert.equal(printable('x'.repeat(100), 5), 'xxxx\u2026')
})

test('those who wait for an item of a queue hold nothing, and stand for no election', async (t) => {
  const { says, other } = await open(t)
  const [one, two] = [await other(), await other()]
  const abort = new AbortController()
  const waiting = [one, two].map((zk, at) =>
    rejects(queueAt(zk, '/mails', { name: `worker ${at}` }).take({ signal: abort.signal }), 'Aborted'))
  await inLine(one, '/mails/takers', 2)
  const lines = await says('locks /mails')
  assert.equal(lines.map((line) => line.replace(/\d$/, 'N').replace(/worker \d/, 'worker')), [
    '/mails | queue: 2 wait for an item', '  1. | worker | S | T', '  2. | worker | S | T',
  ])
  assert.equal(await says('elections /mails'), ['nobody stands for election at /mails or below it'])
  abort.abort()
  await Promise.all(waiting)
})

test('a node that went while it was read is not seen any more', async (t) => {
  const at = await place(t)
  const [zk, other] = [await at.connect(), await at.connect()]
  await other.create('/locks')
  const gate: { open: () => void } = { open: () => undefined }
  const opened = new Promise<void>((resolve) => { gate.open = resolve })
  let onRead: () => void = () => undefined
  const read = new Promise<void>((resolve) => { onRead = resolve })
  // The answer is there before the event that follows it, and looked at after it.
  const slow = new Proxy(zk, {
    get: (client, name) => {
      const value: unknown = Reflect.get(client, name, client)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        const result = (value as (...all: unknown[]) => unknown).apply(client, given)
        if (name !== 'get' || given[0] !== '/locks/n1') return result
        return Promise.resolve(result).then(async (node) => {
          onRead()
          await opened
          return node
        })
      }
    },
  })
  const sight = new Sight(slow, {
    roots: ['/locks'], wants: () => true, keeps: ({ name }) => name !== 'locks', isLeaf: () => false,
  }, { limit: 10, signal: t.signal, onProgress: () => undefined })
  const changes: string[][] = []
  let onChange: () => void = () => undefined
  const following = rejects(sight.follow(() => {
    changes.push(sight.all.map(({ name }) => name))
    onChange()
  }))
  while (changes.length === 0) await other.sync()
  await other.create('/locks/n1')
  await read
  const told = new Promise<void>((resolve) => { onChange = resolve })
  let onGone: () => void = () => undefined
  const gone = new Promise<void>((resolve) => { onGone = resolve })
  assert.ok(await zk.exists('/locks/n1', { watch: () => onGone() }))
  await other.delete('/locks/n1')
  await gone
  gate.open()
  await told
  await other.create('/locks/n2')
  while (changes.at(-1)?.includes('n2') !== true) await other.sync()
  assert.equal(changes.at(-1), ['n2'])
  await zk.close()
  await following
})

test.run()
