/** Known faults of lock recipes, put into the client that a recipe is given: the scenarios must find each of them. */
import type { Client } from '../../lib/client/client.ts'
import { Moment } from '../../lib/client/moment.ts'
import type { Multi } from '../../lib/client/multi.ts'
import { isZkError } from '../../lib/core/errors.ts'

/** What is wrong with it. */
export const MUTANTS = ['no deadline', 'unguarded write', 'deletes another on retry', 'creates again on retry'] as const

/** A fault of recipes that change the tree in one write: queue, latch, barrier. */
export const COMMITS_AGAIN = 'commits again on retry'

/** One of them. */
export type Mutant = (typeof MUTANTS)[number]

type Overrides = Partial<Record<string, unknown>>

/** The client as the recipe is to see it. */
export function mutated(zk: Client, mutant: string | undefined): Client {
  switch (mutant) {
    case undefined: return zk
    case 'no deadline': return overridden(zk, { touchedBefore: () => new EternalMoment(0, 0) })
    case 'unguarded write': return overridden(zk, { multi: () => uncheckedMulti(zk.multi()) })
    case 'deletes another on retry': return deletesAnother(zk)
    case 'creates again on retry': return createsAgain(zk)
    case COMMITS_AGAIN: return commitsAgain(zk)
    default: throw new Error(`no such mutant: ${mutant}`)
  }
}

/** Whatever was proved then is taken for true for ever. */
class EternalMoment extends Moment {
  override elapsedMs(): number {
    return 0
  }
}

/** Checks, but of a node that is always there. */
function uncheckedMulti(multi: Multi): Multi {
  const check = multi.check.bind(multi)
  multi.check = (() => check('/')) as unknown as typeof multi.check
  return multi
}

/** A delete whose answer was lost is tried again on the first in line, whoever that is. */
function deletesAnother(zk: Client): Client {
  const lost = new Set<string>()
  return overridden(zk, {
    delete: async (path: string) => {
      const dir = path.slice(0, path.lastIndexOf('/'))
      const names = lost.has(path) ? await zk.children(dir) : []
      const first = names.toSorted((a, b) => (a.slice(-10) < b.slice(-10) ? -1 : 1))[0]
      try {
        await zk.delete(first === undefined ? path : `${dir}/${first}`)
      } catch (error) {
        if (isZkError(error, 'ConnectionLoss')) lost.add(path)
        throw error
      }
    },
  })
}

/** A create whose answer was lost is not looked for. */
function createsAgain(zk: Client): Client {
  let isLost = false
  let isBlind = false
  return overridden(zk, {
    createWithStat: async (...given: Parameters<Client['createWithStat']>) => {
      try {
        isBlind = false
        return await zk.createWithStat(...given)
      } catch (error) {
        isLost = isZkError(error) && error.mayHaveHappened
        throw error
      }
    },
    sync: (...given: Parameters<Client['sync']>) => {
      isBlind = isLost
      isLost = false
      return zk.sync(...given)
    },
    children: async (...given: Parameters<Client['children']>) => {
      const names = await zk.children(...given)
      return isBlind ? [] : names
    },
  })
}

/** A commit whose answer was lost is not looked for: its witness, a name of 32 hex digits, goes unseen. */
function commitsAgain(zk: Client): Client {
  return overridden(zk, {
    exists: async (path: string, ...rest: []) => {
      const stat = await zk.exists(path, ...rest)
      if (stat === null || !/\/[0-9a-f]{32}$/.test(path)) return stat
      await zk.delete(path)
      return null
    },
  })
}

/** Everything else goes to the client itself. */
function overridden(zk: Client, overrides: Overrides): Client {
  return new Proxy(zk, {
    get: (target, name) => {
      if (typeof name === 'string' && name in overrides) return overrides[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as (...given: unknown[]) => unknown).bind(target) : value
    },
  })
}
