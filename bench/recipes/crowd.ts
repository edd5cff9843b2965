import { connect } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { acquire } from '../../lib/recipes/index.ts'
import type { Lock } from '../../lib/recipes/index.ts'
import { show } from './sample.ts'

const WAITERS = 100
/** Each waits so often. */
const SESSIONS = 10
const LOCK = '/bench/crowd'

/** Whose watches fired, and for the node of whom. */
class Watches {
  /** By the node's path: the session that stood there. */
  readonly #owners = new Map<string, Client>()
  readonly #heard: { readonly path: string, readonly by: Client }[] = []

  hear(zk: Client): void {
    zk.on('event', ({ path }) => void this.#heard.push({ path, by: zk }))
  }

  own(lock: Lock, zk: Client): void {
    this.#owners.set(lock.path, zk)
  }

  /** Sessions that were told that another one had let go, and those told of their own. */
  get counts(): { readonly others: number, readonly own: number } {
    const own = this.#heard.filter(({ path, by }) => this.#owners.get(path) === by).length
    return { others: this.#heard.length - own, own }
  }
}

/** Resolves when so many stand in line. */
async function inLine(zk: Client, count: number): Promise<void> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      zk.children(LOCK, { watch: () => resolve() }).catch(() => resolve())
    })
    if ((await zk.children(LOCK)).length >= count) return
    await changed
  }
}

/** All wait, neighbours in line by different sessions; then one after the other gets the lock and lets go at once. */
async function drain(first: Client, waiting: readonly Client[], watches: Watches): Promise<number[]> {
  const millis: number[] = []
  const lock = await acquire(first, LOCK)
  watches.own(lock, first)
  let releasedMs = 0
  const take = async (zk: Client): Promise<void> => {
    const mine = await acquire(zk, LOCK)
    millis.push(performance.now() - releasedMs)
    watches.own(mine, zk)
    releasedMs = performance.now()
    await mine.release()
  }
  const all: Promise<void>[] = []
  while (all.length < WAITERS) {
    all.push(take(waiting[all.length % waiting.length]!))
    await inLine(first, all.length + 1)
  }
  releasedMs = performance.now()
  await lock.release()
  await Promise.all(all)
  return millis
}

/** From the release of a lock for which a hundred wait until the next one has it, and who is woken by it. */
export async function handOver(address: string, program: string, rounds: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: SESSIONS + 1 }, () => connect(address)))
  const [first, ...waiting] = clients
  try {
    const watches = new Watches()
    for (const zk of waiting) watches.hear(zk)
    const millis: number[] = []
    for (let round = 0; round < rounds; round++) millis.push(...await drain(first!, waiting, watches))
    await Promise.all(waiting.map((zk) => zk.sync()))
    const { others, own } = watches.counts
    show({
      name: `hand-over, ${WAITERS} wait`, program, millis,
      more: { 'waiters woken per release': others / millis.length, 'told of its own per release': own / millis.length },
    })
  } finally {
    await Promise.all(clients.map((zk) => zk.close()))
  }
}
