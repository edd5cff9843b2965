import type { ErrorCode } from '../core/errors.ts'
import { ZkError } from '../core/errors.ts'
import { isWrite, Op } from '../core/tree/request.ts'
import type { Acl, Identity, OpResult, Outcome, Request, Result } from '../core/tree/request.ts'
import type { Stat } from '../core/tree/stat.ts'
import { NodeData } from './values.ts'

/** A node that was just created. */
export interface Created {
  /** The final path, with the number of a sequential node. */
  readonly path: string
  readonly stat: Stat
}

/**
 * A node that a multi has created. There is no stat where the server leaves it out: Apache ZooKeeper before 3.7.2 and
 * 3.8.2 (ZOOKEEPER-4026).
 */
export interface CreatedInMulti {
  readonly path: string
  readonly stat: Stat | undefined
}

/** Names of the children, and the stat of their parent. */
export interface Children {
  readonly children: readonly string[]
  readonly stat: Stat
}

/** An access-control list, and the stat of its node. */
export interface AclOf {
  readonly acl: readonly Acl[]
  readonly stat: Stat
}

type ResultWith<K extends string> = Extract<Result, Record<K, unknown>>

/** The error of a failed request. */
export function failure(code: ErrorCode, request: Request): ZkError {
  return new ZkError(code, undefined, 'path' in request ? { path: request.path } : {})
}

/** For requests whose answer says no more than that they succeeded. */
export function pickNothing(outcome: Outcome, request: Request): undefined | ZkError {
  return outcome.code === 'Ok' ? undefined : failure(outcome.code, request)
}

/** Of create: the final path. */
export function pickPath(outcome: Outcome, request: Request): string | ZkError {
  return outcome.code === 'Ok' ? (outcome.result as ResultWith<'path'>).path : failure(outcome.code, request)
}

/** Of create2 and its like. */
export function pickCreated(outcome: Outcome, request: Request): Created | ZkError {
  if (outcome.code !== 'Ok') return failure(outcome.code, request)
  const { path, stat } = outcome.result as Extract<Result, Created>
  return { path, stat }
}

/** Of set and setAcl. */
export function pickStat(outcome: Outcome, request: Request): Stat | ZkError {
  return outcome.code === 'Ok' ? (outcome.result as ResultWith<'stat'>).stat : failure(outcome.code, request)
}

/** Of exists: a missing node is an answer. */
export function pickExists(outcome: Outcome, request: Request): Stat | null | ZkError {
  return outcome.code === 'NoNode' ? null : pickStat(outcome, request)
}

/** Of get. */
export function pickNode(outcome: Outcome, request: Request): NodeData | ZkError {
  if (outcome.code !== 'Ok') return failure(outcome.code, request)
  const { data, stat } = outcome.result as ResultWith<'data'>
  return new NodeData(data, stat)
}

/** Of children. */
export function pickNames(outcome: Outcome, request: Request): string[] | ZkError {
  if (outcome.code !== 'Ok') return failure(outcome.code, request)
  return [...(outcome.result as ResultWith<'children'>).children]
}

/** Of children with stat. */
export function pickChildren(outcome: Outcome, request: Request): Children | ZkError {
  if (outcome.code !== 'Ok') return failure(outcome.code, request)
  const { children, stat } = outcome.result as Extract<Result, Children>
  return { children: [...children], stat }
}

/** Of getAcl. */
export function pickAcl(outcome: Outcome, request: Request): AclOf | ZkError {
  if (outcome.code !== 'Ok') return failure(outcome.code, request)
  const { acl, stat } = outcome.result as Extract<Result, AclOf>
  return { acl: acl.map((entry) => ({ ...entry })), stat }
}

/** Of getAllChildrenNumber. */
export function pickTotal(outcome: Outcome, request: Request): number | ZkError {
  return outcome.code === 'Ok' ? (outcome.result as ResultWith<'total'>).total : failure(outcome.code, request)
}

/** Of getEphemerals. */
export function pickPaths(outcome: Outcome, request: Request): string[] | ZkError {
  return outcome.code === 'Ok' ? [...(outcome.result as ResultWith<'paths'>).paths] : failure(outcome.code, request)
}

/** Of whoAmI. */
export function pickIdentities(outcome: Outcome, request: Request): Identity[] | ZkError {
  return outcome.code === 'Ok' ? [...(outcome.result as ResultWith<'identities'>).identities]
    : failure(outcome.code, request)
}

/** Of a multi: all results, or the error of the operation that failed, with the code of each. */
export function pickMulti(outcome: Outcome, request: Request): readonly OpResult[] | ZkError {
  if (outcome.code !== 'Ok') return failure(outcome.code, request)
  const { results } = outcome.result as ResultWith<'results'>
  const codes = results.map((result) => ('code' in result ? result.code : 'Ok'))
  const failed = codes.findIndex((code) => code !== 'Ok' && code !== 'RuntimeInconsistency')
  const code = codes[failed]
  if (code === undefined) return results
  const op = request.op === 14 ? request.ops[failed] : undefined
  return new ZkError(code, undefined, { ...(op ? { path: op.path } : {}), results: codes })
}

/** Of a multiRead: every operation has its own success or error. */
export function pickMultiRead(outcome: Outcome, request: Request): readonly unknown[] | ZkError {
  if (outcome.code !== 'Ok') return failure(outcome.code, request)
  const { results } = outcome.result as ResultWith<'results'>
  return results.map((result, index) => {
    const path = request.op === 22 ? request.ops[index]?.path : undefined
    if ('code' in result) return new ZkError(result.code, undefined, path === undefined ? {} : { path })
    if (result.op === 4) return new NodeData(result.data, result.stat)
    return result.op === 8 ? [...result.children] : undefined
  })
}

/** For error details. */
export function pathOf(request: Request): { readonly path?: string } {
  return 'path' in request ? { path: request.path } : {}
}

/** The caller gave up. */
export function aborted(signal: AbortSignal, request: Request, mayHaveHappened: boolean): ZkError {
  return new ZkError('Aborted', undefined, { ...pathOf(request), cause: signal.reason, mayHaveHappened })
}

/** True for what must not be sent twice: writes, and changes of the membership. */
export function mayChange(request: Request): boolean {
  return isWrite(request) || request.op === Op.reconfig
}

/** The connection went: of a write that was sent nobody knows what became. */
export function lost(request: Request): ZkError {
  return mayChange(request)
    ? new ZkError('ConnectionLoss', undefined, { ...pathOf(request), mayHaveHappened: true })
    : failure('ConnectionLoss', request)
}

/** The session is over. */
export function ended(request: Request, isSent: boolean, code: ErrorCode): ZkError {
  return new ZkError(code, undefined, {
    ...pathOf(request), mayHaveHappened: isSent && mayChange(request),
  })
}

