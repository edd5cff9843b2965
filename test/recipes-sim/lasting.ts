/** Programs that outlive their sessions, as those do that are built on `sessionsFrom`. */
import type { Client } from '../../lib/client/client.ts'
import { isZkError } from '../../lib/core/errors.ts'
import { sessionsFrom } from '../../lib/recipes/index.ts'
import type { Sessions } from '../../lib/recipes/index.ts'
import type { World } from '../../lib/testing/index.ts'
import { Violation } from '../../lib/testing/index.ts'
import { live } from './actors.ts'
import type { Curtain } from './actors.ts'

/** One life of a program, from its start to its end or its death. */
export interface Life {
  /** One session after the other, or one. */
  readonly source: Client | Sessions
  /** The present session. */
  readonly zk: Client
  /** Resolves when the program is killed. */
  readonly killed: Promise<void>
}

/** How programs live. */
export interface LastingOptions {
  readonly curtain: Curtain
  /** Hands every session on, or another in its place. */
  readonly open?: (zk: Client) => Client
}

/**
 * Works again and again until the curtain is down, with one session after the other, until it is killed; then another
 * program takes its place. What the ensemble refuses is tried again; any other error is the scenario's.
 */
export async function lasting(
  world: World, { curtain, open = same }: LastingOptions, work: (life: Life) => Promise<void>,
): Promise<void> {
  while (!curtain.isDown) {
    let die: () => void = ignore
    const killed = new Promise<void>((resolve) => { die = resolve })
    const living = sessionsOf(world, open, die).then(async (sessions) => {
      const life: Life = { source: sessions, killed, get zk() { return sessions.client } }
      while (!curtain.isDown) {
        try {
          await work(life)
        } catch (error) {
          if (!isZkError(error)) throw error
          await world.sleep(sessions.client, 50 + world.random.below(100))
        }
      }
      await sessions.close()
    })
    await Promise.race([killed, living])
  }
}

/** The same with one session at a time: what is built on it ends with it. */
export function passing(
  world: World, { curtain, open = same }: LastingOptions, work: (life: Life) => Promise<void>,
): Promise<void> {
  const inside = world.random.below(4) === 0 ? { inside: 1 + world.random.below(3) } : {}
  return live(world, { curtain, ...inside, onConnected: (zk) => void open(zk) },
    (zk) => work({ source: zk, zk, killed: world.killed(zk) }))
}

async function sessionsOf(world: World, open: (zk: Client) => Client, die: () => void): Promise<Sessions> {
  for (;;) {
    try {
      return await sessionsFrom(async () => {
        const zk = await world.connect({ sessionTimeoutMs: 2_000 + world.random.below(4_000) })
        void world.killed(zk).then(die)
        return open(zk)
      })
    } catch (error) {
      if (error instanceof Violation) throw error
      await world.advance(100)
    }
  }
}

/** A client that keeps it to itself that nodes have changed: `hears` says of what it tells. For mutants. */
export function deafen(zk: Client, hears: (type: string) => boolean): Client {
  const watch = zk.watch.bind(zk)
  zk.watch = (path, options) => watch(path, {
    ...options, onItem: (item) => { if (hears(item.type)) options?.onItem?.(item) },
  })
  return zk
}

function same(zk: Client): Client {
  return zk
}

function ignore(): void {
  // Nobody waits for it yet.
}
