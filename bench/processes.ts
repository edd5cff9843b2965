import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../test/ports.ts'

/** Three peers of one ensemble, each in a process of its own, durable on LevelDB, over TCP on loopback. */
export interface Three {
  readonly children: readonly ChildProcess[]
  stop(): Promise<void>
}

/** What a peer process is told; see peer-process.ts. */
export type Command =
  | { readonly kind: 'load', readonly seconds: number, readonly depth: number }
  | { readonly kind: 'beat' }
  | { readonly kind: 'killed' }
  | { readonly kind: 'role' }

/** What it answers. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loaded', readonly perSecond: number }
  | { readonly kind: 'gap', readonly gapMs: number }
  | { readonly kind: 'role', readonly leads: boolean }

function answer<K extends Answer['kind']>(child: ChildProcess, kind: K): Promise<Extract<Answer, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: Answer): void => {
      if (message.kind !== kind) return
      child.off('message', onMessage)
      child.off('exit', onExit)
      resolve(message as Extract<Answer, { kind: K }>)
    }
    const onExit = (): void => reject(new Error(`a peer process ended before it answered ${kind}`))
    child.on('message', onMessage)
    child.once('exit', onExit)
  })
}

/** Starts them and waits until all serve. */
export async function startThree(folder: string): Promise<Three> {
  const ports = await freePorts(3)
  const script = fileURLToPath(new URL('peer-process.js', import.meta.url))
  const children = [1, 2, 3].map((id) =>
    fork(script, [String(id), join(folder, String(id)), ...ports.map(String)], { execArgv: [] }))
  await Promise.all(children.map((child) => answer(child, 'ready')))
  return {
    children,
    stop: async () => {
      const running = children.filter((child) => child.exitCode === null && child.signalCode === null)
      await Promise.all(running.map((child) => {
        child.kill('SIGKILL')
        return once(child, 'exit')
      }))
    },
  }
}

/** Sets per second of all three together, each with one pipelining session of its own. */
export async function writeOnThree(three: Three, seconds: number): Promise<number> {
  const load = async (forSeconds: number): Promise<number> => {
    const loaded = three.children.map((child) => answer(child, 'loaded'))
    const command: Command = { kind: 'load', seconds: forSeconds, depth: 1_000 }
    for (const child of three.children) child.send(command)
    return (await Promise.all(loaded)).reduce((sum, { perSecond }) => sum + perSecond, 0)
  }
  await load(1)
  return load(seconds)
}

/** Kills the leader with SIGKILL while a follower writes in a loop: the longest time without an acknowledged write. */
export async function failover(folder: string): Promise<number> {
  const three = await startThree(folder)
  try {
    const roles = await Promise.all(three.children.map((child) => {
      const role = answer(child, 'role')
      child.send({ kind: 'role' } satisfies Command)
      return role
    }))
    const leader = three.children[roles.findIndex(({ leads }) => leads)]!
    const follower = three.children.find((child) => child !== leader)!
    const gap = answer(follower, 'gap')
    follower.send({ kind: 'beat' } satisfies Command)
    await new Promise((resolve) => setTimeout(resolve, 500))
    follower.send({ kind: 'killed' } satisfies Command)
    leader.kill('SIGKILL')
    return (await gap).gapMs
  } finally {
    await three.stop()
  }
}
