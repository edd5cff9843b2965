import { isZkError, ZkError } from '../../core/errors.ts'
import { childOf, parentOf } from '../../core/tree/path.ts'
import { formatQuota, parseQuota } from '../../core/tree/quota-text.ts'
import type { Quota } from '../../core/tree/quota-text.ts'
import type { Client } from '../../client/client.ts'
import type { Arguments, OptionKinds } from '../arguments.ts'
import type { Command, Task } from '../command.ts'
import { checkedPath } from '../paths.ts'
import { UsageError } from '../usage.ts'
import { visit } from '../visit.ts'

const ROOT = '/zookeeper/quota'
const NO_QUOTAS = `there is no ${ROOT} below this chroot: connect without it`
const LIMITS = 'zookeeper_limits'
const STATS = 'zookeeper_stats'

/** The fields by the letters that name them, in the order in which they count. */
const FIELDS: readonly (readonly [letter: string, field: keyof Quota, about: string])[] = [
  ['n', 'count', 'num soft quota'], ['b', 'bytes', 'bytes soft quota'],
  ['N', 'countHardLimit', 'num hard quota'], ['B', 'byteHardLimit', 'bytes hard quota'],
]

/** Where the quota of a node is kept. */
function quotaPath(path: string): string {
  return path === '/' ? ROOT : `${ROOT}${path}`
}

/** The one field that was named; more than one is an error. */
function fieldOf(args: Arguments): (typeof FIELDS)[number] | undefined {
  const [first, second] = FIELDS.filter(([letter]) => args.has(letter))
  if (second !== undefined) {
    throw new UsageError(`The option '${second[0]}' was specified but an option from this group ` +
      `has already been selected: '${first![0]}'`)
  }
  return first
}

function kinds(kind: 'flag' | 'value'): OptionKinds {
  return Object.fromEntries(FIELDS.map(([letter]) => [letter, kind]))
}

const setQuota: Command = {
  name: 'setquota', usage: '-n|-b|-N|-B val path',
  about: 'limit the nodes or bytes at and below it; hard limits (capitals) are enforced where the server does that',
  options: kinds('value'), most: 1,
  async run(task, args) {
    const field = fieldOf(args)
    if (field === undefined) {
      const all = FIELDS.map(([letter, , about]) => `-${letter} ${about}`)
      throw new UsageError(`Missing required option: [${all.join(', ')}]`)
    }
    if (args.words.length < 1) throw new UsageError(`setquota ${setQuota.usage}`)
    const given = args.word(0)
    if (given.startsWith(ROOT)) throw new UsageError(`cannot set a quota under the path: ${ROOT}`)
    const limit = limitOf(field, args.value(field[0])!)
    const path = checkedPath(given)
    const zk = await task.client()
    if (await zk.exists(path) === null) throw new UsageError(`${path} does not exist.`)
    if (path === '/') throw new UsageError('a quota of / limits nothing')
    // Nodes that look like it could be made there, and would limit nothing.
    if (await zk.exists(ROOT) === null) throw new UsageError(NO_QUOTAS)
    await refuseBelow(zk, path)
    await refuseAbove(zk, path)
    const quota = await storeLimit(task, zk, path, field[1], limit)
    task.show({ path, quota })
  },
}

function limitOf([letter, field]: (typeof FIELDS)[number], text: string): number {
  const limit = /^[+-]?\d+$/.test(text) ? Number(text) : NaN
  const isCount = field === 'count' || field === 'countHardLimit'
  if (!Number.isSafeInteger(limit) || (isCount && (limit | 0) !== limit)) {
    throw new UsageError(`the value of -${letter} must be a whole number, not ${text}`)
  }
  if (isCount && limit <= 0) throw new UsageError('the num quota must be greater than zero')
  if (limit < 0) throw new UsageError('the bytes quota must be greater than or equal to zero')
  return limit
}

async function refuseBelow(zk: Client, path: string): Promise<void> {
  const from = quotaPath(path)
  try {
    for await (const { path: at, names } of visit(zk, from)) {
      if (at !== from && names.includes(LIMITS)) {
        throw new UsageError(`${path} has a child ${at.slice(ROOT.length)} which has a quota`)
      }
    }
  } catch (error) {
    // No quota was ever set there.
    if (!isZkError(error, 'NoNode')) throw error
  }
}

async function refuseAbove(zk: Client, path: string): Promise<void> {
  for (let above = parentOf(path); above !== '/'; above = parentOf(above)) {
    if (await zk.exists(childOf(quotaPath(above), LIMITS)) !== null) {
      throw new UsageError(`${path} has a parent ${above} which has a quota`)
    }
  }
}

async function storeLimit(
  task: Task, zk: Client, path: string, field: keyof Quota, limit: number,
): Promise<Quota> {
  const limits = childOf(quotaPath(path), LIMITS)
  const stats = childOf(quotaPath(path), STATS)
  const known = await readQuota(zk, limits)
  const quota: Quota = { ...known ?? { count: -1, bytes: -1, countHardLimit: -1, byteHardLimit: -1 }, [field]: limit }
  if (known === null) {
    await zk.create(limits, formatQuota(quota), { parents: true })
    await create(zk, stats, formatQuota({ count: 0, bytes: 0 }))
  } else {
    await zk.set(limits, formatQuota(quota))
  }
  const used = await readQuota(zk, stats)
  const warn = (what: string, limited: readonly (number | undefined)[], is: number): void => {
    if (limited.every((most = -1) => most < 0 || most >= is)) return
    const text = `[Warning]: the ${what} quota you create is less than the existing ${what}:${is}`
    if (task.isJson) task.complain(text)
    else task.show(null, text)
  }
  warn('count', [quota.count, quota.countHardLimit], used?.count ?? -1)
  warn('bytes', [quota.bytes, quota.byteHardLimit], used?.bytes ?? -1)
  return quota
}

async function create(zk: Client, path: string, data: string): Promise<void> {
  try {
    await zk.create(path, data)
  } catch (error) {
    // Someone else made it at the same time.
    if (!isZkError(error, 'NodeExists')) throw error
  }
}

async function readQuota(zk: Client, path: string): Promise<Quota | null> {
  try {
    return parseQuota((await zk.get(path)).text())
  } catch (error) {
    if (isZkError(error, 'NoNode')) return null
    throw error
  }
}

const listQuota: Command = {
  name: 'listquota', usage: 'path', about: 'its limits and what is used of them', least: 1,
  async run(task, args) {
    const path = checkedPath(args.word(0))
    const limits = childOf(quotaPath(path), LIMITS)
    if (!task.isJson) task.note(`absolute path is ${limits}`)
    const zk = await task.client()
    const quota = await readQuota(zk, limits)
    const used = await readQuota(zk, childOf(quotaPath(path), STATS))
    const lines = []
    if (quota !== null) lines.push(`Output quota for ${path} ${formatQuota(quota)}`)
    if (quota !== null && used !== null) lines.push(`Output stat for ${path} ${formatQuota(used)}`)
    task.show({ path, quota, used }, ...lines)
    if (!task.isJson && (quota === null || used === null)) task.note(`quota for ${path} does not exist.`)
  },
}

const deleteQuota: Command = {
  name: 'delquota', usage: '[-n|-b|-N|-B] path', about: 'remove its limits, or one of them',
  options: kinds('flag'), least: 1,
  async run(task, args) {
    const field = fieldOf(args)
    const path = args.word(0)
    const at = quotaPath(path)
    const limits = childOf(at, LIMITS)
    const zk = await task.client()
    const quota = await readQuota(zk, checkedPath(limits))
    if (quota === null) {
      task.show({ path, quota: null }, `Quota does not exist for ${path}`)
      return
    }
    if (field !== undefined) {
      const next = { ...quota, [field[1]]: -1 }
      await zk.set(limits, formatQuota(next))
      task.show({ path, quota: next })
      return
    }
    for (const name of [LIMITS, STATS]) await removeIfThere(zk, childOf(at, name))
    await trim(zk, at)
    task.show({ path, quota: null })
  },
}

/** Removes what has become empty, up to the root of all quotas. */
async function trim(zk: Client, from: string): Promise<void> {
  for (let path = from; path !== ROOT; path = parentOf(path)) {
    if ((await zk.children(path)).length > 0) return
    await removeIfThere(zk, path)
  }
}

async function removeIfThere(zk: Client, path: string): Promise<void> {
  try {
    await zk.delete(path)
  } catch (error) {
    if (!(error instanceof ZkError) || (error.code !== 'NoNode' && error.code !== 'NotEmpty')) throw error
  }
}

/** Limits of subtrees, which are plain nodes. */
export const quotaCommands: readonly Command[] = [setQuota, listQuota, deleteQuota]
