import { Perm } from '../../core/tree/request.ts'
import type { Identity, OpResult, Outcome, Request } from '../../core/tree/request.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import type { Zxid } from '../../core/zxid.ts'
import { allows, sameAcl, shownAcl } from './access.ts'
import type { PathStates } from './path-states.ts'
import { sameBytes, sameStat, statOf } from './reference.ts'

/** True when both answers say the same. */
export function sameOutcome(a: Outcome, b: Outcome): boolean {
  if (a.code !== b.code) return false
  return a.result === null || b.result === null ? a.result === b.result : sameResult(a.result, b.result)
}

function sameResult(a: OpResult, b: OpResult): boolean {
  if (a.op !== b.op) return false
  if ('code' in a || 'code' in b) return 'code' in a && 'code' in b && a.code === b.code
  if ('results' in a && 'results' in b) {
    return a.results.length === b.results.length && a.results.every((one, at) => sameResult(one, b.results[at]!))
  }
  if ('path' in a && (!('path' in b) || a.path !== b.path)) return false
  return !('stat' in a) || ('stat' in b && sameStat(a.stat, b.stat))
}

/** C3: what is wrong with the answer to a read of these that was made at `zxid`; null when nothing is. */
export function wrongRead(
  states: PathStates, request: Request, zxid: Zxid, outcome: Outcome, session: SessionId,
  identities: readonly Identity[] = [],
): string | null {
  switch (request.op) {
    case 3: case 4: case 6: case 8: case 12: return wrongNode(states, request, zxid, outcome, identities)
    case 22: {
      if (outcome.code !== 'Ok') return `multiRead came to ${outcome.code}`
      const { results } = outcome.result as Extract<OpResult, { readonly results: unknown }>
      const wrong = request.ops.map((op, at) => {
        const result = results[at]!
        const one: Outcome = result.op === -1 ? { code: result.code as 'NoNode', result: null } : { code: 'Ok', result }
        return wrongNode(states, op, zxid, one, identities)
      })
      return wrong.find((text) => text !== null) ?? null
    }
    case 103: {
      if (outcome.code !== 'Ok') return `getEphemerals came to ${outcome.code}`
      const { paths } = outcome.result as Extract<OpResult, { op: 103 }>
      const alien = paths.find((path) => states.at(path, zxid)?.owner !== session)
      return alien === undefined ? null : `${alien} is not owned by ${session}`
    }
    default: return null
  }
}

function wrongNode(
  states: PathStates, { op, path }: { readonly op: number, readonly path: string }, zxid: Zxid, outcome: Outcome,
  identities: readonly Identity[],
): string | null {
  const node = states.at(path, zxid)
  if (node === null) return outcome.code === 'NoNode' ? null : `${path} is not there, the answer was ${outcome.code}`
  const isHidden = !allows(node.acl, op === 6 ? Perm.read | Perm.admin : Perm.read, identities)
  if (isHidden) return outcome.code === 'NoAuth' ? null : `${path} may not be read, the answer was ${outcome.code}`
  if (outcome.code !== 'Ok') return `${path} is there, the answer was ${outcome.code}`
  const { result } = outcome
  if ('stat' in result && !sameStat(result.stat, statOf(node))) {
    return `${path} is ${JSON.stringify(statOf(node))}, the answer was ${JSON.stringify(result.stat)}`
  }
  if ('data' in result && !sameBytes(result.data, node.data)) return `${path} has other data`
  if ('acl' in result && !sameAcl(result.acl, shownAcl(node.acl, identities))) return `${path} has another list`
  return 'children' in result ? wrongChildren(states, path, zxid, result.children, node.children) : null
}

/** As many as there are, each of them there, none twice: these are the children. */
function wrongChildren(
  states: PathStates, path: string, zxid: Zxid, names: readonly string[], count: number,
): string | null {
  if (names.length !== count || new Set(names).size !== count) {
    return `${path} has ${count} children, not ${names.join()}`
  }
  const prefix = path === '/' ? '/' : `${path}/`
  const absent = names.find((name) => states.at(prefix + name, zxid) === null)
  return absent === undefined ? null : `${path} has no child ${absent}`
}
