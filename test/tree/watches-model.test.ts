import { makeRandom } from '../../lib/core/random.ts'
import type { MultiOp, Outcome, Request } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { assert, suite } from '../harness.ts'
import { anonymous, create, ephemeral, remove, set, World } from './world.ts'

const test = suite('watches against a model')

type Kind = 'data' | 'child' | 'persistent' | 'recursive'

/** Registrations as a flat list, looked through for every change. */
class WatchModel {
  entries: { readonly conn: number, readonly path: string, readonly kind: Kind }[] = []

  add(conn: number, path: string, kind: Kind): void {
    if (!this.has(conn, path, [kind])) this.entries.push({ conn, path, kind })
  }

  has(conn: number, path: string, kinds: readonly Kind[]): boolean {
    return this.entries.some((one) => one.conn === conn && one.path === path && kinds.includes(one.kind))
  }

  drop(conn: number, path: string, kinds: readonly Kind[]): boolean {
    const before = this.entries.length
    this.entries = this.entries.filter((one) => one.conn !== conn || one.path !== path || !kinds.includes(one.kind))
    return this.entries.length < before
  }

  /** Who is told by a lookup of `path` in one table; one-shot entries of it are spent. */
  #hit(path: string, table: 'data' | 'child'): number[] {
    const told = this.entries.filter((one) => one.path === path
      ? one.kind === table || one.kind === 'persistent' || (table === 'data' && one.kind === 'recursive')
      : table === 'data' && one.kind === 'recursive' && `${path}/`.startsWith(one.path === '/' ? '/' : `${one.path}/`))
    this.entries = this.entries.filter((one) => one.path !== path || one.kind !== table)
    return [...new Set(told.map(({ conn }) => conn))].sort((a, b) => a - b)
  }

  /** The events of one change: per lookup the connections in rising order. */
  events(change: 'create' | 'delete' | 'set', path: string): string[] {
    const above = path.slice(0, path.lastIndexOf('/')) || '/'
    const data = this.#hit(path, 'data')
    if (change === 'set') return data.map((conn) => `${conn} data ${path}`)
    const children = (): string[] => this.#hit(above, 'child').map((conn) => `${conn} children ${above}`)
    if (change === 'create') return [...data.map((conn) => `${conn} created ${path}`), ...children()]
    const more = this.#hit(path, 'child').filter((conn) => !data.includes(conn))
    return [...[...data, ...more].map((conn) => `${conn} deleted ${path}`), ...children()]
  }
}

const REMOVED: Record<number, readonly Kind[]> = {
  1: ['child'], 2: ['data'], 3: ['data', 'child', 'persistent', 'recursive'], 4: ['persistent'], 5: ['recursive'],
}

/** The order of connections inside one lookup is nobody's promise: each run of one type and path is sorted. */
function settled(events: readonly string[]): string[] {
  const runs: { what: string, conns: number[] }[] = []
  for (const event of events) {
    const [conn, ...rest] = event.split(' ')
    const what = rest.join(' ')
    if (runs.at(-1)?.what !== what) runs.push({ what, conns: [] })
    runs.at(-1)!.conns.push(Number(conn))
  }
  return runs.flatMap(({ what, conns }) => conns.sort((a, b) => a - b).map((conn) => `${conn} ${what}`))
}

const NAMES = ['a', 'b', 'c']
const CONNECTIONS = 4

function run(seed: number, count: number): number {
  const random = makeRandom(seed)
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!
  const zk = new World()
  const model = new WatchModel()
  let session: SessionId = zk.open()
  let total = 0
  const path = (): string => {
    let text = ''
    for (let depth = random.below(4); depth > 0; depth--) text += `/${pick(NAMES)}`
    return text === '' ? '/' : text
  }
  const change = (op: MultiOp): string[] => op.op === 13 ? []
    : model.events(op.op === 2 ? 'delete' : op.op === 5 ? 'set' : 'create', op.path)
  const write = (): string[] => {
    const operation = (): MultiOp => pick([create, ephemeral, remove, remove, set])(path())
    const ops = random.below(5) === 0 ? [operation(), operation(), operation()] : [operation()]
    const { result }: Outcome = zk.write({ op: 14, ops }, anonymous(session))
    const isDone = result?.op === 14 && result.results.every((one) => one.op !== -1)
    return isDone ? ops.flatMap(change) : []
  }
  const ask = (request: Request, conn: number): string => zk.read(request, conn).code
  const turn = (): string[] => {
    const [conn, at] = [1 + random.below(CONNECTIONS), path()]
    const type = 1 + random.below(5)
    switch (random.below(14)) {
      case 0: {
        ask({ op: 3, path: at, watch: true }, conn)
        model.add(conn, at, 'data')
        return []
      }
      case 1: if (ask({ op: 4, path: at, watch: true }, conn) === 'Ok') model.add(conn, at, 'data'); return []
      case 2: if (ask({ op: 8, path: at, watch: true }, conn) === 'Ok') model.add(conn, at, 'child'); return []
      case 3: case 4: {
        const mode = random.below(2)
        ask({ op: 106, path: at, mode }, conn)
        model.add(conn, at, mode === 0 ? 'persistent' : 'recursive')
        return []
      }
      case 5: {
        assert.is(ask({ op: 17, path: at, type }, conn), model.has(conn, at, REMOVED[type]!) ? 'Ok' : 'NoWatcher')
        assert.is(ask({ op: 18, path: at, type }, conn), model.drop(conn, at, REMOVED[type]!) ? 'Ok' : 'NoWatcher')
        return []
      }
      case 6: {
        if (random.below(6) === 0) {
          zk.watches.removeConnection(conn)
          model.entries = model.entries.filter((one) => one.conn !== conn)
        }
        if (random.below(6) > 0) return []
        const closed = zk.proposeClose(session)
        zk.applyAll()
        session = zk.open()
        return closed.flatMap((one) => model.events('delete', one))
      }
      default: return write()
    }
  }
  for (let step = 0; step < count; step++) {
    const expected = turn()
    const seen = zk.seen()
    assert.equal(settled(seen), settled(expected), `seed ${seed} step ${step}`)
    assert.is(zk.watches.idle, model.entries.length === 0)
    assert.is(zk.watches.counts.connections, new Set(model.entries.map(({ conn }) => conn)).size)
    assert.is(zk.watches.counts.paths, new Set(model.entries.map((one) => one.path)).size)
    total += seen.length
  }
  return total
}

test('random watches and changes: the same events in the same order', () => {
  let total = 0
  for (const seed of [1, 2, 3, 4]) total += run(seed, 4_000)
  assert.ok(total > 5_000, `${total} events`)
})

test.run()
