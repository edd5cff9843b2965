import { isZkError } from '../core/errors.ts'
import { childOf, parentOf } from '../core/tree/path.ts'
import type { CreateRequest, Request } from '../core/tree/request.ts'
import { pickNames, pickNothing } from './outcomes.ts'
import type { Pick } from './call-queue.ts'
import type { Session } from './session.ts'

/** Others may delete what is made, or add to what is deleted: after so many rounds the last error stands. */
const ROUNDS = 64
const READS_IN_FLIGHT = 256

/** One request as a promise. */
export type Ask = <T>(request: Request, pick: Pick) => Promise<T>

/** A way to ask the session with one signal for all requests. */
export function asking(session: Session, signal: AbortSignal | undefined): Ask {
  return <T>(request: Request, pick: Pick) => new Promise<T>((resolve, reject) => {
    session.submit<T>(request, pick as never, signal, resolve, reject)
  })
}

/** Creates a node, and before it the parents that are missing. Those who race to do the same do no harm. */
export async function createWithParents<T>(
  ask: Ask, request: CreateRequest, parents: 'persistent' | 'container', pick: Pick,
): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      return await ask<T>(request, pick)
    } catch (error) {
      if (!isZkError(error, 'NoNode') || round === ROUNDS || parentOf(request.path) === '/') throw error
    }
    await makeNode(ask, parentOf(request.path), request, parents)
  }
}

async function makeNode(
  ask: Ask, path: string, like: CreateRequest, parents: 'persistent' | 'container',
): Promise<void> {
  const isContainer = parents === 'container'
  const request: CreateRequest = {
    op: isContainer ? 19 : 1, path, data: null, acl: like.acl, flags: isContainer ? 4 : 0, ttlMs: -1,
  }
  try {
    await createWithParents(ask, request, parents, pickNothing)
  } catch (error) {
    if (!isZkError(error, 'NodeExists')) throw error
  }
}

/** Deletes a node and all below it, children first. Not atomic: others see it shrink. */
export async function deleteSubtree(ask: Ask, path: string, version: number): Promise<void> {
  for (let round = 1; ; round++) {
    const below = await listSubtree(ask, path)
    await deleteAll(ask, below.toReversed())
    try {
      await ask({ op: 2, path, version }, pickNothing)
      return
    } catch (error) {
      if (!isZkError(error, 'NotEmpty') || round === ROUNDS) throw error
    }
  }
}

/** All paths below one, parents before their children. */
async function listSubtree(ask: Ask, root: string): Promise<string[]> {
  const found: string[] = []
  let level = [root]
  while (level.length > 0) {
    const next: string[] = []
    for (let at = 0; at < level.length; at += READS_IN_FLIGHT) {
      const paths = level.slice(at, at + READS_IN_FLIGHT)
      const lists = await Promise.all(paths.map((path) => childrenOf(ask, path)))
      for (const [index, names] of lists.entries()) {
        for (const name of names) next.push(childOf(paths[index] ?? root, name))
      }
    }
    for (const path of next) found.push(path)
    level = next
  }
  return found
}

async function childrenOf(ask: Ask, path: string): Promise<readonly string[]> {
  try {
    return await ask<string[]>({ op: 8, path, watch: false }, pickNames)
  } catch (error) {
    if (isZkError(error, 'NoNode')) return []
    throw error
  }
}

/** Whatever is gone already is fine, and whatever has got new children is left to the next round. */
async function deleteAll(ask: Ask, paths: readonly string[]): Promise<void> {
  for (let at = 0; at < paths.length; at += READS_IN_FLIGHT) {
    await Promise.all(paths.slice(at, at + READS_IN_FLIGHT).map(async (path) => {
      try {
        await ask({ op: 2, path, version: -1 }, pickNothing)
      } catch (error) {
        if (!isZkError(error, 'NoNode') && !isZkError(error, 'NotEmpty')) throw error
      }
    }))
  }
}
