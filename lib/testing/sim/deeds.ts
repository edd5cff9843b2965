import type { MultiOp, OpResult, Outcome, Request, SetAclRequest, WatchableRead } from '../../core/tree/request.ts'
import { Mode } from '../../core/tree/request.ts'
import { NO_SESSION } from '../../core/tree/stat.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { znodeModel } from '../linearizable-models.ts'
import type { Model, ZnodeInput, ZnodeOutput, ZnodeState } from '../linearizable-models.ts'
import { keyOf } from './versions.ts'

/** One thing done to a node. Null for `told`: all that is known is that it must succeed. */
interface Step {
  readonly input: ZnodeInput | { readonly kind: 'check', readonly version: number }
  readonly told: ZnodeOutput | null
  /** Whose the node is that this makes, or that was told of; empty when nothing was said of that. */
  readonly owner: string
}

/** What one request does to one node, at once. */
export type Deed =
  /** `refused`: the last of these steps fails, and nothing is changed. `number`: above 0 if its outcome is unknown. */
  | { readonly steps: readonly Step[], readonly isRefused: boolean, readonly number: number }
  /** What belongs to the session goes with it. */
  | { readonly ends: SessionId }
  /** A container or a node with a time to live is removed. */
  | { readonly reaps: true }

/** A node as far as clients can know it, and which deeds of unknown outcome are in that. */
export interface Standing {
  /** `any`: it may be whatever it will. */
  readonly node: ZnodeState | 'any'
  readonly owner: string
  readonly taken: readonly number[]
  /** Equal for equal ones. */
  readonly key: string
}

const PERSISTENT = 'persistent'
const REAPABLE = 'reapable'
/** One of these two: clients are not told which. */
const UNOWNED = 'unowned'

/** It is so, with these deeds of unknown outcome done. */
export function standing(node: Standing['node'], owner = '', taken: readonly number[] = []): Standing {
  const what = node === 'any' ? 'any' : node === null ? 'none' : `${node.version} ${node.value} ${owner}`
  return { node, owner, taken, key: `${what} ${taken.join()}` }
}

/** Znodes by the answers of their clients. What a deed was told is part of its input: it gives whether that can be. */
export const deedModel: Model<Standing, Deed, boolean> = {
  initial: () => standing(null),
  identify: ({ key }) => key,
  agrees: (given, due) => given === due,
  apply(state, deed) {
    const { node, owner, taken } = state
    if ('ends' in deed) return { state: owner === deed.ends ? standing(null, '', taken) : state, output: true }
    if ('reaps' in deed) {
      const may = node === 'any' || owner === REAPABLE || owner === UNOWNED
      return may ? { state: standing(null, '', taken), output: true } : { state, output: false }
    }
    const { steps, isRefused, number } = deed
    if (node === 'any' && (number > 0 || isRefused)) {
      const isAbsent = isRefused && steps.length === 1 && steps[0]!.told !== null && isNoNode(steps[0]!.told)
      return { state: isAbsent ? standing(null, '', taken) : state, output: true }
    }
    let next: Pick<Standing, 'node' | 'owner'> | null = state
    for (const step of steps) {
      next = next.node === 'any' ? learn(step) : take(next.node, next.owner, step)
      if (next === null) return { state, output: false }
    }
    if (isRefused) return { state, output: true }
    const more = number > 0 ? [...taken, number].sort((one, other) => one - other) : taken
    return { state: standing(next.node, next.owner, more), output: true }
  },
}

function isNoNode(told: ZnodeOutput): boolean {
  return 'error' in told && told.error === 'NoNode'
}

/** What success tells of a node of which nothing was known. */
function learn({ input, told, owner }: Step): Pick<Standing, 'node' | 'owner'> {
  const whose = owner === NO_SESSION ? UNOWNED : owner
  if (input.kind === 'create') return { node: { value: input.value, version: 0 }, owner }
  if (input.kind === 'delete') return { node: null, owner: '' }
  if (input.kind === 'set' && told !== null && 'version' in told) {
    return { node: { value: input.value, version: told.version }, owner: whose }
  }
  if (input.kind === 'get' && told !== null && 'value' in told) return { node: told, owner: whose }
  return { node: 'any', owner: '' }
}

function take(node: ZnodeState, owner: string, step: Step): Pick<Standing, 'node' | 'owner'> | null {
  const { input, told } = step
  const { state, output } = input.kind === 'check' ? checked(node, input.version) : znodeModel.apply(node, input)
  const isRight = told === null ? !('error' in output) : znodeModel.agrees!(told, output)
  if (!isRight) return null
  if (input.kind === 'create' && !('error' in output)) return { node: state, owner: step.owner }
  const isOwned = owner !== PERSISTENT && owner !== REAPABLE && owner !== UNOWNED
  if (step.owner !== '' && step.owner !== (isOwned ? owner : NO_SESSION)) return null
  return { node: state, owner: state === null ? '' : owner }
}

function checked(node: ZnodeState, version: number): { readonly state: ZnodeState, readonly output: ZnodeOutput } {
  if (node === null) return { state: node, output: { error: 'NoNode' } }
  const isIt = version === -1 || version === node.version
  return { state: node, output: isIt ? { done: true } : { error: 'BadVersion' } }
}

/** A part of a request that names a node, one that it makes in sequence left out. */
export type Part = MultiOp | SetAclRequest | WatchableRead | { readonly op: 6, readonly path: string }

/** Calls `take` for each part that names a node. */
export function eachPart(request: Request, take: (part: Part, at: number) => void): void {
  switch (request.op) {
    case 14: case 22:
      request.ops.forEach((part, at) => { if (!isSequential(part)) take(part, at) })
      break
    case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: case 12: case 13: case 15: case 19: case 21:
      if (!isSequential(request as Part)) take(request as Part, 0)
      break
    default: break
  }
}

function isSequential(part: Part): boolean {
  return 'flags' in part && (part.flags === Mode.persistentSequential || part.flags === Mode.ephemeralSequential ||
    part.flags === Mode.persistentSequentialTtl)
}

/** What the answer to a request tells of a node; null when that is nothing. */
export function deedOf(path: string, session: SessionId, request: Request, { code, result }: Outcome): Deed | null {
  const results: readonly OpResult[] | null = result === null ? null : 'results' in result ? result.results : [result]
  const failed = request.op === 14 ? results?.findIndex(({ op }) => op === -1) ?? -1 : -1
  if (failed >= 0) return deedOfFailed(path, session, request, results!)
  if (results === null && (request.op === 14 || request.op === 22)) return null
  const steps: Step[] = []
  let isRefused = false
  eachPart(request, (part, at) => {
    if (part.path !== path) return
    const done = results?.[at] ?? { op: -1, code }
    isRefused = done.op === -1
    const step = done.op === -1 ? refused(part, (done as { readonly code: string }).code) : taken(part, session, done)
    if (step !== null) steps.push(step)
  })
  return steps.length === 0 ? null : { steps, isRefused, number: 0 }
}

/** Of a multi all or nothing is done: what comes before its failing part would have been. */
function deedOfFailed(path: string, session: SessionId, request: Request, results: readonly OpResult[]): Deed | null {
  const steps: Step[] = []
  let isOver = false
  eachPart(request, (part, at) => {
    const { code } = results[at] as { readonly code: string }
    const isHere = !isOver && part.path === path
    isOver ||= code !== 'Ok'
    const step = !isHere ? null : code === 'Ok' ? taken(part, session, null) : refused(part, code)
    if (step !== null) steps.push(step)
  })
  return steps.length === 0 ? null : { steps, isRefused: true, number: 0 }
}

/** What a request does to a node if it happens; null when that is nothing. */
export function deedOfUnknown(path: string, session: SessionId, request: Request, number: number): Deed | null {
  const steps: Step[] = []
  eachPart(request, (part) => { if (part.path === path) steps.push(taken(part, session, null)) })
  const doesIt = steps.some(({ input: { kind } }) => kind === 'create' || kind === 'set' || kind === 'delete')
  return doesIt ? { steps, isRefused: false, number } : null
}

function valueOf(data: Uint8Array | null): string {
  return String(keyOf(data))
}

/** It succeeded, or will; `done` is what it was told then. */
function taken(part: Part, session: SessionId, done: OpResult | null): Step {
  const stat = done !== null && 'stat' in done ? done.stat : null
  const told = done === null ? null : { done: true } as const
  const owner = stat?.ephemeralOwner ?? ''
  switch (part.op) {
    case 1: case 15: case 19: case 21: {
      const isReapable = part.op === 19 || part.flags === Mode.container || part.flags === Mode.persistentTtl
      const whose = isReapable ? REAPABLE : part.flags === Mode.ephemeral ? session : PERSISTENT
      return { input: { kind: 'create', value: valueOf(part.data) }, told, owner: whose }
    }
    case 2: return { input: { kind: 'delete', version: part.version }, told, owner: '' }
    case 5: {
      const { data, version } = part
      return { input: { kind: 'set', value: valueOf(data), version }, told: stat && { version: stat.version }, owner }
    }
    case 13: return { input: { kind: 'check', version: part.version }, told, owner }
    case 4: {
      const data = done !== null && 'data' in done ? done.data : null
      return { input: { kind: 'get' }, told: stat && { value: valueOf(data), version: stat.version }, owner }
    }
    case 7: return { input: { kind: 'check', version: -1 }, told, owner: '' }
    default: return { input: { kind: 'check', version: stat?.version ?? -1 }, told, owner }
  }
}

const ABSENT: Step = { input: { kind: 'get' }, told: { error: 'NoNode' }, owner: '' }

/** What its failure tells; null when that is nothing. */
function refused(part: Part, code: string): Step | null {
  const isTold = code === 'NoNode' || code === 'BadVersion'
  const told = { error: code } as ZnodeOutput
  switch (part.op) {
    case 1: case 15: case 19: case 21:
      if (code === 'NodeExists') return { input: { kind: 'create', value: '' }, told, owner: '' }
      // Where there is no parent, or one that has no children, there is no child.
      return code === 'NoNode' || code === 'NoChildrenForEphemerals' ? ABSENT : null
    case 2:
      if (code === 'NotEmpty') {
        return { input: { kind: 'check', version: part.version }, told: { done: true }, owner: '' }
      }
      return isTold ? { input: { kind: 'delete', version: part.version }, told, owner: '' } : null
    case 5: return isTold ? { input: { kind: 'set', value: '', version: part.version }, told, owner: '' } : null
    case 13: return isTold ? { input: { kind: 'check', version: part.version }, told, owner: '' } : null
    default: return code === 'NoNode' ? ABSENT : null
  }
}
