import type { Missing } from './reads.ts'
import type { Outcome, OpResult, Request, WatchableRead } from './request.ts'
import type { SessionId } from './stat.ts'
import type { Tree } from './tree.ts'
import type { Znode } from './znode.ts'

/** What an answer takes besides what is said below: some objects, among them a Stat. */
export const ANSWER_BYTES = 256
/** A name besides its text: its head, and its place in the list. */
const NAME_BYTES = 24
/** One with its text, where that is not looked at. */
const NAMED_BYTES = 40
/** An entry of an access-control list likewise. */
const ENTRY_BYTES = 64
/** Counting a node takes about as long as so much of an answer. */
const COUNTED_BYTES = 8
/** A watch that is armed again: a look-up, and an event if it fires at once instead. */
const REARMED_BYTES = 128

/** About the bytes that an answer keeps alive besides ANSWER_BYTES; data is the tree's own. */
export function outcomeBytes(outcome: Outcome): number {
  if (outcome.code !== 'Ok') return 0
  const { result } = outcome
  switch (result.op) {
    case 8: case 12: return namesBytes(result.children)
    case 103: return namesBytes(result.paths)
    case 6: return result.acl.reduce((sum, { scheme, id }) => sum + ENTRY_BYTES + scheme.length + id.length, 0)
    case 22: return result.results.reduce((sum, one) => sum + resultBytes(one), 0)
    default: return 0
  }
}

function resultBytes(result: OpResult): number {
  return ANSWER_BYTES + (result.op === 8 ? namesBytes(result.children) : 0)
}

function namesBytes(names: readonly string[]): number {
  let bytes = 0
  for (const name of names) bytes += NAME_BYTES + name.length
  return bytes
}

/** What a read by a session costs the turn that answers it, in bytes of its answer. */
export function readCost(request: Request, outcome: Outcome, tree: Tree, session: SessionId): number {
  return ANSWER_BYTES + hiddenBytes(request, outcome, tree, session) + outcomeBytes(outcome)
}

/** The same of a node that is to be read at once. */
export function lookCost(op: WatchableRead['op'], found: Znode | Missing): number {
  const isNamed = (op === 8 || op === 12) && typeof found !== 'string'
  return isNamed ? ANSWER_BYTES + found.childCount * NAMED_BYTES : ANSWER_BYTES
}

/** Of what the answer does not show: nodes that were looked at, and watches that were armed, or fired. */
function hiddenBytes(request: Request, outcome: Outcome, tree: Tree, session: SessionId): number {
  switch (request.op) {
    case 101: case 105: {
      const { data, exist, child, persistent, recursive } = request
      return (data.length + exist.length + child.length + persistent.length + recursive.length) * REARMED_BYTES
    }
    case 103: return tree.ephemeralsOf(session).size * COUNTED_BYTES
    // The root knows how many are below it.
    case 104: return request.path.length > 1 ? countOf(outcome) * COUNTED_BYTES : 0
    default: return 0
  }
}

function countOf({ code, result }: Outcome): number {
  return code === 'Ok' && result.op === 104 ? result.total : 0
}
