/** Clients of another program and of this package contend for the same lock, election, read-write lock and so on. */
import { strict as assert } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '../../../lib/node.ts'
import { acquire, acquireLease, acquireRead, acquireWrite, counterAt, lead } from '../../../lib/recipes/index.ts'
import type { AcquireOptions } from '../../../lib/recipes/index.ts'
import type { Scene } from './scene.ts'
import type { Script } from './script.ts'

/** On each side. */
const CLIENTS = 3
const ROUNDS = 15
/** Of both sides, for each kind that counts. */
export const ALL_ROUNDS: number = 2 * CLIENTS * ROUNDS
/** Changes of sides, of the hundred that a fair line makes: both were there at the same time. */
const LEAST_SWITCHES = 10
const WORK_MS = 2
/** LeaderLatch has a layout of its own. */
const LATCH = { layout: 'curator-latch' } as const

/** What is contended for. */
export type Kind = 'lock' | 'election' | 'latch' | 'writer' | 'reader' | 'counter' | 'lease'

/** The other program. */
export interface Side {
  readonly layout: NonNullable<AcquireOptions['layout']>
  /** Starts it, to be told of the servers and of these words. */
  start(scene: Scene, ...words: readonly string[]): Promise<Script>
}

/** One more in the node, read and written without a version: only whoever is alone may do that. */
async function add(zk: Client, path: string, seen: { switches: number }): Promise<string> {
  const [count, who] = (await zk.get(path)).text().split(' ')
  await pause(WORK_MS)
  const value = `${Number(count) + 1} ours`
  await zk.set(path, value)
  if (who !== 'ours') seen.switches += 1
  return value
}

/** Both nodes are equal whenever nobody writes. */
async function write(zk: Client, path: string, seen: { switches: number }): Promise<void> {
  const value = await add(zk, `${path}-sum`, seen)
  await zk.set(`${path}-a`, value)
  await pause(WORK_MS)
  await zk.set(`${path}-b`, value)
}

async function read(zk: Client, path: string): Promise<void> {
  const first = (await zk.get(`${path}-a`)).text()
  await pause(WORK_MS)
  assert.equal((await zk.get(`${path}-b`)).text(), first)
}

/** At most one other may be inside. */
async function leased(zk: Client, path: string): Promise<void> {
  const lease = await acquireLease(zk, path, { leases: 2 })
  try {
    const own = await lease.guard.create(`${path}-inside/ours-`, '', { ephemeral: true, sequential: true })
    await zk.sync(own)
    assert.ok((await zk.children(`${path}-inside`)).length <= 2)
    await pause(WORK_MS)
    await zk.delete(own)
  } finally {
    await lease.release()
  }
}

async function round(
  zk: Client, kind: Kind, path: string, layout: Side['layout'], seen: { switches: number },
): Promise<void> {
  if (kind === 'counter') return void await counterAt(zk, path).add()
  if (kind === 'lease') return leased(zk, path)
  if (kind === 'latch') return lead(zk, path, async () => void await add(zk, `${path}-sum`, seen), LATCH)
  if (kind === 'election') return lead(zk, path, async () => void await add(zk, `${path}-sum`, seen), { layout })
  const take = kind === 'lock' ? acquire : kind === 'reader' ? acquireRead : acquireWrite
  const lock = await take(zk, path, { layout })
  try {
    if (kind === 'lock') await add(zk, `${path}-sum`, seen)
    else if (kind === 'writer') await write(zk, path, seen)
    else await read(zk, path)
  } finally {
    await lock.release()
  }
}

/**
 * Both sides, each with clients of every kind named; gives how often the sides changed. `begun`: the other side has;
 * ours begins then.
 */
export async function contend(
  scene: Scene, side: Side, path: string, kinds: readonly Kind[], begun?: Promise<unknown>,
): Promise<number> {
  const seen = { switches: 0 }
  const scripts = await Promise.all(
    kinds.map((kind) => side.start(scene, kind, path, String(CLIENTS), String(ROUNDS))))
  const clients = await Promise.all(kinds.flatMap((kind) =>
    Array.from({ length: CLIENTS }, async () => ({ kind, zk: await scene.connect() }))))
  for (const script of scripts) assert.equal(await script.says(), 'ready')
  for (const script of scripts) script.tell('go')
  await begun
  await Promise.all(clients.map(async ({ kind, zk }) => {
    for (let n = 0; n < ROUNDS; n++) await round(zk, kind, path, side.layout, seen)
  }))
  let switches = seen.switches
  for (const script of scripts) {
    const line = await script.says()
    const done = JSON.parse(line.slice('done '.length)) as { problems: string[], switches: number }
    assert.deepEqual(done.problems, [])
    switches += done.switches
  }
  return switches
}

/** What the counting came to. */
export async function sumOf(scene: Scene, path: string): Promise<number> {
  const zk = await scene.connect()
  await zk.sync(path)
  return Number((await zk.get(path)).text().split(' ')[0])
}

/** The node that all count in has exactly as many as there were rounds. */
export async function exact(scene: Scene, side: Side, path: string, kinds: readonly Kind[]): Promise<string> {
  const zk = await scene.connect()
  for (const suffix of ['-sum', '-a', '-b']) await zk.create(`${path}${suffix}`, '0 nobody', { parents: true })
  // Ours would be done before a program has come to itself that was just started on a busy machine.
  const begun = zk.once(`${path}-sum`)
  begun.catch((error: unknown) => void error)
  await zk.sync(path)
  const switches = await contend(scene, side, path, kinds, begun)
  assert.equal(await sumOf(scene, `${path}-sum`), ALL_ROUNDS)
  assert.ok(switches >= LEAST_SWITCHES, `the sides changed ${switches} times`)
  return `${ALL_ROUNDS} rounds, the sides changed ${switches} times`
}
