import type { Random } from '../../lib/core/random.ts'
import type { Operation, ZnodeInput, ZnodeOutput } from '../../lib/testing/index.ts'
import { KEPT } from './workload.ts'
import type { ZnodeHistory } from './workload.ts'

type ZnodeOperation = Operation<ZnodeInput, ZnodeOutput>
/** An operation that wrote a value, and was told so. */
interface Write {
  readonly operation: ZnodeOperation
  readonly value: string
  readonly version: number
  readonly from: number
  readonly to: number
}

/** One way to spoil a history; null when this one has nothing to be spoiled in that way. */
export type Spoiler = (history: ZnodeHistory, random: Random) => ZnodeHistory | null

const KEPT_PATHS: readonly string[] = KEPT

function pick<T>(items: readonly T[], random: Random): T | null {
  return items.length === 0 ? null : items[random.below(items.length)]!
}

function isWrite(operation: ZnodeOperation): boolean {
  const { input, output, outcome } = operation
  return outcome === 'ok' && output !== undefined && !('error' in output) &&
    (input.kind === 'set' || input.kind === 'create')
}

function writes(history: ZnodeHistory): Write[] {
  return history.filter(isWrite).map((operation) => {
    const { input, output, invoked, returned } = operation
    const value = input.kind === 'set' || input.kind === 'create' ? input.value : ''
    const version = output !== undefined && 'version' in output ? output.version : 0
    return { operation, value, version, from: invoked, to: returned! }
  })
}

function reads(history: ZnodeHistory): ZnodeOperation[] {
  return history.filter(({ input, output }) => input.kind === 'get' && output !== undefined && 'value' in output)
}

function replaced(history: ZnodeHistory, old: ZnodeOperation, changes: Partial<ZnodeOperation>): ZnodeHistory {
  return history.map((each) => each === old ? { ...old, ...changes } : each)
}

/** A read gives what had been overwritten before it began. No value is written twice, so nothing can explain that. */
const staleRead: Spoiler = (history, random) => {
  const all = writes(history)
  const candidates = reads(history).flatMap((read) => {
    const over = all.filter(({ operation, to }) => operation.key === read.key && to < read.invoked)
    const old = pick(over.filter(({ to }) => over.some(({ from }) => to < from)), random)
    return old === null ? [] : [{ read, old }]
  })
  const found = pick(candidates, random)
  if (found === null) return null
  const { read, old: { value, version } } = found
  return replaced(history, read, { output: { value, version } })
}

/** A read gives what somebody began to write after it had ended. */
const fromTheFuture: Spoiler = (history, random) => {
  const all = writes(history)
  const candidates = reads(history).flatMap((read) => {
    const write = pick(all.filter(({ operation, from }) => operation.key === read.key && from > read.returned!), random)
    return write === null ? [] : [{ read, write }]
  })
  const found = pick(candidates, random)
  if (found === null) return null
  const { read, write: { value, version } } = found
  return replaced(history, read, { output: { value, version } })
}

/** A read gives what nobody wrote. */
const fromNowhere: Spoiler = (history, random) => {
  const read = pick(reads(history), random)
  if (read === null || read.output === undefined || !('version' in read.output)) return null
  return replaced(history, read, { output: { value: 'of nobody', version: read.output.version } })
}

/** Another acknowledged write, of a version that was given to somebody else. */
function withPhantom(history: ZnodeHistory, write: Write, version: number): ZnodeHistory {
  const end = Math.max(...history.map(({ invoked, returned }) => Math.max(invoked, returned ?? 0))) + 1
  const shift = (moment: number): number => moment > write.to ? moment + 2 : moment
  const later = history.map((each) => ({
    ...each, invoked: shift(each.invoked), returned: each.returned === null ? null : shift(each.returned),
  }))
  const { operation, to } = write
  const phantom: ZnodeOperation = {
    ...operation, process: 'phantom', input: { kind: 'set', value: `phantom ${end}`, version },
    output: { version: write.version }, invoked: to + 1, returned: to + 2,
  }
  return [...later, phantom].toSorted((one, other) => one.invoked - other.invoked)
}

function keptSets(history: ZnodeHistory): Write[] {
  return writes(history).filter(({ operation }) =>
    KEPT_PATHS.includes(operation.key) && operation.input.kind === 'set')
}

/** An acknowledged write of which nothing is seen afterwards: the next version is somebody else's. */
const lostWrite: Spoiler = (history, random) => {
  const sets = keptSets(history)
  const next = sets.filter((write) => sets.some(({ operation, version, from }) =>
    operation.key === write.operation.key && version === write.version + 1 && from > write.to))
  const found = pick(next, random)
  // It came right after the one of which it takes the place, and then was forgotten.
  return found === null ? null : withPhantom(history, { ...found, version: found.version + 1 }, -1)
}

/** Two compare-and-sets that expected the same version, and both were done. */
const doubledCas: Spoiler = (history, random) => {
  const found = pick(keptSets(history), random)
  return found === null ? null : withPhantom(history, found, found.version - 1)
}

/** A compare-and-set that was refused is said to have been done. */
const falseSuccess: Spoiler = (history, random) => {
  const sets = keptSets(history)
  const refused = history.filter(({ key, input, output }) => input.kind === 'set' && output !== undefined &&
    'error' in output && output.error === 'BadVersion' &&
    sets.some(({ operation, version }) => operation.key === key && version === input.version + 1))
  const found = pick(refused, random)
  if (found === null || found.input.kind !== 'set') return null
  return replaced(history, found, { output: { version: found.input.version + 1 } })
}

/** Two writes, one after the other, are told each other's versions. */
const reordered: Spoiler = (history, random) => {
  const sets = keptSets(history)
  const pairs = sets.flatMap((first) => {
    const second = pick(sets.filter(({ operation, from }) => operation.key === first.operation.key && from > first.to &&
      operation.input.kind === 'set'), random)
    return second === null ? [] : [{ first, second }]
  })
  const found = pick(pairs, random)
  if (found === null) return null
  const { first, second } = found
  const once = replaced(history, first.operation, { output: { version: second.version } })
  return replaced(once, second.operation, { output: { version: first.version } })
}

/** What was refused, as it is said, was read by somebody. */
const readOfRefused: Spoiler = (history, random) => {
  const seen = new Set(reads(history).map(({ output }) =>
    output !== undefined && 'value' in output ? output.value : ''))
  const found = pick(writes(history).filter(({ value }) => seen.has(value)), random)
  if (found === null) return null
  const error = found.operation.input.kind === 'create' ? 'NodeExists' : 'BadVersion'
  return replaced(history, found.operation, { output: { error } })
}

/** A node that nobody deletes is not there. */
const vanished: Spoiler = (history, random) => {
  const all = writes(history)
  const candidates = reads(history).filter((read) => KEPT_PATHS.includes(read.key) &&
    all.some(({ operation, to }) => operation.key === read.key && to < read.invoked))
  const read = pick(candidates, random)
  return read === null ? null : replaced(history, read, { output: { error: 'NoNode' } })
}

/** A node that nobody deletes is created a second time. */
const createdTwice: Spoiler = (history, random) => {
  const all = writes(history)
  const candidates = history.filter(({ key, input, output, invoked }) => input.kind === 'create' &&
    KEPT_PATHS.includes(key) && output !== undefined && 'error' in output &&
    all.some(({ operation, to }) => operation.key === key && to < invoked))
  const found = pick(candidates, random)
  return found === null ? null : replaced(history, found, { output: { done: true } })
}

/** Every way, by its name. What one returns is never linearizable, whatever the history was. */
export const SPOILERS: Readonly<Record<string, Spoiler>> = {
  'stale read': staleRead, 'value from the future': fromTheFuture, 'value from nowhere': fromNowhere,
  'lost write': lostWrite, 'doubled compare-and-set': doubledCas, 'refused write acknowledged': falseSuccess,
  reordered, 'acknowledged write refused': readOfRefused, vanished, 'created twice': createdTwice,
}
