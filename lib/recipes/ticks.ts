import type { Client } from '../client/client.ts'
import type { NodeData } from '../client/values.ts'
import { changeSurely } from './surely.ts'

/** The last tick that somebody claimed, as its node says; -1 when there is none or it says nothing. */
function tickOf(node: NodeData | null): number {
  if (node === null) return -1
  try {
    const { tick } = node.json() as { readonly tick?: unknown }
    return typeof tick === 'number' ? tick : -1
  } catch {
    return -1
  }
}

/** Claims a tick: true for exactly one of all who claim it, and for nobody who comes with an older one. */
export async function claimTick(
  zk: Client, path: string, tickMs: number, name: string, signal?: AbortSignal,
): Promise<boolean> {
  let isMine = false
  await changeSurely(zk, {
    path, isNewest: false, signal,
    decide: (node) => {
      isMine = tickOf(node) < tickMs
      return isMine ? { tick: tickMs, by: name } : undefined
    },
  })
  return isMine
}

/** Begins to count at a tick, unless that was done before. */
export async function beginAt(zk: Client, path: string, tickMs: number, signal?: AbortSignal): Promise<void> {
  await changeSurely(zk, {
    path, isNewest: false, signal, decide: (node) => (node === null ? { tick: tickMs, by: '' } : undefined),
  })
}
